"""Verbs that train a network and embed utterances."""

import os
from functools import partial
from pathlib import Path

from spkr.cli.arguments import SEED, SETTINGS, options, pair, positive, recorded, shard
from spkr.errors import InputError
from spkr.nnet.importers import ORIGINS


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("train", _train, "train a speaker network",
             "exp/an4/main/model --checkpoints exp/an4/main/model/checkpoints --settings settings.yaml \\\n"
             "    --train train_speed3 --dev-trials exp/an4/data/dev/trials_pairs \\\n"
             "    --data train_speed3=exp/an4/data/train_speed3 valid=exp/an4/data/valid dev=exp/an4/data/dev \\\n"
             "    --feats train_speed3=exp/an4/feats/fbank80_utt/train_speed3 \\\n"
             "            valid=exp/an4/feats/fbank80_utt/valid dev=exp/an4/feats/fbank80_utt/dev")  # fmt: skip
    p.add_argument("out_dir")
    p.add_argument(
        "--checkpoints", required=True, help="folder of the trainings' folders, from which a training resumes"
    )
    p.add_argument("--settings", type=options, required=True, help=f"sections model, train, feats; {SETTINGS}")
    p.add_argument("--train", nargs="+", required=True, metavar="SET", help="sets to train on")
    p.add_argument("--data", nargs="+", type=pair, required=True, metavar="SET=DIR", help="also of valid and dev")
    p.add_argument("--feats", nargs="+", type=pair, required=True, metavar="SET=DIR", help="also of valid and dev")
    p.add_argument("--dev-trials", required=True, help="trial list of dev, for the EER of each epoch")
    p.add_argument("--sounds", metavar="FILE", help="rooms and noise (spkr sounds), for train.waveforms")
    p.add_argument("--stop-after", type=float, default=float("inf"), metavar="MINUTES",
                   help="then save a checkpoint and exit with status 75; the same command resumes")  # fmt: skip
    p.add_argument("--seed", **SEED)

    p = verb("embed", _embed, "embed every utterance of a set",
             "exp/an4/main/model/final.pt exp/an4/data/test exp/an4/feats/fbank80_utt/test "
             "exp/an4/main/xvectors/test")  # fmt: skip
    for name in ("model", "data_dir", "feats_dir", "out_dir"):
        p.add_argument(name)
    p.add_argument("--options", type=partial(options, section="embed"), default={}, help=SETTINGS)
    p.add_argument(
        "--shard", type=shard, metavar="I/N", help="only part I of N, for merge-xvectors (default: the whole)"
    )

    p = verb("merge-xvectors", _merge_xvectors, "join the shards of a set's embeddings, and average by speaker",
             "exp/an4/data/test exp/an4/feats/fbank80_utt/test exp/an4/main/xvectors/test --shards 2")  # fmt: skip
    for name in ("data_dir", "feats_dir", "out_dir"):
        p.add_argument(name)
    p.add_argument("--shards", type=positive, required=True)
    p.add_argument("--options", type=partial(options, section="embed"), default={}, help=SETTINGS)
    _add_importers(verb)


def _add_importers(verb) -> None:
    p = verb("import", _import, "turn a trained network of another toolkit into a model file",
             "campplus_cn_en_common.pt campplus.pt --from 3d-speaker")  # fmt: skip
    p.add_argument("file", help="its weights: a state dict of torch, or a checkpoint that holds one")
    p.add_argument("out", help="output, a model file: final.pt, as `spkr train` writes it, without speakers")
    p.add_argument("--from", dest="origin", choices=sorted(ORIGINS), required=True, help="the toolkit")
    p.add_argument("--preset", type=partial(options, section="model"), default={}, metavar="OPTIONS",
                   help=f"options that the network must have; {SETTINGS}")  # fmt: skip

    p = verb("pretrained", _pretrained, "find or download a network of conf/pretrained/, and turn it into a model file",
             "exp/pretrained/campplus_200k.pt --entry conf/pretrained/campplus_200k.yaml")  # fmt: skip
    p.add_argument("out", help="output, a model file")
    p.add_argument("--entry", type=options, required=True, help=f"what is known of the network; {SETTINGS}")
    p.add_argument("--models", default=os.environ.get("SPKR_MODELS"),
                   help="where its file is looked for (default: $SPKR_MODELS)")  # fmt: skip


def _pretrained(args) -> None:
    from spkr.config.options import read_options
    from spkr.config.pretrained_options import Pretrained
    from spkr.manifest import artefacts
    from spkr.nnet.importers.importing import fetch_network, import_model

    out, entry = Path(args.out), read_options(Pretrained, args.entry, "--entry")
    file = fetch_network(entry, args.models, out.parent / "downloads")
    with artefacts("pretrained", recorded(args), out.with_name(f"manifest.{out.stem}.json"), writes=[out]):
        import_model(file, out, entry.origin, entry.model, entry.about())


def _import(args) -> None:
    from spkr.manifest import artefacts
    from spkr.nnet.importers.importing import import_model

    out = Path(args.out)
    if out.suffix != ".pt":
        raise InputError(f"{args.out or repr('')}: expected a name that ends in .pt, as the config's `model` has")
    with artefacts(
        "import", recorded(args), out.with_name(f"manifest.{out.stem}.json"), reads=[args.file], writes=[out]
    ):
        import_model(args.file, out, args.origin, args.preset)


def _train(args) -> None:
    from spkr.config.options import read_options
    from spkr.config.schema import Training
    from spkr.manifest import artefacts
    from spkr.train.run import Sets, train

    settings = read_options(Training, args.settings, "--settings")
    models = [settings.train.init_from, settings.train.teacher]
    reads = (
        [path for _, path in (*args.data, *args.feats)] + [args.dev_trials] + list(filter(None, [*models, args.sounds]))
    )
    writes = [f"{args.out_dir}/final.pt"]
    with artefacts("train", recorded(args), f"{args.out_dir}/manifest.json", reads=reads, writes=writes):
        sets = Sets(args.train, dict(args.data), dict(args.feats), args.dev_trials, args.sounds)
        train(args.out_dir, args.checkpoints, settings, sets, args.seed, args.stop_after)


def _embed(args) -> None:
    from spkr.config.embed_options import Embed
    from spkr.config.options import read_options
    from spkr.manifest import artefacts
    from spkr.nnet.embed import embed_set

    i, n = args.shard or (1, 1)
    made = read_options(Embed, args.options, "--options").replace(shards=n)
    reads = [args.model, args.data_dir, args.feats_dir]
    with artefacts("embed", recorded(args), f"{args.out_dir}/manifest.{i}.json", reads=reads):
        embed_set(args.model, args.data_dir, args.feats_dir, args.out_dir, made, i)
    if not args.shard:
        _merge(args, 1, made.silent)


def _merge_xvectors(args) -> None:
    from spkr.config.embed_options import Embed
    from spkr.config.options import read_options

    _merge(args, args.shards, read_options(Embed, args.options, "--options").silent)


def _merge(args, shards: int, silent: str) -> None:
    from spkr.kaldi.shards import shard_lists
    from spkr.kaldi.xvectors import merge_xvectors
    from spkr.manifest import artefacts, check_files

    check_files(*shard_lists(args.out_dir, shards, ["xvector.scp"]))
    reads = [args.data_dir, f"{args.feats_dir}/utt2num_voiced"]
    with artefacts("merge_xvectors", recorded(args), f"{args.out_dir}/manifest.json", reads=reads):
        merge_xvectors(args.data_dir, args.feats_dir, args.out_dir, shards, silent)
