"""Verbs that train a back-end and score with it."""

from functools import partial
from inspect import signature
from pathlib import Path

from spkr.cli.arguments import SETTINGS, options
from spkr.errors import InputError


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("backend", _backend, "train mean, LDA and PLDA on embeddings",
             "exp/an4/main/backend --xvectors xvector.scp --utt2spk utt2spk --options '{\"lda_dim\": 99}'")  # fmt: skip
    p.add_argument("out_dir")
    p.add_argument("--xvectors", nargs="+", required=True, metavar="SCP")
    p.add_argument("--utt2spk", nargs="+", required=True, metavar="FILE", help="of each table, in the same order")
    p.add_argument("--num-voiced", nargs="+", default=[], metavar="FILE", help="utt2num_voiced of each table")
    p.add_argument("--options", type=partial(options, section="backend"), required=True, help=SETTINGS)

    p = verb("score", _score, "score a trial list",
             "trials scores --backend plda --backend-dir exp/an4/main/backend --xvectors xvector.scp")  # fmt: skip
    p.add_argument("trials", help="lines of: enrolment test [label]")
    p.add_argument("scores", help="output, lines of: enrolment test score")
    p.add_argument("--backend", choices=("cosine", "lda_cosine", "plda"), required=True)
    p.add_argument("--backend-dir", type=Path, required=True, help="folder of mean.vec, transform.mat, plda")
    p.add_argument("--xvectors", nargs="+", required=True, metavar="SCP")
    p.add_argument("--models", help="models_<list>: the utterances of each enrolment model")


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
