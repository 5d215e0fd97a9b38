"""Verbs that measure."""

from pathlib import Path

from spkr.cli.arguments import SEED, pair, recorded
from spkr.errors import InputError


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("eval", _evaluate, "measure EER and minDCF, draw DET plots",
             "exp/an4/main/results --list trials_pairs=exp/an4/data/test/trials_pairs "
             "\\\n    --scores trials_pairs.plda=exp/an4/main/scores/trials_pairs.plda --primary plda "
             "\\\n    --utt2spk trials_pairs=exp/an4/data/test/utt2spk --by spk2gender")  # fmt: skip
    p.add_argument("out_dir")
    p.add_argument("--list", nargs="+", type=pair, required=True, metavar="LIST=TRIALS")
    p.add_argument("--scores", nargs="+", type=pair, required=True, metavar="LIST.BACKEND=SCORES")
    p.add_argument("--utt2spk", nargs="*", type=pair, default=[], metavar="LIST=FILE",
                   help="the speakers of a list, for a 95 %% confidence interval of its EER")  # fmt: skip
    p.add_argument("--models", nargs="*", type=pair, default=[], metavar="LIST=FILE",
                   help="models_<list>: the utterances of its models; it then also asks who is speaking")  # fmt: skip
    p.add_argument("--num-voiced", nargs="*", type=pair, default=[], metavar="LIST=FILE", help="utt2num_voiced of a "
                   "list's set: the results count trials that rest on an utterance without a voiced frame")  # fmt: skip
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")
    p.add_argument("--by", nargs="*", default=[], metavar="NAME",
                   help="files beside each utt2spk, such as utt2mic: slices.tsv has the results by them")  # fmt: skip
    p.add_argument("--primary", required=True, help="the back-end chosen on dev")
    p.add_argument("--valid", help="valid.json of the training, for the identification accuracy")
    p.add_argument("--train-logs", nargs="*", default=[], metavar="TSV",
                   help="train_log.tsv of the training, and of the fine-tuning: training.png shows them")  # fmt: skip
    for name, dest in (("--name", "name"), ("--run", "run_name"), ("--model", "model")):
        p.add_argument(name, dest=dest, default="-", help="for the results' column of that name")
    p.add_argument("--seed", **SEED)
    p.add_argument("--priors", nargs="+", type=float, default=[], metavar="P",
                   help="minDCF at these priors of a target, too: in results.json and the table")  # fmt: skip
    text = "print EER and minDCF of lines '<score> target|nontarget', as Kaldi's compute-eer takes"
    _add_eer(verb("eer", _eer, text, "exp/an4/main/scores/trials_pairs.plda "
                  "--trials exp/an4/data/test/trials_pairs --priors 0.01 0.05"))  # fmt: skip


def _add_eer(p) -> None:
    p.add_argument("scores", metavar="FILE", help="- is the standard input")
    p.add_argument("--trials", metavar="LIST", help="trial list with labels; FILE is '<enrolment> <test> <score>'")
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")
    p.add_argument("--kind", choices=("kaldi", "rocch", "linear"), default="kaldi",
                   help="EER as compute-eer's, of the convex hull, interpolated (default: %(default)s)")  # fmt: skip
    p.add_argument("--priors", nargs="+", type=float, default=[0.01, 0.001, 0.05], metavar="P",
                   help="of a target, for minDCF (default: %(default)s)")  # fmt: skip
    for name, error in (("--c-miss", "a miss"), ("--c-fa", "a false alarm")):
        p.add_argument(name, type=float, default=1.0, help=f"cost of {error}, for minDCF (default: %(default)s)")
    p.add_argument("--ties-in-order", action="store_true",
                   help="minDCF as Kaldi's compute_min_dcf.py, which depends on the order of equal scores")  # fmt: skip


def _evaluate(args) -> None:
    from spkr.manifest import artefacts
    from spkr.report.results import ScoredList, report

    names, of_lists = [name for name, _ in args.list], (args.utt2spk, args.models, args.num_voiced)
    scored = [(*key.rpartition(".")[::2], path) for key, path in args.scores]  # a back-end's name has no dot
    for form, keys in (
        ("LIST.BACKEND=SCORES", [name for name, *_ in scored]),
        ("LIST=FILE", [key for pairs in of_lists for key, _ in pairs]),
    ):
        for key in keys:
            if key not in names:
                raise InputError(f"no --list is called {key!r}, only {', '.join(names)}; expected {form}")
    for pairs in (args.scores, *of_lists):
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(f"two files for {twice!r}: {', '.join(path for key, path in pairs if key == twice)}")
    utt2spk, models, num_voiced = map(dict, of_lists)
    lists = [
        ScoredList(
            name, trials, {backend: path for of, backend, path in scored if of == name},
            models.get(name), utt2spk.get(name), num_voiced.get(name),
        )
        for name, trials in args.list
    ]  # fmt: skip
    reads = [path for _, path in (*args.list, *args.scores, *args.utt2spk, *args.models, *args.num_voiced)]
    reads += [Path(path).with_name(name) for _, path in args.utt2spk for name in args.by]
    reads += [*args.train_logs, *filter(None, [args.valid])]
    writes = [f"{args.out_dir}/{name}" for name in ("results.tsv", "results.json", "table.txt", "slices.tsv")]
    with artefacts("report", recorded(args), f"{args.out_dir}/manifest.json", reads=reads, writes=writes):
        table = report(
            lists, args.out_dir, name=args.name, run=args.run_name, model=args.model, seed=args.seed,
            primary=args.primary, valid_json=args.valid, priors=args.priors, by=args.by, train_logs=args.train_logs,
            allow_duplicates=args.allow_duplicates,
        )  # fmt: skip
    print(table, end="")


def _eer(args) -> None:
    from spkr.kaldi.trials import read_trials
    from spkr.metrics import eer
    from spkr.metrics.dcf import min_dcf, min_dcf_kaldi
    from spkr.metrics.scores import read_labelled_scores, read_scores

    path = "/dev/stdin" if args.scores == "-" else args.scores
    if args.trials:
        trials = read_trials(args.trials, allow_duplicates=args.allow_duplicates)
        scores, is_target = read_scores(path, trials, args.allow_duplicates), trials.target
    else:
        scores, is_target = read_labelled_scores(path)
    sides = scores[is_target], scores[~is_target]
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
    print("\n".join(lines))
