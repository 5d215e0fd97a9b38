"""Verbs that measure."""

from spkr.cli.arguments import SEED, pair
from spkr.errors import InputError


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
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
    p.add_argument("--seed", **SEED)


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
