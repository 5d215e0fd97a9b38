"""Who is speaking? The results of identification, for results.json, confusions.tsv and the printed table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spkr.kaldi.trials import Trials
from spkr.metrics.identification import confusions, identify
from spkr.tsv import write_tsv

COLUMNS = ("trials", "backend", "speaker", "taken_for", "count", "utterances")
DECIMALS = 4


def answer(
    trials: Trials, scores: np.ndarray, speakers: tuple[np.ndarray, np.ndarray] | None, names: Sequence[str]
) -> tuple[dict, list[dict]]:
    """What results.json says of a back-end on a list with models, and rows of confusions.tsv.

    Args: scores (number of trials,); speakers: the numbers of both speakers of each trial, or None, with which each
    model is a speaker; names: by these numbers. Shares are from 0 to 1.
    """
    found = identify(trials, scores, speakers)
    shares, intervals = found.shares(), found.intervals() if speakers else {}
    said = {"accuracy": round(shares.pop("top1"), DECIMALS), "n": len(found.rank)}
    said |= {name: round(share, DECIMALS) for name, share in shares.items()}
    for name, low_high in intervals.items():
        key = "accuracy" if name == "top1" else name
        said |= {f"{key}_{end}": round(x, DECIMALS) for end, x in zip(("lo", "hi"), low_high, strict=True)}
    said |= {"n_models": len(trials.enrol_names), "n_speakers": found.n_enrolled}
    said |= {"n_outside": len(found.alarms), "left_out": found.left_out}
    rows = [dict(zip(COLUMNS[2:], (names[a], names[b], n, of), strict=True)) for a, b, n, of in confusions(found)]
    return said, rows


def in_words(where: str, answers: Mapping[str, Mapping], primary: str) -> str:
    """One line on a list: the accuracy of each back-end, and what else is known of the primary one."""
    shares = ", ".join(f"{backend} {100 * said['accuracy']:.2f} %" for backend, said in answers.items())
    said = answers[primary]
    further = [f"{100 * said['top5']:.2f} % in the top 5"] if "top5" in said else []
    if "dir_0.01" in said:
        further.append(f"{100 * said['dir_0.01']:.2f} % detected and identified at 1 % false alarms")
    more = f"; {primary}: {', '.join(further)}" if further else ""
    models = "" if said["n_models"] == said["n_speakers"] else f"{said['n_models']} models of "
    of = f"{said['n']} right, among {models}{said['n_speakers']} speakers"
    return f"who is speaking? {where}: {shares} of {of}{more}"


def write_confusions(path: str | Path, rows: Sequence[Mapping]) -> None:
    """Write COLUMNS of rows as tab-separated text, by rename."""
    write_tsv(path, rows, dict.fromkeys(COLUMNS, ""))
