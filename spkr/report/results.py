"""The results of a run: results.tsv and results.json, slices.tsv, a table to read, and DET plots of the trial lists."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from spkr.errors import InputError
from spkr.files import replacing
from spkr.report.decision_table import PRIORS, Criteria, rows_of, write_thresholds
from spkr.report.det import plot_det
from spkr.report.list_results import Evaluated, check_other_speakers, evaluate
from spkr.report.lists import ScoredList, check_lists
from spkr.report.measures import MEASURES, bounds, with_priors
from spkr.report.origin import describe_network, origin
from spkr.report.printed_table import format_table, summarise
from spkr.report.slices import write_slices
from spkr.report.training import plot_training, read_log
from spkr.report.who_is_speaking import write_confusions
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

    Writes results.tsv (COLUMNS), results.json (the same rows with all MEASURES and those of further priors, what
    identification and thresholds gave, and what `origin` says), table.txt, summary.txt (`summarise`), and
    det_<list>.png and .svg. EERs are in percent, accuracies and rates from 0 to 1; what is not measured is nan (null in
    JSON). If a list has one of dev, thresholds.tsv has thresholds that were chosen there (spkr.report.decision_table);
    if it has models, confusions.tsv has the speakers most often confused. If attributes are given, slices.tsv has the
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
    check_lists(lists, primary, by)
    valid, threads = _read_valid(valid_json) if valid_json else (None, None)
    identification = {"valid": valid} if valid else {}
    trainings = [read_log(path) for path in train_logs]
    measures = with_priors(priors)
    found = _evaluate(lists, measures, Criteria(tuple(dict.fromkeys([*PRIORS, *priors]))), by, allow_duplicates)
    of_run = {"name": name, "run": run, "model": str(model), "seed": seed, "front_end": front_end}
    of_run["n_parameters"], heard = describe_network(network) if network else (math.nan, None)
    rows = [of_run | row | _chosen(row, primary) for of_list in found.values() for row in of_list.rows]
    identification |= {of_list: one.answers for of_list, one in found.items() if one.answers}
    content = {"identification": identification, "thresholds": _thresholds(lists, found)}
    content["made_by"] = origin(corpus) | {"threads": threads, "network_trained_on": heard}
    table = format_table(rows, identification, measures)
    table += "thresholds.tsv has thresholds chosen on dev, and how often they err\n" if content["thresholds"] else ""
    table += f"the network began elsewhere: {heard}\n" if heard else ""
    out = Path(out_dir)
    _write(out, rows, measures, content, table)
    _write_details(out, found, content["thresholds"], by)
    if trainings:
        plot_training(out / "training", trainings)
    return table


def _chosen(row: Mapping, primary: str) -> dict[str, str]:
    return {"primary": "yes" if row["backend"] == primary else "no"}


def _evaluate(
    lists: Mapping[str, ScoredList], measures: Mapping, criteria: Criteria, by: Sequence[str], duplicates: bool
) -> dict[str, Evaluated]:
    """Measure all lists, those of dev first, as thresholds are chosen on them; in the order of `lists`."""
    devs, found = {scored.dev for scored in lists.values()}, {}
    for name in sorted(lists, key=lambda name: name not in devs):
        scored = lists[name]
        chosen = found[scored.dev].thresholds if scored.dev else {}
        found[name] = evaluate(name, scored, measures, by, duplicates, chosen, criteria if name in devs else None)
        if scored.dev:
            check_other_speakers(scored.dev, found[scored.dev], name, found[name])
    return {name: found[name] for name in lists}


def _thresholds(lists: Mapping[str, ScoredList], found: Mapping[str, Evaluated]) -> list[dict]:
    """The rows of thresholds.tsv."""
    rows = []
    for name, scored in lists.items():
        for row in found[name].rows if scored.dev else []:
            on_dev = next(dev for dev in found[scored.dev].rows if dev["backend"] == row["backend"])
            of_pair = {"trials": name, "backend": row["backend"], "dev": scored.dev}
            rows += [of_pair | one for one in rows_of(found[name].thresholds[row["backend"]], on_dev, row)]
    return rows


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


def _write(out: Path, rows: list[dict], measures: Mapping, content: dict, table: str) -> None:
    """Write the results and their table, each by rename."""
    write_tsv(out / "results.tsv", rows, {column: f".{DECIMALS.get(column, 4)}f" for column in COLUMNS})
    order = dict.fromkeys([*COLUMNS, *measures, *bounds(measures)])
    content = {"results": [{column: row[column] for column in order} for row in rows]} | content
    content |= {of: [_without_nan(row) for row in content[of]] for of in ("results", "thresholds")}
    with replacing(out / "results.json") as f:
        json.dump(content, f, indent=2, allow_nan=False)
        f.write("\n")
    for name, text in (("table.txt", table), ("summary.txt", summarise(rows))):
        with replacing(out / name) as f:
            f.write(text)


def _without_nan(row: Mapping) -> dict:
    """JSON has neither nan nor infinity."""
    return {key: None if isinstance(x, float) and not math.isfinite(x) else x for key, x in row.items()}


def _write_details(out: Path, found: Mapping[str, Evaluated], thresholds: list[dict], by: Sequence[str]) -> None:
    """Write what is known beside the results, and a DET plot of each list, each by rename."""
    if thresholds:
        write_thresholds(out / "thresholds.tsv", thresholds)
    if any(of_list.answers for of_list in found.values()):
        write_confusions(out / "confusions.tsv", [row for of_list in found.values() for row in of_list.confusions])
    if by:
        write_slices(out / "slices.tsv", [row for of_list in found.values() for row in of_list.slices])
    for name, of_list in found.items():
        counts = "{n_target:,} target, {n_nontarget:,} nontarget trials".format(**of_list.rows[0])
        plot_det(out / f"det_{name}", f"{name}: {counts}", of_list.curves)
