"""Verbs that measure error rates."""

from pathlib import Path

from spkr.cli import arguments
from spkr.cli.arguments import SEED, not_negative, probability, recorded
from spkr.errors import InputError

LISTS = """\
LISTS names each list as the results show it; scores has a file for each back-end, and what follows them is optional:
  trials_enrol3:
    trials: exp/an4/data/test/trials_enrol3         # enrolment test target|nontarget
    scores:
      cosine: exp/an4/main/scores/trials_enrol3.cosine
      plda: exp/an4/main/scores/trials_enrol3.plda
    llrs:                                           # of `spkr apply-calibration`, for actDCF and Cllr
      plda: exp/an4/main/scores/trials_enrol3.plda.llr
    utt2spk: exp/an4/data/test/utt2spk              # for intervals; --by looks beside it
    dev: dev_trials_enrol3                          # a list of LISTS, on which thresholds are chosen; it may have
                                                    # calibrations: {plda: ...}, what `spkr calibrate` wrote for it
    models: exp/an4/data/test/models_enrol3         # the utterances of each model; it then also asks who is speaking
    num_voiced: exp/an4/feats/fbank80_utt/test/utt2num_voiced   # counts trials of utterances without speech"""

WRITTEN = (
    *("results.tsv", "results.json", "table.txt", "summary.txt"),
    *("slices.tsv", "thresholds.tsv", "confusions.tsv"),
)


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("eval", _evaluate, "measure EER, minDCF and Cllr, draw DET plots",
             "exp/an4/main/results exp/an4/main/results/lists.json --primary plda --by spk2gender")  # fmt: skip
    p.epilog += f"\n\n{LISTS}"
    p.add_argument("out_dir")
    p.add_argument("lists", metavar="LISTS", help="the trial lists, their scores and speakers: YAML or JSON, see below")
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")
    p.add_argument("--by", nargs="*", default=[], metavar="NAME",
                   help="files beside each utt2spk, such as utt2mic: slices.tsv has the results by them")  # fmt: skip
    p.add_argument("--primary", required=True, help="the back-end chosen on dev")
    p.add_argument("--valid", help="valid.json of the training, for the identification accuracy")
    p.add_argument("--train-logs", nargs="*", default=[], metavar="TSV",
                   help="train_log.tsv of the training, and of the fine-tuning: training.png shows them")  # fmt: skip
    for name, dest in (("--name", "name"), ("--run", "run_name"), ("--model", "model"), ("--front-end", "front_end")):
        p.add_argument(name, dest=dest, default="-", help="for the results' column of that name")
    p.add_argument("--network", metavar="FILE", help="final.pt, for the column n_parameters")
    p.add_argument("--corpus", nargs="*", default=[], metavar="FILE",
                   help="files that identify the data, such as reco2sum: results.json has their digest")  # fmt: skip
    p.add_argument("--seed", **SEED)
    p.add_argument("--priors", nargs="+", type=probability, default=[], metavar="P",
                   help="minDCF and actDCF at these priors, too: in results.json and the table")  # fmt: skip
    text = "print EER and minDCF of lines '<score> target|nontarget', as Kaldi's compute-eer takes"
    _add_eer(verb("eer", _eer, text, "exp/an4/main/scores/trials_pairs.plda "
                  "--trials exp/an4/data/test/trials_pairs --priors 0.01 0.05"))  # fmt: skip

    _add_thresholds(verb("thresholds", _thresholds, "choose thresholds on a list, and say how often they err",
                         "exp/an4/main/scores/dev_trials_pairs.plda --trials exp/an4/data/dev/trials_pairs \\\n"
                         "    --utt2spk exp/an4/data/dev/utt2spk --on exp/an4/main/scores/trials_pairs.plda \\\n"
                         "    --on-trials exp/an4/data/test/trials_pairs "
                         "--on-utt2spk exp/an4/data/test/utt2spk"))  # fmt: skip


def _add_thresholds(p) -> None:
    p.add_argument("scores", help="of the list that thresholds are chosen on, lines of: enrolment test score")
    p.add_argument("--trials", required=True, metavar="LIST", help="trial list with labels")
    p.add_argument("--on", metavar="SCORES", help="of another list, of other speakers, to measure the thresholds on")
    p.add_argument("--on-trials", metavar="LIST", help="the trial list of --on")
    for of, trials in (("", "--trials"), ("on-", "--on-trials")):
        p.add_argument(f"--{of}utt2spk", metavar="FILE", help=f"speakers of {trials}, for 95 %% confidence intervals")
        p.add_argument(f"--{of}models", metavar="FILE", help=f"models_<list> of {trials}, if it has models")
    p.add_argument("--priors", nargs="+", type=arguments.prior, default=[0.05, 0.01, 0.001], metavar="P",
                   help="of a target, for minDCF's threshold and Bayes' (default: %(default)s)")  # fmt: skip
    p.add_argument("--false-alarms", nargs="+", type=arguments.prior, default=[0.01, 0.001], metavar="RATE",
                   help="false-alarm rates, above 0 and below 1 (default: %(default)s)")  # fmt: skip
    p.add_argument("--calibration", metavar="FILE",
                   help="of `spkr calibrate` on this list: Bayes' thresholds, too, as scores")  # fmt: skip
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")


def _add_eer(p) -> None:
    p.add_argument("scores", metavar="FILE", help="- is the standard input")
    p.add_argument("--trials", metavar="LIST", help="trial list with labels; FILE is '<enrolment> <test> <score>'")
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")
    p.add_argument("--kind", choices=("kaldi", "rocch", "linear"), default="kaldi",
                   help="EER as compute-eer's, of the convex hull, interpolated (default: %(default)s)")  # fmt: skip
    p.add_argument("--priors", nargs="+", type=probability, default=[0.01, 0.001, 0.05], metavar="P",
                   help="of a target, for minDCF and actDCF (default: %(default)s)")  # fmt: skip
    for name, error in (("--c-miss", "a miss"), ("--c-fa", "a false alarm")):
        p.add_argument(name, type=not_negative, default=1.0, help=f"cost of {error} (default: %(default)s)")
    p.add_argument("--llr", action="store_true",
                   help="the scores are natural log-likelihood ratios: print actDCF and Cllr, too")  # fmt: skip
    p.add_argument("--ties-in-order", action="store_true",
                   help="minDCF as Kaldi's compute_min_dcf.py, which depends on the order of equal scores")  # fmt: skip


def _evaluate(args) -> None:
    from spkr.manifest import artefacts
    from spkr.report.lists import read_lists
    from spkr.report.results import report

    lists = read_lists(args.lists)
    reads = [args.lists, *(path for scored in lists.values() for path in scored.files())]
    reads += [Path(scored.utt2spk).with_name(name) for scored in lists.values() if scored.utt2spk for name in args.by]
    reads += [*args.train_logs, *args.corpus, *filter(None, [args.valid, args.network])]
    writes = [f"{args.out_dir}/{name}" for name in WRITTEN]
    with artefacts("report", recorded(args), f"{args.out_dir}/manifest.json", reads=reads, writes=writes):
        table = report(
            lists, args.out_dir, name=args.name, run=args.run_name, model=args.model, seed=args.seed,
            primary=args.primary, valid_json=args.valid, priors=args.priors, by=args.by, train_logs=args.train_logs,
            allow_duplicates=args.allow_duplicates, front_end=args.front_end, network=args.network, corpus=args.corpus,
        )  # fmt: skip
    print(table, end="")


def _thresholds(args) -> None:
    from spkr.report.decision_table import Criteria
    from spkr.report.decisions import SYSTEM, threshold_table
    from spkr.report.lists import ScoredList

    if bool(args.on) != bool(args.on_trials):
        raise InputError("--on and --on-trials belong together: the scores of another list, and that list")
    if not args.on and (args.on_utt2spk or args.on_models):
        raise InputError("--on-utt2spk and --on-models describe the list of --on; give its scores, too")

    def scored(scores: str, trials: str, utt2spk: str | None, models: str | None) -> ScoredList:
        return ScoredList(trials=trials, scores={SYSTEM: scores}, utt2spk=utt2spk, models=models)

    dev = scored(args.scores, args.trials, args.utt2spk, args.models)
    dev = dev.replace(calibrations={SYSTEM: args.calibration} if args.calibration else {})
    test = scored(args.on, args.on_trials, args.on_utt2spk, args.on_models) if args.on else None
    criteria = Criteria(tuple(args.priors), tuple(args.false_alarms))
    print(threshold_table(dev, test, criteria, args.allow_duplicates), end="")


def _eer(args) -> None:
    from spkr.kaldi.trials import read_trials
    from spkr.metrics import eer
    from spkr.metrics.cllr import cllr, min_cllr
    from spkr.metrics.dcf import act_dcf, min_dcf, min_dcf_kaldi
    from spkr.metrics.scores import check_differ, read_labelled_scores, read_scores

    path = "/dev/stdin" if args.scores == "-" else args.scores
    if args.trials:
        trials = read_trials(args.trials, allow_duplicates=args.allow_duplicates)
        scores, is_target = read_scores(path, trials, args.allow_duplicates), trials.target
    else:
        scores, is_target = read_labelled_scores(path)
    sides = scores[is_target], scores[~is_target]
    if all(map(len, sides)):
        check_differ(args.scores, scores)
    lines = []
    if args.kind == "kaldi":
        rate, threshold = eer.eer_kaldi(*sides)
        lines.append(f"EER {100 * rate:.4g} % at {threshold:g}")
    else:
        lines.append(f"EER {100 * getattr(eer, f'eer_{args.kind}')(*sides):.4g} %")
    for prior in args.priors:
        costs = (prior, args.c_miss, args.c_fa)
        least = min_dcf_kaldi(scores, is_target, *costs) if args.ties_in_order else min_dcf(*sides, *costs)
        lines.append(f"minDCF {least:.4f} at {prior:g}")
        if args.llr:
            lines.append(f"actDCF {act_dcf(*sides, *costs):.4f} at {prior:g}")
    if args.llr:
        lines.append(f"Cllr {cllr(*sides):.4f}, minCllr {min_cllr(*sides):.4f}")
    print("\n".join(lines))
