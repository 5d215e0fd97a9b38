"""Systems compared on one trial list: each measure, each pair, from the same draws of speakers."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.trial_speakers import read_sides, speakers_of_trials
from spkr.metrics.bootstrap import FEWEST, SPEAKERS, draw_speakers, ends
from spkr.metrics.paired import DRAWS_A_TEST, SIGNIFICANT, holm, two_sided_p
from spkr.metrics.scores import check_differ, read_both_kinds, read_scores
from spkr.report.measures import MEASURES, Measure, values_in_draws, with_priors


@dataclass(frozen=True)
class ScoreFile:
    """The scores of a system, and their log-likelihood ratios if it is calibrated."""

    scores: Path
    llrs: Path | None


@dataclass(frozen=True)
class SharedList:
    """A trial list, and the systems that have scored it."""

    name: str
    trials: Path
    utt2spk: Path
    models: Path | None
    systems: Mapping[str, ScoreFile]

    def files(self) -> list[Path]:
        """All of its files."""
        of_systems = (path for files in self.systems.values() for path in (files.scores, files.llrs))
        return [*filter(None, (self.trials, self.utt2spk, self.models, *of_systems))]


@dataclass(frozen=True)
class Measured:
    """The measures of systems on a list, and in each draw of its speakers."""

    n_target: int
    n_nontarget: int
    n_speakers: int
    values: Mapping[str, Mapping[str, float]]  # by system and measure; nan without the ratios that it needs
    in_draws: Mapping[str, Mapping[str, np.ndarray]]  # the same, (draws,) each; empty with fewer than SPEAKERS


@dataclass(frozen=True)
class Difference:
    """The difference of a measure between two systems, and what paired draws say about it."""

    trials: str
    measure: str
    systems: tuple[str, str]
    values: tuple[float, float]
    interval: tuple[float, float]  # of 95 %, of the first value less the second; nan with fewer than SPEAKERS
    draws: int
    p: float
    p_holm: float = math.nan

    @property
    def value(self) -> float:
        """The first value less the second."""
        return self.values[0] - self.values[1]

    @property
    def better(self) -> int | None:
        """Which of the two systems is better: 0 or 1; None if they cannot be told apart."""
        sides = {np.sign(end) for end in (self.value, *self.interval)}
        if not self.p_holm < SIGNIFICANT or len(sides) > 1 or 0 in sides:
            return None
        return int(self.value > 0)


def measures_named(names: Sequence[str]) -> dict[str, Measure]:
    """These measures of the results, or minDCF and actDCF at any prior; InputError for another name."""
    priors = [number for number in (name.partition("dcf_")[2] for name in names) if re.fullmatch(r"0\.\d+", number)]
    known = with_priors(prior for prior in map(float, priors) if prior > 0)
    if unknown := [name for name in names if name not in known]:
        raise InputError(
            f"no measure {unknown[0]!r}; expected {', '.join(MEASURES)}, or mindcf_P and actdcf_P at a prior P"
        )
    return {name: known[name] for name in names}


def measure_systems(
    shared: SharedList, table: Mapping[str, Measure], n_tests: int, allow_duplicates: bool = False
) -> Measured:
    """Measure all systems on a list; n_tests: how many differences of a measure Holm's correction will be over.

    Raises InputError, with the line, for files that are wrong, and for a list with trials of one kind only.
    """
    trials = read_both_kinds(shared.trials, allow_duplicates)
    sides = read_sides(trials, shared.trials, shared.utt2spk, shared.models)
    speakers = speakers_of_trials(trials, shared.trials, sides)
    n_speakers = 1 + int(max(map(np.max, speakers)))
    draws = draw_speakers(n_speakers, len(trials), max(FEWEST, DRAWS_A_TEST * n_tests))
    values, in_draws = {}, {}
    for name, files in shared.systems.items():
        scores = read_scores(files.scores, trials, allow_duplicates)
        check_differ(files.scores, scores)
        ratios = read_scores(files.llrs, trials, allow_duplicates) if files.llrs else None
        found, of_draws = values_in_draws(table, trials.target, scores, ratios, speakers, draws)
        values[name] = dict.fromkeys(table, math.nan) | found
        in_draws |= {name: of_draws} if n_speakers >= SPEAKERS else {}
    n_target = int(trials.target.sum())
    return Measured(n_target, len(trials) - n_target, n_speakers, values, in_draws)


def differences(
    trials: str, measure: str, values: Mapping[str, float], in_draws: Mapping, pairs, n_speakers: int
) -> list[Difference]:
    """These pairs of systems by a measure; in_draws is empty if there are too few speakers."""
    found = []
    for a, b in pairs:
        d, known = values[a] - values[b], (values[a], values[b])
        of_draws = in_draws[a] - in_draws[b] if in_draws else np.array([])
        p = two_sided_p(of_draws, d, n_speakers)
        found.append(Difference(trials, measure, (a, b), known, ends(of_draws, d, n_speakers), len(of_draws), p))
    corrected = holm([one.p for one in found])
    return [replace(one, p_holm=q) for one, q in zip(found, corrected, strict=True)]


def compare(
    shared: SharedList, table: Mapping[str, Measure], allow_duplicates: bool = False
) -> tuple[Measured, list[Difference]]:
    """All pairs of the systems by each measure; Holm's correction is over the pairs of a measure.

    A measure that needs log-likelihood ratios is left out unless all systems have them.
    Raises InputError as `measure_systems` does.
    """
    pairs = list(combinations(shared.systems, 2))
    measured = measure_systems(shared, table, len(pairs), allow_duplicates)
    found = []
    for measure in table:
        values = {name: of_system[measure] for name, of_system in measured.values.items()}
        if not np.isnan(list(values.values())).any():
            in_draws = {name: of_system[measure] for name, of_system in measured.in_draws.items()}
            found += differences(shared.name, measure, values, in_draws, pairs, measured.n_speakers)
    return measured, found
