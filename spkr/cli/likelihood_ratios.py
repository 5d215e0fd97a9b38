"""Verbs that turn scores into log-likelihood ratios."""

from pathlib import Path

from spkr.backend import QUALITY
from spkr.cli.arguments import prior, recorded

SPEAKERS = "speakers of the list's utterances"
SCORES = "of the list, lines of: enrolment test score; of several systems, to fuse them"


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("calibrate", _calibrate, "train the map from scores to log-likelihood ratios, by logistic regression",
             "exp/an4/data/dev/trials_pairs exp/an4/main/scores/dev_trials_pairs.plda "
             "\\\n    exp/an4/main/calibration/dev_trials_pairs.plda.json "
             "--utt2spk exp/an4/data/dev/utt2spk --prior 0.01")  # fmt: skip
    p.add_argument("trials", help="labelled list of speakers that are not in what the map is applied to")
    p.add_argument("scores", nargs="+", help=SCORES)
    p.add_argument("out", help="output, JSON")
    p.add_argument("--prior", type=prior, default=0.01, metavar="P",
                   help="of a target in use; decisions at it are best (default: %(default)s)")  # fmt: skip
    p.add_argument("--quality", nargs="+", choices=tuple(QUALITY), default=[],
                   help="of trials, beside the scores: duration (utt2dur beside utt2spk), num_utts (of models), "
                   "cohort (mean cohort scores); few speakers overfit (default: none)")  # fmt: skip
    p.add_argument("--ratios", metavar="FILE", help="output, the ratios of this list, which was trained on")
    _add_list(p)

    p = verb("apply-calibration", _apply, "write the log-likelihood ratios of a list's scores",
             "exp/an4/main/calibration/dev_trials_pairs.plda.json exp/an4/data/test/trials_pairs "
             "\\\n    exp/an4/main/scores/trials_pairs.plda exp/an4/main/scores/trials_pairs.plda.llr "
             "--utt2spk exp/an4/data/test/utt2spk")  # fmt: skip
    p.add_argument("calibration", help="what `spkr calibrate` wrote")
    p.add_argument("trials", help="lines of: enrolment test [label]")
    p.add_argument("scores", nargs="+", help="of the list, from the systems that were calibrated, in the same order")
    p.add_argument("out", help="output, lines of: enrolment test ratio (natural logarithm)")
    _add_list(p)


def _add_list(p) -> None:
    p.add_argument("--utt2spk", metavar="FILE", help=f"{SPEAKERS}: calibration on speakers of the list is refused")
    p.add_argument("--models", metavar="FILE", help="models_<list>: the utterances of each enrolment model")
    p.add_argument("--cohort-statistics", nargs="+", default=[], metavar="FILE", dest="cohorts",
                   help="of each score file, what spkr score wrote: for the quality measure cohort")  # fmt: skip
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")


def _calibrate(args) -> None:
    from spkr.backend.calibration import calibrate

    with _artefacts("calibrate", args):
        calibrate(args.trials, args.scores, args.out, args.prior, quality=args.quality, ratios_path=args.ratios,
                  **_of_list(args))  # fmt: skip


def _apply(args) -> None:
    from spkr.backend.calibration import apply_calibration

    with _artefacts("apply_calibration", args, args.calibration):
        apply_calibration(args.calibration, args.trials, args.scores, args.out, **_of_list(args))


def _of_list(args) -> dict:
    return {name: getattr(args, name) for name in ("utt2spk", "models", "cohorts", "allow_duplicates")}


def _artefacts(stage: str, args, *reads: str):
    from spkr.manifest import artefacts
    from spkr.outputs import manifests_beside

    out = Path(args.out)
    reads = [*reads, args.trials, *args.scores, *args.cohorts, *filter(None, (args.utt2spk, args.models))]
    writes = [out, *filter(None, [vars(args).get("ratios")])]
    return artefacts(stage, recorded(args), *manifests_beside(out), reads=reads, writes=[*map(Path, writes)])
