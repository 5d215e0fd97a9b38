"""The results of a run: results.tsv and results.json, slices.tsv, a table to read, and DET plots of the trial lists."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from spkr.errors import InputError
from spkr.files import replacing
from spkr.report.det import plot_det
from spkr.report.list_results import evaluate
from spkr.report.lists import ScoredList
from spkr.report.measures import MEASURES, bounds, with_priors
from spkr.report.origin import describe_network, origin
from spkr.report.printed_table import format_table
from spkr.report.slices import write_slices
from spkr.report.training import plot_training, read_log
from spkr.tsv import write_tsv

ORDER = (
    *("name", "run", "model", "seed", "trials", "backend", "primary", "n_target", "n_nontarget"),
    *("eer", "eer_lo", "eer_hi", "mindcf_0.01", "mindcf_0.001", "mindcf_0.05"),
    *("actdcf_0.01", "cllr", "mincllr", "trials_sha256", "n_silent", "front_end", "n_parameters"),
)
IN_TSV = [name for name, measure in MEASURES.items() if not measure.json_only]
COLUMNS = tuple(dict.fromkeys([*ORDER, "n_speakers", *IN_TSV, *bounds(IN_TSV)]))
DECIMALS = {key: measure.decimals for name, measure in MEASURES.items() for key in (name, *bounds([name]))}


def report(
    lists: Mapping[str, ScoredList],
    out_dir: str | Path,
    *,
    name: str,
    run: str,
    model: str,
    seed: int,
    primary: str,
    front_end: str = "-",
    network: str | Path | None = None,
    corpus: Sequence[str | Path] = (),
    valid_json: str | Path | None = None,
    priors: Sequence[float] = (),
    by: Sequence[str] = (),
    train_logs: Sequence[str | Path] = (),
    allow_duplicates: bool = False,
) -> str:
    """Measure every list with every back-end and write `out_dir`; returns the table of `format_table`.

    Writes results.tsv (COLUMNS), results.json (the same rows with all MEASURES and those of further priors, the
    identification accuracy, and what `origin` says), table.txt, and det_<list>.png and .svg. EERs are in percent,
    accuracies from 0 to 1; what is not measured is nan (null in JSON). If attributes are given, slices.tsv has the
    results by attribute (spkr.report.slices). If `train_logs` are given, training.png and .svg show these trainings,
    one after the other. Nothing is written unless all lists could be measured.

    Args:
        lists: by name, as in the results: trials_pairs, dev_trials_pairs.
        out_dir: the folder of all files.
        name, run, model, seed, front_end: copied into each row.
        primary: the back-end chosen on dev.
        network: the model file, for its number of parameters.
        corpus: files whose content identifies the data, such as each set's reco2sum.
        valid_json: the trainer's {"valid_accuracy": 0..1, "n": utterances, "threads": of the training}.
        priors: of a target, in addition to those of MEASURES.
        by: names of the attributes' files beside each utt2spk, such as utt2mic.
        train_logs: train_log.tsv of each training.
        allow_duplicates: count a repeated trial once.
    Raises InputError if the primary back-end is missing, or a file is wrong.
    """
    _check(lists, primary, by)
    valid, threads = _read_valid(valid_json) if valid_json else (None, None)
    identification = {"valid": valid} if valid else {}
    trainings = [read_log(path) for path in train_logs]
    measures = with_priors(priors)
    rows, slices, curves = [], [], {}
    of_run = {"name": name, "run": run, "model": str(model), "seed": seed, "front_end": front_end}
    of_run["n_parameters"], heard = describe_network(network) if network else (math.nan, None)
    for of_list, scored in lists.items():
        measured, of_slices, curves[of_list], answers = evaluate(of_list, scored, measures, by, allow_duplicates)
        rows += [of_run | row | {"primary": "yes" if row["backend"] == primary else "no"} for row in measured]
        slices += of_slices
        identification |= {of_list: answers} if answers else {}
    table = format_table(rows, identification, measures) + (f"the network began elsewhere: {heard}\n" if heard else "")
    made_by = origin(corpus) | {"threads": threads, "network_trained_on": heard}
    _write(Path(out_dir), rows, measures, identification, made_by, table, curves)
    if by:
        write_slices(Path(out_dir) / "slices.tsv", slices)
    if trainings:
        plot_training(Path(out_dir) / "training", trainings)
    return table


def _check(lists: Mapping[str, ScoredList], primary: str, by: Sequence[str]) -> None:
    if not lists:
        raise InputError("no trial list; name at least one")
    if by and not any(scored.utt2spk for scored in lists.values()):
        raise InputError(f"results by {', '.join(by)} need the utt2spk beside which these files lie; name a list's")
    for name, scored in lists.items():
        if scored.num_voiced and not scored.utt2spk:
            raise InputError(f"{name}: {scored.num_voiced} without an utt2spk; name the list's utt2spk, too")
        if unscored := sorted(scored.llrs.keys() - scored.scores.keys()):
            raise InputError(f"{name}: llrs of {unscored[0]!r} without its scores; name these, too")
        if primary not in scored.scores:
            raise InputError(
                f"{name}: no scores of the primary back-end {primary!r}, only of "
                f"{', '.join(scored.scores)}; score the list with it or choose another primary"
            )


def _read_valid(path: str | Path) -> tuple[dict, int | None]:
    """The trainer's accuracy on the held-out utterances of its own speakers, and its number of threads."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        accuracy, n, threads = float(found["valid_accuracy"]), int(found["n"]), found.get("threads")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, KeyError, TypeError):
        accuracy, n, threads = math.nan, 0, None
    if not 0 <= accuracy <= 1:
        raise InputError(f'{path}: expected {{"valid_accuracy": <0 to 1>, "n": <utterances>}}; train again')
    return {"accuracy": round(accuracy, 4), "n": n}, threads


def _write(
    out: Path, rows: list[dict], measures: Mapping, identification: dict, made_by: dict, table: str, curves: dict
) -> None:
    """Write all files of the results, each by rename."""
    write_tsv(out / "results.tsv", rows, {column: f".{DECIMALS.get(column, 4)}f" for column in COLUMNS})
    order = dict.fromkeys([*COLUMNS, *measures, *bounds(measures)])
    results = [{c: None if row[c] != row[c] else row[c] for c in order} for row in rows]  # JSON has no nan
    with replacing(out / "results.json") as f:
        content = {"results": results, "identification": identification, "made_by": made_by}
        json.dump(content, f, indent=2, allow_nan=False)
        f.write("\n")
    with replacing(out / "table.txt") as f:
        f.write(table)
    for name, of_list in curves.items():
        row = next(row for row in rows if row["trials"] == name)
        counts = f"{row['n_target']:,} target, {row['n_nontarget']:,} nontarget trials"
        plot_det(out / f"det_{name}", f"{name}: {counts}", of_list)
