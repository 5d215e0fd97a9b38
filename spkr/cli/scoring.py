"""The verb that scores a trial list."""

from pathlib import Path

from spkr.backend.chain import Chain
from spkr.cli.arguments import TABLE, add_chain, boolean, chain_of, not_negative, positive, recorded
from spkr.errors import InputError
from spkr.kaldi.specifiers import source_of


def add_verbs(verb) -> None:
    """Add this verb to the command line; `verb` makes a subparser."""
    p = verb("score", _score, "score a trial list",
             "exp/an4/data/test/trials_pairs exp/an4/main/scores/trials_pairs.plda --backend plda "
             "\\\n    --backend-dir exp/an4/main/backend "
             "--xvectors exp/an4/main/xvectors/test/xvector.scp")  # fmt: skip
    p.add_argument("trials", help="lines of: enrolment test [label], or as VoxCeleb's: 1|0 enrolment test")
    p.add_argument("scores", help="output, lines of: enrolment test score")
    add_chain(p, None)
    p.add_argument("--backend-dir", type=Path,
                   help="folder of mean.vec, transform.mat, plda; without it, cosine subtracts no mean")  # fmt: skip
    p.add_argument("--xvectors", nargs="+", required=True, metavar="TABLE", help=TABLE)
    p.add_argument("--models", metavar="FILE", help="models_<list>: the utterances of each enrolment model; a name "
                   "that is both is the model in enrolment, and the utterance in test")  # fmt: skip
    p.add_argument("--num-voiced", nargs="+", default=[], metavar="FILE", help="utt2num_voiced of the sets: name "
                   "utterances without a voiced frame, and leave them out of models "
                   "(default: those beside the tables)")  # fmt: skip
    p.add_argument("--silent", choices=("warn", "refuse"), default="warn",
                   help="what to do about utterances without a voiced frame (default: %(default)s)")  # fmt: skip
    p.add_argument("--allow-duplicates", action="store_true", help="score a repeated trial once")
    p.add_argument("--processed", action="store_true",
                   help="the embeddings went through `spkr transform-xvectors`: leave its steps out")  # fmt: skip
    plda = p.add_argument_group("PLDA")
    plda.add_argument("--num-utts", metavar="FILE", help="of embeddings that are averages already: lines of "
                      "a name and its number, one for each enrolment name")  # fmt: skip
    plda.add_argument("--ignore-num-utts", action="store_true",
                      help="take every average for one utterance, as Kaldi does without --num-utts")  # fmt: skip
    plda.add_argument("--normalize-length", type=boolean, default=True, help="in PLDA's space (default: true)")
    plda.add_argument("--simple-length-normalization", type=boolean, default=False, help="(default: false)")
    plda.add_argument(
        "--smoothing", type=not_negative, default=0.0, help="add this times B to W (default: %(default)s)"
    )
    norm = p.add_argument_group("score normalisation")
    norm.add_argument("--cohort", nargs="+", default=[], metavar="TABLE", help="embeddings of other speakers")
    norm.add_argument("--cohort-models", nargs="+", default=[], metavar="SPK2UTT",
                      help="average them, one member a speaker")  # fmt: skip
    norm.add_argument("--top-n", type=positive, help="of an as-norm without a number: how many of the closest count")
    norm.add_argument("--utt2spk", metavar="FILE", help="speakers of the list's utterances: a cohort with one of them "
                      "is refused")  # fmt: skip
    norm.add_argument("--cohort-statistics", metavar="FILE", help="output, lines of: enrol|test name mean deviation, "
                      "of the cohort scores of each name")  # fmt: skip


def _score(args) -> None:
    from spkr.backend.pipeline import Backend
    from spkr.backend.score import score_trials
    from spkr.backend.trained_chain import check_trained
    from spkr.manifest import artefacts
    from spkr.outputs import manifests_beside

    chain = chain_of(args)
    optional = [path for path in (args.models, args.num_utts, args.utt2spk) if path]
    backend_files = [args.backend_dir / name for name in chain.files] if args.backend_dir else []
    num_voiced = args.num_voiced or _beside(args.xvectors, "utt2num_voiced")
    reads = [args.trials, *backend_files, *args.xvectors, *num_voiced, *optional, *args.cohort, *args.cohort_models]
    scores = Path(args.scores)
    writes = [scores, *([Path(args.cohort_statistics)] if args.cohort_statistics else [])]
    with artefacts("score", recorded(args), *manifests_beside(scores), reads=reads, writes=writes):
        if args.backend_dir:
            check_trained(chain, args.backend_dir)
        backend = Backend.read(
            chain, args.backend_dir, processed=args.processed, smoothing=args.smoothing,
            normalize_length=args.normalize_length, simple_length_normalization=args.simple_length_normalization,
        )  # fmt: skip
        score_trials(
            backend, args.trials, args.xvectors, scores, models_path=args.models, num_utts_path=args.num_utts,
            ignore_num_utts=args.ignore_num_utts, num_voiced=num_voiced, silent=args.silent,
            allow_duplicates=args.allow_duplicates, cohort=_cohort(args, chain),
            statistics_path=args.cohort_statistics,
        )  # fmt: skip


def _cohort(args, chain: Chain):
    """The cohort of a chain that normalises; InputError for options that have no use without one."""
    from spkr.backend.cohort import Cohort

    if not chain.norm:
        for name in ("cohort", "cohort_models", "top_n", "utt2spk", "cohort_statistics"):
            if getattr(args, name):
                option = f"--{name.replace('_', '-')}"
                raise InputError(
                    f"{option} for {chain}; expected a chain that ends with s-norm or as-norm, or no {option}"
                )
        return None
    if not args.cohort:
        raise InputError(f"{chain} without --cohort; expected a table of embeddings of other speakers")
    return Cohort(chain.norm, args.cohort, args.cohort_models, args.top_n, args.utt2spk)


def _beside(tables: list[str], name: str) -> list[Path]:
    """The file `name` beside each table, as `spkr embed` writes it. None of them if a table has no such file."""
    files = [source_of(table).path.with_name(name) for table in tables]
    return files if all(file.is_file() for file in files) else []
