"""Verbs that compare systems, and that tabulate runs."""

import logging
import sys
from pathlib import Path

from spkr.errors import InputError

MEASURED = ("eer", "mindcf_0.01", "cllr")
TABULATED = ("eer", "mindcf_0.01")
FORMATS = ("text", "markdown", "csv", "latex")
OF_FILES = ("utt2spk", "models", "llr")  # options of score files
RUNS = "exp/an4/main exp/an4/pretrained"

logger = logging.getLogger("spkr")


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("compare", _compare, "say whether runs, back-ends or score files differ by more than chance",
             f"{RUNS} --trials trials_pairs\n  spkr compare exp/an4/main                  # its back-ends\n"
             "  spkr compare exp/an4/main/scores/trials_pairs.plda exp/an4/main/scores/trials_pairs.cosine "
             "\\\n    --trials exp/an4/data/test/trials_pairs --utt2spk exp/an4/data/test/utt2spk")  # fmt: skip
    p.add_argument("systems", nargs="+", metavar="SYSTEM", help="a run's folder; or a score file of the list --trials")
    p.add_argument(
        "--trials",
        nargs="+",
        default=[],
        metavar="LIST",
        help="of runs: names of lists (default: all that they share); of score files: the labelled list",
    )
    p.add_argument("--backend", nargs="+", default=[], metavar="NAME",
                   help="of runs (default: the primary one; of a single run all)")  # fmt: skip
    p.add_argument("--measures", nargs="+", metavar="NAME",
                   help=f"columns of results.json, or mindcf_P at another prior (default: {' '.join(MEASURED)}; "
                   "cllr where all systems are calibrated)")  # fmt: skip
    p.add_argument("--format", choices=("text", "tsv"), default="text", help="(default: %(default)s)")
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")
    of_files = p.add_argument_group("of score files")
    of_files.add_argument("--utt2spk", metavar="FILE", help="speakers of the list's utterances, who are resampled")
    of_files.add_argument("--models", metavar="FILE", help="models_<list>: the utterances of each enrolment model")
    of_files.add_argument("--llr", action="store_true", help="the scores are natural log-likelihood ratios")

    p = verb(
        "results",
        _results,
        "print one table over runs; those that differ in the seed alone are joined",
        f"{RUNS} --format latex --trials trials_pairs\n  spkr results exp/an4                       # all of its runs",
    )
    p.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder, or one that holds runs; others are skipped")
    p.add_argument("--trials", nargs="+", default=[], metavar="LIST", help="(default: all lists)")
    p.add_argument("--backend", nargs="+", default=[], metavar="NAME", help="(default: the primary one of each run)")
    p.add_argument("--measures", nargs="+", default=TABULATED, metavar="NAME",
                   help=f"columns of results.json (default: {' '.join(TABULATED)})")  # fmt: skip
    p.add_argument("--format", choices=FORMATS, default=FORMATS[0],
                   help="csv has all numbers as they are in results.json (default: %(default)s)")  # fmt: skip
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")
    _add_grid(verb)


def _add_grid(verb) -> None:
    p = verb("grid", _grid, "compare rows of runs with several seeds, and mark the row that a list of dev chooses",
             "exp/an4/grid/main.txt --row main exp/an4/main-s1 exp/an4/main-s2 \\\n    --row softmax "
             "exp/an4/softmax-s1 exp/an4/softmax-s2 --choose-by dev_trials_pairs")  # fmt: skip
    p.add_argument("out", metavar="TABLE", help="the table to write, *.txt; .tsv and .json are written beside it")
    p.add_argument("--row", nargs="+", action="append", required=True, dest="rows", metavar=("NAME", "RUN"),
                   help="a row's name, and its runs, one a seed; others are compared with the first row")  # fmt: skip
    p.add_argument("--choose-by", required=True, metavar="LIST", help="of dev: the lowest mean EER on it is chosen")
    p.add_argument("--trials", nargs="+", default=[], metavar="LIST", help="other lists to show")


def _compare(args) -> None:
    from spkr.manifest import check_files
    from spkr.report.comparison import compare, measures_named
    from spkr.report.comparison_text import as_text, as_tsv

    table = measures_named(args.measures or MEASURED)
    if absent := [name for name in args.systems if not Path(name).exists()]:
        raise InputError(f"{absent[0]}: no such file or folder; expected a run, such as exp/an4/main, or a score file")
    of_lists = []
    for shared in _of_runs(args) if all(Path(name).is_dir() for name in args.systems) else [_of_files(args)]:
        check_files(*shared.files())
        logger.info("%s: comparing %d systems", shared.name, len(shared.systems))
        measured, found = compare(shared, table, args.allow_duplicates)
        of_lists += [(measured, found)] if found else []
        lacking = sorted(set(args.measures or ()) - {one.measure for one in found})
        if lacking:
            logger.warning("%s: not compared by %s: not all systems are calibrated", shared.name, ", ".join(lacking))
    if not of_lists:
        raise InputError("nothing to compare: these measures need log-likelihood ratios; `spkr calibrate` makes them")
    sys.stdout.write(as_text(of_lists, table) if args.format == "text" else as_tsv(of_lists))


def _of_runs(args) -> list:
    """The lists that runs share, with their systems."""
    from spkr.report.runs import find_runs, shared_lists, systems_on

    if given := [name for name in OF_FILES if getattr(args, name)]:
        raise InputError(f"--{given[0]} is for score files; lists.json of a run names its own")
    runs, others = find_runs(args.systems)
    if others:
        raise InputError(f"{others[0]}: no results/results.json; expected a run, such as exp/an4/main")
    systems = {}
    for run in runs:
        backends = run.backends(args.backend, all_of_them=len(args.systems) == 1 == len(runs))
        for backend in backends:
            name = backend if len(runs) == 1 else run.name if len(backends) == 1 else f"{run.name} {backend}"
            systems[name] = (run, backend)
    if len(systems) < 2:
        raise InputError(f"{', '.join(systems)}: one system only; expected two or more to compare")
    return [systems_on(name, systems) for name in shared_lists(runs, args.trials)]


def _of_files(args):
    """The list that score files are of, with these as its systems."""
    from spkr.report.comparison import ScoreFile, SharedList

    if args.backend:
        raise InputError("--backend is for runs; a score file is of one back-end")
    if folders := [name for name in args.systems if Path(name).is_dir()]:
        raise InputError(f"{folders[0]}: is a folder, but others are not; name either runs or score files")
    if len(args.trials) != 1 or not args.utt2spk:
        raise InputError("score files need --trials LIST, which they were computed for, and --utt2spk FILE")
    if len({*args.systems}) < 2:
        raise InputError(f"{args.systems[0]}: one system only; expected two or more to compare")
    files = {name: ScoreFile(Path(name), Path(name) if args.llr else None) for name in args.systems}
    models = Path(args.models) if args.models else None
    return SharedList(args.trials[0], Path(args.trials[0]), Path(args.utt2spk), models, files)


def _results(args) -> None:
    from spkr.report import runs_formats
    from spkr.report.comparison import measures_named
    from spkr.report.runs import find_runs
    from spkr.report.runs_table import tabulate
    from spkr.report.seeds import joined

    runs, others = find_runs(args.runs)
    if others:
        logger.info("skipped, as there is no results/results.json: %s", ", ".join(others))
    known = list(dict.fromkeys(name for run in runs for name in run.list_names()))
    if unknown := [name for name in args.trials if name not in known]:
        raise InputError(f"no run has a list {unknown[0]!r}; expected one of {', '.join(known)}")
    measures = measures_named(args.measures)
    table = tabulate(joined(runs, args.backend), args.trials or known, measures, args.allow_duplicates)
    sys.stdout.write(getattr(runs_formats, f"as_{args.format}")(table))


def _grid(args) -> None:
    from spkr.cli.arguments import recorded
    from spkr.files import replacing
    from spkr.manifest import artefacts
    from spkr.report import grid_formats
    from spkr.report.grid_table import compare_rows

    if not args.out.endswith(".txt"):
        raise InputError(f"{args.out}: expected the name of a text file, *.txt; other forms are written beside it")
    rows = {name: runs for name, *runs in args.rows}
    if len(rows) < len(args.rows):
        raise InputError("--row: a name twice; expected each row once")
    if empty := [name for name, runs in rows.items() if not runs]:
        raise InputError(f"--row {empty[0]}: no runs; expected their folders behind the name")
    texts = {"txt": grid_formats.as_text, "tsv": grid_formats.as_tsv, "json": grid_formats.as_json}
    files = {end: Path(args.out).with_suffix(f".{end}") for end in texts}
    manifest = Path(args.out).with_name(f"manifest.{Path(args.out).stem}.json")
    reads = [
        Path(run, "results", name) for runs in rows.values() for run in runs for name in ("results.json", "lists.json")
    ]
    with artefacts("grid", recorded(args), manifest, reads=reads, writes=files.values()):
        table = compare_rows(rows, args.choose_by, args.trials)
        for end, written in texts.items():
            with replacing(files[end]) as f:
                f.write(written(table))
    print(files["txt"].read_text(encoding="utf-8"), end="")
