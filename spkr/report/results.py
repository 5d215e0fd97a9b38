"""The results of a run: results.tsv and results.json, slices.tsv, a table to read, and DET plots of the trial lists."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing, sha256
from spkr.kaldi.counts import read_silent, report_silent, rest_on_silence
from spkr.kaldi.odd_trials import warn_of_odd_trials
from spkr.kaldi.trial_speakers import read_sides, speakers_of_trials
from spkr.kaldi.trials import Trials
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.identification import identification_accuracy
from spkr.metrics.interval import eer_interval
from spkr.metrics.roc import error_rates, sorted_sides
from spkr.metrics.scores import read_both_kinds, read_scores
from spkr.report.det import plot_det, thin
from spkr.report.lists import ScoredList
from spkr.report.measures import MEASURES, Measure, with_priors
from spkr.report.origin import describe_network, origin
from spkr.report.slices import measure_slices, read_attributes, write_slices
from spkr.report.training import plot_training, read_log
from spkr.tsv import write_tsv

ORDER = (
    *("name", "run", "model", "seed", "trials", "backend", "primary", "n_target", "n_nontarget"),
    *("eer", "eer_lo", "eer_hi", "mindcf_0.01", "mindcf_0.001", "mindcf_0.05"),
    *("actdcf_0.01", "cllr", "mincllr", "trials_sha256", "n_silent", "front_end", "n_parameters"),
)
COLUMNS = tuple(dict.fromkeys([*ORDER, *(name for name, measure in MEASURES.items() if not measure.json_only)]))
INTERVAL = ("eer_lo", "eer_hi")
UNMEASURED = ("actdcf_0.01", "cllr", "mincllr")  # scores are not calibrated
DECIMALS = dict.fromkeys(INTERVAL, 3) | {name: measure.decimals for name, measure in MEASURES.items()}


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

    Writes results.tsv (COLUMNS), results.json (the same rows with all MEASURES and minDCF at further priors, the
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


def evaluate(
    name: str,
    scored: ScoredList,
    table: Mapping[str, Measure],
    by: Sequence[str] = (),
    allow_duplicates: bool = False,
) -> tuple[list[dict], list[dict], dict, dict]:
    """Measure one list: its rows, its slices and, by back-end, curves for `plot_det` and identification accuracies."""
    trials = read_both_kinds(scored.trials, allow_duplicates)
    utts = [(name,) for name in trials.enrol_names], [(name,) for name in trials.test_names]
    speakers, attributes = None, []
    if scored.utt2spk:
        sides = read_sides(trials, scored.trials, scored.utt2spk, scored.models)
        utts = sides.utts
        speakers = speakers_of_trials(trials, scored.trials, sides)
        attributes = read_attributes(trials, sides, [Path(scored.utt2spk).parent / name for name in by])
    warn_of_odd_trials(scored.trials, trials, utts)
    of_list = {"trials": name, "trials_sha256": sha256(scored.trials)}
    of_list["n_silent"] = _count_silent(scored, trials, utts) if scored.num_voiced else math.nan
    rows, slices, curves, answers = [], [], {}, {}
    for backend, path in scored.scores.items():
        scores = read_scores(path, trials, allow_duplicates)
        measures, curves[backend] = measure(scores[trials.target], scores[~trials.target], table)
        if speakers:
            ends = eer_interval(scores, trials.target, *speakers)
            measures |= {key: round(100 * end, 3) for key, end in zip(INTERVAL, ends, strict=True)}
        rows.append(of_list | {"backend": backend} | measures)
        of_backend = {"trials": name, "backend": backend}
        slices += [of_backend | row for row in measure_slices(trials, scores, attributes)]
        if scored.models:
            accuracy, n = identification_accuracy(trials, scores)
            answers[backend] = {"accuracy": round(accuracy, 4), "n": n}
    return rows, slices, curves, answers


def _count_silent(scored: ScoredList, trials: Trials, utts) -> int:
    """How many trials rest on utterances without a voiced frame; the log names one."""
    silent = read_silent([scored.num_voiced], {utt for side in utts for of_name in side for utt in of_name})
    count = int(rest_on_silence(trials, utts, silent).sum())
    report_silent(scored.trials, silent, f"{count} of {len(trials)} trials rest on silence")
    return count


def measure(target: np.ndarray, nontarget: np.ndarray, table: Mapping[str, Measure]) -> tuple[dict, tuple]:
    """The measures of one back-end on one list, rounded as they are printed, and its curve for `plot_det`.

    Args: target (n_t,) and nontarget (n_n,) scores; the measures to take.
    """
    sides = sorted_sides(target, nontarget)
    counts = {"n_target": len(target), "n_nontarget": len(nontarget)}
    measures = dict.fromkeys((*INTERVAL, *UNMEASURED), math.nan) | {name: m.of(*sides) for name, m in table.items()}
    return counts | measures, (*thin(*error_rates(*sides)), eer_kaldi(*sides)[0])


def format_table(
    rows: Sequence[Mapping],
    identification: Mapping[str, Mapping] | None = None,
    measures: Mapping[str, Measure] = MEASURES,
) -> str:
    """The rows as a short plain-text table, with the identification accuracies below; ends in a newline."""
    printed = {name: measure.heading for name, measure in measures.items() if measure.heading}
    cells = [("trials", "backend", "targets", "nontargets", *printed.values())]
    for row in rows:
        star = "*" if row["primary"] == "yes" else ""
        counts = (f"{row['n_target']:,}", f"{row['n_nontarget']:,}")
        measured = (_eer_cell(row) if name == "eer" else f"{row[name]:.{measures[name].decimals}f}" for name in printed)
        cells.append((row["trials"], row["backend"] + star, *counts, *measured))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        words = zip((str.ljust,) * 2 + (str.rjust,) * (len(line) - 2), line, widths, strict=True)
        lines.append("  ".join(pad(cell, width) for pad, cell, width in words).rstrip())
    lines.insert(1, "-" * len(lines[0]))
    intervals = not all(math.isnan(row["eer_lo"]) for row in rows)
    lines.append("* the primary back-end" + ("; (95 % confidence interval, resampling speakers)" if intervals else ""))
    for name, row in {row["trials"]: row for row in rows if row["n_silent"] > 0}.items():
        lines.append(f"{name}: {row['n_silent']} trials rest on an utterance without a voiced frame")
    for where, found in (identification or {}).items():
        answers = {"": found} if where == "valid" else found
        shares = ", ".join(f"{who} {100 * a['accuracy']:.2f} %".strip() for who, a in answers.items())
        lines.append(f"who is speaking? {where}: {shares} of {next(iter(answers.values()))['n']} right")
    return "\n".join(lines) + "\n"


def _eer_cell(row: Mapping) -> str:
    interval = "" if math.isnan(row["eer_lo"]) else f" ({row['eer_lo']:.1f}-{row['eer_hi']:.1f})"
    return f"{row['eer']:.2f}{interval}"


def _check(lists: Mapping[str, ScoredList], primary: str, by: Sequence[str]) -> None:
    if not lists:
        raise InputError("no trial list; name at least one")
    if by and not any(scored.utt2spk for scored in lists.values()):
        raise InputError(f"results by {', '.join(by)} need the utt2spk beside which these files lie; name a list's")
    for name, scored in lists.items():
        if scored.num_voiced and not scored.utt2spk:
            raise InputError(f"{name}: {scored.num_voiced} without an utt2spk; name the list's utt2spk, too")
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
    order = dict.fromkeys([*COLUMNS, *measures])
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
