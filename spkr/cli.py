"""The command `spkr <verb>`: arguments, logging and exit status; each verb is a function on paths.

Exit status: 0 done; 1 the input was wrong, or something failed; 2 the command line was wrong; 143 (SIGTERM) or 130
(SIGINT) a training was stopped: it has saved a checkpoint, and the same command goes on from there.
"""

import argparse
import json
import logging
import os
import sys
from functools import partial
from inspect import signature
from pathlib import Path

import yaml

from spkr.errors import InputError

logger = logging.getLogger("spkr")


def options(text: str, section: str | None = None) -> dict:
    """Settings, from JSON on the command line or a YAML file's path; those under `section`, if that is all there is."""
    is_json = text.lstrip().startswith("{")
    try:
        settings = json.loads(text) if is_json else yaml.safe_load(Path(text).read_text(encoding="utf-8"))
    except OSError as e:
        raise argparse.ArgumentTypeError(f"{text}: {e.strerror}; expected JSON in braces, or a YAML file") from None
    except (ValueError, yaml.YAMLError) as e:
        reason = " ".join(str(e).split())
        raise argparse.ArgumentTypeError(f"{text}: no {'JSON' if is_json else 'YAML'} ({reason})") from None
    if isinstance(settings, dict) and settings.keys() == {section}:
        settings = settings[section]
    if not isinstance(settings, dict):
        raise argparse.ArgumentTypeError(f"{text}: expected a dictionary of settings")
    return settings


def pair(text: str) -> tuple[str, str]:
    """NAME=PATH as (NAME, PATH)."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"expected NAME=PATH, found {text!r}")
    return name, path


def shard(text: str) -> tuple[int, int]:
    """I/N as (I, N), 1 <= I <= N."""
    i, _, n = text.partition("/")
    if not (i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, found {text!r}")
    return int(i), int(n)


def _fetch(args) -> None:
    from spkr.corpus.fetch import fetch_corpus

    fetch_corpus(args.archive, args.out_dir, args.corpora, args.url, args.sha256)


def _augment(args) -> None:
    from spkr.audio.augment import AugmentOptions, augment_data_dir

    augment_data_dir(args.data_dir, args.out_dir, AugmentOptions.from_dict(args.options), args.seed)


def _feats(args) -> None:
    from dataclasses import replace

    from spkr.feats.extract import extract_shard
    from spkr.feats.options import FrontEnd

    if args.model:
        from spkr.nnet.model import load_model

        front_end = load_model(args.model)[1]
    else:
        front_end = FrontEnd.from_dict(args.options)
    i, n = args.shard
    extract_shard(args.data_dir, args.out_dir, replace(front_end, shards=n), i, args.seed)


def _merge_feats(args) -> None:
    from spkr.kaldi.shards import merge_shards

    merge_shards(args.out_dir, args.data_dir, args.shards)


def _train(args) -> None:
    from spkr.train.loop import train

    train(
        args.out_dir, args.checkpoints, args.settings, args.train, dict(args.data), dict(args.feats),
        args.dev_trials, args.seed,
    )  # fmt: skip


def _embed(args) -> None:
    from spkr.nnet.embed import embed_set

    embed_set(args.model, args.data_dir, args.feats_dir, args.out_dir)


def _backend(args) -> None:
    from spkr.backend.train import train_backend

    try:
        signature(train_backend).bind(..., ..., ..., num_voiced=..., **args.options)
    except TypeError as e:
        raise InputError(f"--options: {e}; expected backend options, without sets, kinds, primary and from") from None
    train_backend(args.xvectors, args.utt2spk, args.out_dir, num_voiced=args.num_voiced, **args.options)


def _score(args) -> None:
    from spkr.backend.score import score_trials

    folder = args.backend_dir
    score_trials(
        args.backend, args.trials, args.xvectors, args.scores, mean=folder / "mean.vec",
        transform=folder / "transform.mat", plda=folder / "plda", models_path=args.models,
    )  # fmt: skip


def _evaluate(args) -> None:
    from spkr.report.results import ScoredList, report

    names = [name for name, _ in args.list]
    for key in [*args.with_models, *(key.rpartition(".")[0] for key, _ in args.scores)]:
        if key not in names:
            raise InputError(f"no --list is called {key!r}, only {', '.join(names)}; expected LIST.BACKEND=SCORES")
    lists = []
    for name, trials in args.list:
        scores = {key.removeprefix(f"{name}."): path for key, path in args.scores if key.startswith(f"{name}.")}
        lists.append(ScoredList(name, trials, scores, has_models=name in args.with_models))
    table = report(
        lists, args.out_dir, name=args.name, run=args.run_name, model=args.model, seed=args.seed,
        primary=args.primary, valid_json=args.valid,
    )  # fmt: skip
    print(table, end="")


def parser() -> argparse.ArgumentParser:
    """The command line, a subcommand for each verb."""
    top = argparse.ArgumentParser(prog="spkr", description="Speaker recognition, a stage at a time.")
    top.add_argument("--log", type=Path, metavar="FILE", help="write what is logged to FILE, too")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, run, text: str, example: str) -> argparse.ArgumentParser:
        p = verbs.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example:\n  spkr {name} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        p.set_defaults(run=run)
        return p

    settings = "settings: JSON, or a YAML file"
    seed = {"type": int, "default": 1, "help": "of all that is random (default: %(default)s)"}

    p = verb("fetch", _fetch, "find or download a corpus' archive, and unpack it",
             "an4_sphere.tar.gz exp/corpora/an4 --corpora ~/corpora")  # fmt: skip
    p.add_argument("archive", help="file name of the archive")
    p.add_argument("out_dir", help="where it is unpacked")
    p.add_argument(
        "--corpora", default=os.environ.get("SPKR_CORPORA"), help="folder to look for it first (default: $SPKR_CORPORA)"
    )
    p.add_argument("--url", help="where to download it from otherwise")
    p.add_argument("--sha256", help="of the archive, checked after a download")

    p = verb("augment", _augment, "make a data directory of augmented copies",
             "exp/an4/data/train exp/an4/data/train_speed3 --options '{\"speeds\": [0.9, 1.0, 1.1]}'")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--options", type=options, required=True, help=settings)
    p.add_argument("--seed", **seed)

    p = verb("feats", _feats, "compute one shard of a data directory's features and voice activity",
             "exp/an4/data/train exp/an4/feats/train --options conf/feats/fbank80.yaml --shard 1/2")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    front_end = p.add_mutually_exclusive_group(required=True)
    front_end.add_argument("--options", type=partial(options, section="feats"), help=settings)
    front_end.add_argument("--model", help="take the front end of this model file")
    p.add_argument("--shard", type=shard, default=(1, 1), metavar="I/N", help="part I of N (default: 1/1)")
    p.add_argument("--seed", **seed)

    p = verb("merge-feats", _merge_feats, "join the shards of a set's features",
             "exp/an4/data/train exp/an4/feats/train --shards 2")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--shards", type=int, required=True)

    p = verb("train", _train, "train a speaker network",
             "exp/an4/main/model --checkpoints exp/an4/main/model/checkpoints --settings settings.yaml \\\n"
             "    --train train --dev-trials exp/an4/data/dev/trials_pairs \\\n"
             "    --data train=exp/an4/data/train valid=exp/an4/data/valid dev=exp/an4/data/dev \\\n"
             "    --feats train=exp/an4/feats/train valid=exp/an4/feats/valid dev=exp/an4/feats/dev")  # fmt: skip
    p.add_argument("out_dir")
    p.add_argument("--checkpoints", required=True, help="folder of the runs' own folders, to go on from")
    p.add_argument("--settings", type=options, required=True, help=f"sections model, train, feats; {settings}")
    p.add_argument("--train", nargs="+", required=True, metavar="SET", help="sets to learn from")
    p.add_argument("--data", nargs="+", type=pair, required=True, metavar="SET=DIR", help="also of valid and dev")
    p.add_argument("--feats", nargs="+", type=pair, required=True, metavar="SET=DIR", help="also of valid and dev")
    p.add_argument("--dev-trials", required=True, help="trial list of dev, for the EER of each epoch")
    p.add_argument("--seed", **seed)

    p = verb("embed", _embed, "embed every utterance of a set",
             "exp/an4/main/model/final.pt exp/an4/data/test exp/an4/feats/test exp/an4/main/xvectors/test")  # fmt: skip
    for name in ("model", "data_dir", "feats_dir", "out_dir"):
        p.add_argument(name)

    p = verb("backend", _backend, "train mean, LDA and PLDA on embeddings",
             "exp/an4/main/backend --xvectors xvector.scp --utt2spk utt2spk --options '{\"lda_dim\": 99}'")  # fmt: skip
    p.add_argument("out_dir")
    p.add_argument("--xvectors", nargs="+", required=True, metavar="SCP")
    p.add_argument("--utt2spk", nargs="+", required=True, metavar="FILE", help="of each table, in the same order")
    p.add_argument("--num-voiced", nargs="+", default=[], metavar="FILE", help="utt2num_voiced of each table")
    p.add_argument("--options", type=partial(options, section="backend"), required=True, help=settings)

    p = verb("score", _score, "score a trial list",
             "trials scores --backend plda --backend-dir exp/an4/main/backend --xvectors xvector.scp")  # fmt: skip
    p.add_argument("trials", help="lines of: enrolment test [label]")
    p.add_argument("scores", help="output, lines of: enrolment test score")
    p.add_argument("--backend", choices=("cosine", "lda_cosine", "plda"), required=True)
    p.add_argument("--backend-dir", type=Path, required=True, help="folder of mean.vec, transform.mat, plda")
    p.add_argument("--xvectors", nargs="+", required=True, metavar="SCP")
    p.add_argument("--models", help="models_<list>: the utterances of each enrolment model")

    p = verb("eval", _evaluate, "measure EER and minDCF, draw DET plots",
             "exp/an4/main/results --list trials_pairs=exp/an4/data/test/trials_pairs "
             "\\\n    --scores trials_pairs.plda=exp/an4/main/scores/trials_pairs.plda --primary plda")  # fmt: skip
    p.add_argument("out_dir")
    p.add_argument("--list", nargs="+", type=pair, required=True, metavar="LIST=TRIALS")
    p.add_argument("--scores", nargs="+", type=pair, required=True, metavar="LIST.BACKEND=SCORES")
    p.add_argument("--with-models", nargs="*", default=[], metavar="LIST", help="lists that also ask who is speaking")
    p.add_argument("--primary", required=True, help="the back-end chosen on dev")
    p.add_argument("--valid", help="valid.json of the training, for the identification accuracy")
    for name, dest in (("--name", "name"), ("--run", "run_name"), ("--model", "model")):
        p.add_argument(name, dest=dest, default="-", help="for the results' column of that name")
    p.add_argument("--seed", **seed)
    return top


def main(argv: list[str] | None = None) -> None:
    """Run one verb; wrong input is one line on stderr and exit status 1."""
    args = parser().parse_args(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads would spin, in the way of whatever else runs
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if args.log:
        args.log.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(args.log, mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=handlers)
    try:
        args.run(args)
    except InputError as e:
        logger.error("spkr %s: error: %s", args.verb, e)
        sys.exit(1)
    except Exception:
        logger.exception("spkr %s: failed; this is a defect of spkr, or of the machine", args.verb)
        sys.exit(1)
