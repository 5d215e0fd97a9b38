"""What each stage cost by Snakemake's benchmarks, and what was left out and warned of by the logs.

Neither is an input of a rule: a run whose logs were removed has a report, with less in it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spkr.report.html.drawing import LOOKS, Picture, picture

WARNING = re.compile(r"^[\d:]{8} warning: (.*)$", re.MULTILINE)
MOST_BARS = 25
HOUR, MINUTE = 3600, 60


@dataclass(frozen=True)
class StageCost:
    """The jobs of one stage together."""

    stage: str
    jobs: int
    seconds: float  # of all jobs, one after another
    cpu_seconds: float
    max_mb: float  # resident memory of the largest job


def stage_costs(folders: Iterable[str | Path]) -> list[StageCost]:
    """The costs of the stages whose benchmarks lie in `<folder>/benchmark`, those that took longest first."""
    found: dict[str, list] = {}
    for folder in dict.fromkeys(map(Path, folders)):
        for path in sorted((folder / "benchmark").glob("*.tsv")):
            is_of_feats = folder.parent.name == "feats"
            stage = "feats" if is_of_feats else path.name.partition(".")[0]
            table = _benchmark(path)
            if table is not None:
                found.setdefault(stage, []).append(table)
    costs = [
        StageCost(stage, len(jobs), *(sum(job[k] for job in jobs) for k in (0, 1)), max(job[2] for job in jobs))
        for stage, jobs in found.items()
    ]
    return sorted(costs, key=lambda cost: -cost.seconds)


def _benchmark(path: Path) -> tuple[float, float, float] | None:
    """Seconds, processor seconds and megabytes of a job; None for a job too short to be measured."""
    text = path.read_text(encoding="utf-8").splitlines()
    if len(text) < 2:
        return None
    job = dict(zip(text[0].split("\t"), text[1].split("\t"), strict=False))
    values = [_number(job.get(name, "")) for name in ("s", "cpu_time", "max_rss")]
    return tuple(values)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # Snakemake writes NA or - for what it could not measure


def duration(seconds: float) -> str:
    """Seconds as people write them: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE:.0f} s"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"


def cost_picture(costs: Sequence[StageCost]) -> Picture:
    """The time of each stage as bars."""
    shown = list(costs)[:MOST_BARS]
    alt = "seconds of each stage: " + ", ".join(f"{cost.stage} {cost.seconds:.1f}" for cost in shown)
    with picture("time-of-stages", "Time of each stage", alt, height=0.8 + 0.27 * len(shown)) as drawn:
        axes = drawn.figure.add_subplot()
        places = range(len(shown))
        axes.barh(places, [cost.seconds for cost in shown], color=LOOKS[0]["color"], height=0.62)
        axes.set_yticks(places, [cost.stage for cost in shown])
        for place, cost in zip(places, shown, strict=True):
            axes.annotate(
                duration(cost.seconds), (cost.seconds, place), (4, 0), textcoords="offset points", va="center"
            )
        axes.set(xlim=(0, 1.25 * max(cost.seconds for cost in shown) or 1), xlabel="Seconds, all jobs together")
        axes.set_ylim(len(shown) - 0.4, -0.6)
    return drawn


def warnings_of(folders: Iterable[str | Path]) -> list[tuple[str, str]]:
    """The warnings in the logs in `<folder>/log`: the log's name and the warning; equal warnings once."""
    found: dict[str, str] = {}
    for folder in dict.fromkeys(map(Path, folders)):
        for path in sorted((folder / "log").glob("*.log")):
            for text in WARNING.findall(path.read_text(encoding="utf-8", errors="replace")):
                found.setdefault(text, path.stem)
    return [(log, text) for text, log in found.items()]


def bad_files(path: str | Path | None) -> list[list[str]]:
    """The lines of data/bad_files: set, file and reason; none without the file."""
    if not path or not Path(path).exists():
        return []
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
