"""Verbs that make trial lists, and check them."""

import logging
from pathlib import Path

from spkr.cli.arguments import SEED, percent, positive, positive_number, recorded
from spkr.errors import InputError

DATA = "exp/an4/data/test"
WHICH = ("any", "same", "different")
RULES = ("per_speaker", "nontargets", "models", "model_seconds", "gender", "session")
READS = ("utt2spk", "spk2utt", "wav.scp", "segments", "spk2gender", "utt2session", "utt2dur")

logger = logging.getLogger("spkr")


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("trials", _trials, "make a trial list by rule, or of a list of one's own",
             f"{DATA} trials_models5 --models 5 --per-speaker 20 --gender same")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out", help="output, lines of: enrolment test target|nontarget; models_<list> is written beside it")
    _add_rules(p.add_argument_group("by rule", "Without these, all pairs of recordings."))
    own = p.add_argument_group("of a list of one's own")
    own.add_argument("--from", dest="own", metavar="FILE", help="in Kaldi's form or VoxCeleb's, or CSV with a header "
                     "line enroll,test,label; names are utterances or ends of paths in wav.scp")  # fmt: skip
    own.add_argument("--from-models", metavar="FILE", help="the utterances of its models, in spk2utt's form")
    own.add_argument("--allow-duplicates", action="store_true", help="write a repeated trial once")

    p = verb("check-trials", _check, "warn of what makes a trial list misleading", f"{DATA} {DATA}/trials_pairs")
    p.add_argument("data_dir")
    p.add_argument("trials", metavar="LIST")
    p.add_argument("--models", metavar="FILE", help="the utterances of its models (default: models_<list> beside it)")
    p.add_argument("--eer", type=percent, default=3.0, metavar="PERCENT",
                   help="whose interval is computed (default: %(default)s)")  # fmt: skip
    p.add_argument("--strict", action="store_true", help="exit with status 1 if there is a warning")


def _add_rules(p) -> None:
    p.add_argument("--per-speaker", type=positive, metavar="N",
                   help="N target and N nontarget trials with each speaker in enrolment")  # fmt: skip
    p.add_argument("--nontargets", type=positive, metavar="N", help="another number of nontarget trials of each")
    size = p.add_mutually_exclusive_group()
    size.add_argument("--models", type=positive, metavar="K",
                      help="enrolment models of each speaker's first K recordings")  # fmt: skip
    size.add_argument("--model-seconds", type=positive_number, metavar="S",
                      help="enrolment models of the first recordings that have S seconds together")  # fmt: skip
    p.add_argument("--gender", choices=WHICH, help="of the two speakers of a nontarget trial (default: any)")
    p.add_argument("--session", choices=WHICH,
                   help="different: no trial within one session; same: target trials only within one "
                   "(default: different if utt2session or segments say which session it is)")  # fmt: skip
    p.add_argument("--seed", **SEED)


def _trials(args) -> None:
    from spkr.kaldi.datadir import check_data_dir
    from spkr.kaldi.maps import write_spk2utt
    from spkr.kaldi.trial_rules import models_beside
    from spkr.kaldi.trials import write_trials
    from spkr.manifest import artefacts
    from spkr.outputs import is_stream, manifests_beside

    if args.own and (given := [name for name in RULES if getattr(args, name) is not None]):
        raise InputError(f"--{given[0].replace('_', '-')} with --from: a list of one's own is written as it is")
    if not args.own and (args.from_models or args.allow_duplicates):
        raise InputError("--from-models and --allow-duplicates need --from, a list of one's own")
    data, out = Path(args.data_dir), Path(args.out)
    files = check_data_dir(data, ("utt2spk", "spk2utt"))
    reads = [*(data / name for name in READS if name in files), *filter(None, (args.own, args.from_models))]
    has_models = args.models or args.model_seconds or args.from_models
    writes = [out, models_beside(out)] if has_models else [out]
    if is_stream(out) and has_models:
        raise InputError(f"{out}: is no file, beside which the models can be written; expected trials_<list>")
    manifests = manifests_beside(out)
    _check_own(writes, *manifests)
    with artefacts("trials", recorded(args), *manifests, reads=reads, writes=writes):
        models, trials = _own(args, files) if args.own else _by_rule(args, files)
        write_trials(out, trials)
        if models:
            write_spk2utt(models_beside(out), models)
    n_target = sum(target for *_, target in trials)
    logger.info("%s: %d trials, %d target; `spkr check-trials %s %s` looks for what misleads",
                out, len(trials), n_target, data, out)  # fmt: skip


def _check_own(outputs: list[Path], manifest: Path | None = None) -> None:
    """Raise InputError if another stage wrote one of these files."""
    from spkr.manifest import entries_beside

    for path in outputs if manifest else ():
        entry = entries_beside(path.parent).get(path.name)
        if entry and entry.manifest != manifest:
            raise InputError(f"{path}: the stage {entry.stage} wrote it; name another list")


def _by_rule(args, files) -> tuple[dict, list]:
    """Models and trials by the rules that are given."""
    from spkr.kaldi.trial_rules import TrialRules, make_trials

    rules = TrialRules(
        targets=args.per_speaker, nontargets=args.nontargets or args.per_speaker, models=args.models,
        model_seconds=args.model_seconds, gender=args.gender or "any", session=args.session, seed=args.seed,
    )  # fmt: skip
    try:
        return make_trials(files, rules)
    except InputError as e:
        raise InputError(f"{args.data_dir}: {e}") from None


def _own(args, files) -> tuple[dict, list]:
    """Models and trials of a list of one's own, whose labels must be those of utt2spk."""
    from spkr.kaldi.own_trials import read_own_trials
    from spkr.kaldi.trial_speakers import read_sides, speakers_of_trials
    from spkr.kaldi.trials import read_models

    models = read_models(args.from_models)
    trials = read_own_trials(args.own, args.data_dir, files, models, args.allow_duplicates)
    sides = read_sides(trials, args.own, f"{args.data_dir}/utt2spk", args.from_models)
    speakers_of_trials(trials, args.own, sides)
    return models, [(*trials.pair(k), bool(target)) for k, target in enumerate(trials.target)]


def _check(args) -> None:
    from spkr.kaldi.trial_rules import models_beside
    from spkr.manifest import check_files
    from spkr.report.trial_checks import check_trials

    beside = models_beside(args.trials)
    models = args.models or (beside if beside.is_file() else None)
    check_files(args.trials, *filter(None, [models]))
    found = check_trials(args.data_dir, args.trials, models, args.eer / 100)
    print(*found.facts, sep="\n", flush=True)
    for warning in found.warnings:
        logger.warning("warning: %s", warning)
    if not found.warnings:
        logger.info("%s: nothing to warn of", args.trials)
    elif args.strict:
        raise InputError(f"{args.trials}: {len(found.warnings)} warnings (see above)")
