"""The results of a run: results.tsv and results.json, slices.tsv, a table to read, and DET plots of the trial lists."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing, sha256
from spkr.kaldi.counts import read_silent, report_silent, rest_on_silence
from spkr.kaldi.trials import Trials, read_trials, warn_of_odd_trials
from spkr.metrics.dcf import dcf
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch
from spkr.metrics.identification import identification_accuracy
from spkr.metrics.interval import eer_interval
from spkr.metrics.roc import error_rates
from spkr.metrics.scores import read_scores
from spkr.report.det import plot_det, thin
from spkr.report.origin import origin
from spkr.report.sides import read_sides, speakers_of_trials
from spkr.report.slices import measure_slices, read_attributes, write_slices
from spkr.report.training import plot_training, read_log

PRIORS = (0.01, 0.001, 0.05)
COLUMNS = (
    *("name", "run", "model", "seed", "trials", "backend", "primary", "n_target", "n_nontarget"),
    *("eer", "eer_lo", "eer_hi", "mindcf_0.01", "mindcf_0.001", "mindcf_0.05"),
    *("actdcf_0.01", "cllr", "mincllr", "trials_sha256", "n_silent"),
)
OTHER_EERS = ("eer_rocch", "eer_linear")  # in results.json only, as are minDCFs at further priors
PERCENTAGES = ("eer", "eer_lo", "eer_hi", *OTHER_EERS)  # three decimals; other measures have four


@dataclass(frozen=True)
class ScoredList:
    """A labelled trial list and what each back-end made of it."""

    name: str  # as the results show it: trials_pairs, dev_trials_pairs
    trials: str | Path
    scores: Mapping[str, str | Path]  # back-end -> its score file
    models: str | Path | None = None  # models_<list>; then it also asks who is speaking
    utt2spk: str | Path | None = None  # for the intervals; beside it lie the attributes' files
    num_voiced: str | Path | None = None  # utt2num_voiced: the results count trials that rest on silence


def report(
    lists: Sequence[ScoredList],
    out_dir: str | Path,
    *,
    name: str,
    run: str,
    model: str,
    seed: int,
    primary: str,
    valid_json: str | Path | None = None,
    priors: Sequence[float] = (),
    by: Sequence[str] = (),
    train_logs: Sequence[str | Path] = (),
    allow_duplicates: bool = False,
) -> str:
    """Measure every list with every back-end and write `out_dir`; returns the table of `format_table`.

    Writes results.tsv (COLUMNS), results.json (the same rows with OTHER_EERS and minDCF at further priors, the
    identification accuracy, and the machine and code that measured them), table.txt, and det_<list>.png and .svg. EERs
    are in percent, accuracies parts of 1; what is not measured is nan (null in JSON). slices.tsv has the results by
    attribute (spkr.report.slices), where some are asked for, and training.png and .svg show the trainings of
    `train_logs`, one after the other. Nothing is written unless all lists could be measured.

    Args: name, run, model and seed are copied into each row; primary is the back-end chosen on dev;
    valid_json is the trainer's {"valid_accuracy": 0..1, "n": utterances}; priors are those of a target beside PRIORS;
    by names the attributes' files beside each utt2spk, such as utt2mic; allow_duplicates counts a repeated trial once.
    Raises InputError where lists share a name, the primary back-end is missing, or a file is wrong.
    """
    _check(lists, primary, by)
    identification = {} if valid_json is None else {"valid": _read_valid(valid_json)}
    trainings = [read_log(path) for path in train_logs]
    rows, slices, curves = [], [], {}
    for scored in lists:
        measured, of_slices, curves[scored.name], answers = evaluate(scored, priors, by, allow_duplicates)
        of_run = {"name": name, "run": run, "model": str(model), "seed": seed}
        rows += [of_run | row | {"primary": "yes" if row["backend"] == primary else "no"} for row in measured]
        slices += of_slices
        identification |= {scored.name: answers} if answers else {}
    table = format_table(rows, identification)
    _write(Path(out_dir), rows, identification, table, curves)
    if by:
        write_slices(Path(out_dir) / "slices.tsv", slices)
    if trainings:
        plot_training(Path(out_dir) / "training", trainings)
    return table


def evaluate(
    scored: ScoredList, priors: Sequence[float] = (), by: Sequence[str] = (), allow_duplicates: bool = False
) -> tuple[list[dict], list[dict], dict, dict]:
    """Measure one list: its rows, its slices, and by back-end its curves for `plot_det` and who was identified."""
    trials = _read_both_kinds(scored.trials, allow_duplicates)
    utts = [(name,) for name in trials.enrol_names], [(name,) for name in trials.test_names]
    speakers, attributes = None, []
    if scored.utt2spk:
        sides = read_sides(trials, scored.trials, scored.utt2spk, scored.models)
        utts = sides.utts
        speakers = speakers_of_trials(trials, scored.trials, sides)
        attributes = read_attributes(trials, sides, [Path(scored.utt2spk).parent / name for name in by])
    warn_of_odd_trials(scored.trials, trials, utts)
    of_list = {"trials": scored.name, "trials_sha256": sha256(scored.trials)}
    of_list["n_silent"] = _count_silent(scored, trials, utts) if scored.num_voiced else math.nan
    rows, slices, curves, answers = [], [], {}, {}
    for backend, path in scored.scores.items():
        scores = read_scores(path, trials, allow_duplicates)
        measures, curves[backend] = measure(scores[trials.target], scores[~trials.target], priors)
        if speakers:
            ends = eer_interval(scores, trials.target, *speakers)
            measures |= {key: round(100 * end, 3) for key, end in zip(("eer_lo", "eer_hi"), ends, strict=True)}
        rows.append(of_list | {"backend": backend} | measures)
        of_backend = {"trials": scored.name, "backend": backend}
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


def measure(target: np.ndarray, nontarget: np.ndarray, priors: Sequence[float] = ()) -> tuple[dict, tuple]:
    """The measures of one back-end on one list, rounded as they are printed, and its curve for `plot_det`.

    Args: target (n_t,) and nontarget (n_n,) scores; priors of a target beside PRIORS.
    """
    p_miss, p_fa = error_rates(target, nontarget)
    eer, _ = eer_kaldi(target, nontarget)
    unknown = dict.fromkeys(("eer_lo", "eer_hi", "actdcf_0.01", "cllr", "mincllr"), math.nan)
    measures = {"eer": 100 * eer, "eer_rocch": 100 * eer_rocch(target, nontarget)} | unknown
    measures |= {"eer_linear": 100 * eer_linear(target, nontarget)}
    measures |= {f"mindcf_{prior:g}": float(dcf(p_miss, p_fa, prior).min()) for prior in (*PRIORS, *priors)}
    rounded = {key: round(value, _decimals(key)) for key, value in measures.items()}
    return {"n_target": len(target), "n_nontarget": len(nontarget)} | rounded, (*thin(p_miss, p_fa), eer)


def format_table(rows: Sequence[Mapping], identification: Mapping[str, Mapping] | None = None) -> str:
    """The rows as a short plain-text table, with the identification accuracies below; ends in a newline."""
    priors = ["0.01", "0.001", *(key.removeprefix("mindcf_") for key in _further(rows))]
    cells = [("trials", "backend", "targets", "nontargets", "EER %", *(f"minDCF {prior}" for prior in priors))]
    for row in rows:
        star = "*" if row["primary"] == "yes" else ""
        counts = (f"{row['n_target']:,}", f"{row['n_nontarget']:,}")
        measures = (_eer_cell(row), *(f"{row[f'mindcf_{prior}']:.4f}" for prior in priors))
        cells.append((row["trials"], row["backend"] + star, *counts, *measures))
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


def _further(rows: Sequence[Mapping]) -> list[str]:
    """The rows' minDCFs that are no columns of the results."""
    return [key for key in rows[0] if key.startswith("mindcf_") and key not in COLUMNS]


def _decimals(column: str) -> int:
    return 3 if column in PERCENTAGES else 4


def _check(lists: Sequence[ScoredList], primary: str, by: Sequence[str]) -> None:
    if not lists:
        raise InputError("no trial list; name at least one")
    names = [scored.name for scored in lists]
    if len(set(names)) < len(names):
        raise InputError(f"two trial lists have one name among {', '.join(names)}; the results could not tell them")
    if by and not any(scored.utt2spk for scored in lists):
        raise InputError(f"results by {', '.join(by)} need the utt2spk beside which these files lie; name a list's")
    for scored in lists:
        if scored.num_voiced and not scored.utt2spk:
            raise InputError(f"{scored.name}: {scored.num_voiced} without an utt2spk; name the list's utt2spk, too")
        if primary not in scored.scores:
            raise InputError(
                f"{scored.name}: no scores of the primary back-end {primary!r}, only of "
                f"{', '.join(scored.scores) or 'none'}; score the list with it or choose another primary"
            )


def _read_both_kinds(path: str | Path, allow_duplicates: bool) -> Trials:
    trials = read_trials(path, allow_duplicates=allow_duplicates)
    for kind, there in (("target", trials.target), ("nontarget", ~trials.target)):
        if not there.any():
            raise InputError(f"{path}: no {kind} trial; an error rate needs trials of both kinds")
    return trials


def _read_valid(path: str | Path) -> dict:
    """The trainer's accuracy on the held-out utterances of its own speakers."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        accuracy, n = float(found["valid_accuracy"]), int(found["n"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, KeyError, TypeError):
        accuracy, n = math.nan, 0
    if not 0 <= accuracy <= 1:
        raise InputError(f'{path}: expected {{"valid_accuracy": <0 to 1>, "n": <utterances>}}; train again')
    return {"accuracy": round(accuracy, 4), "n": n}


def _write(out: Path, rows: list[dict], identification: dict, table: str, curves: dict) -> None:
    """Write all files of the results, each by rename."""
    with replacing(out / "results.tsv") as f:
        for cells in [COLUMNS, *([_cell(column, row[column]) for column in COLUMNS] for row in rows)]:
            f.write("\t".join(cells) + "\n")
    order = [*COLUMNS, *OTHER_EERS, *_further(rows)]
    results = [{c: None if row[c] != row[c] else row[c] for c in order} for row in rows]  # JSON knows no nan
    with replacing(out / "results.json") as f:
        content = {"results": results, "identification": identification, "made_by": origin()}
        json.dump(content, f, indent=2, allow_nan=False)
        f.write("\n")
    with replacing(out / "table.txt") as f:
        f.write(table)
    for name, of_list in curves.items():
        row = next(row for row in rows if row["trials"] == name)
        counts = f"{row['n_target']:,} target, {row['n_nontarget']:,} nontarget trials"
        plot_det(out / f"det_{name}", f"{name}: {counts}", of_list)


def _cell(column: str, value) -> str:
    return f"{value:.{_decimals(column)}f}" if isinstance(value, float) else str(value)
