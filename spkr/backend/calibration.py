"""Calibration: an affine map from the scores of one or several systems to natural log-likelihood ratios.

It is trained on a labelled list (spkr.backend.logistic_regression) and applied to lists of other speakers. With the
scores of several systems it is also their fusion. Quality measures of the trials (spkr.backend.quality) may be added to
the scores. The file of a calibration is that of spkr.backend.calibration_file.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spkr.backend.calibration_file import Calibration, read_calibration
from spkr.backend.logistic_regression import fit
from spkr.backend.quality import check_cohorts, quality_columns
from spkr.backend.score import write_scores
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.trial_speakers import Sides, read_sides, speakers_of_trials
from spkr.kaldi.trials import Trials, read_trials
from spkr.metrics.bootstrap import SPEAKERS
from spkr.metrics.scores import check_differ, read_both_kinds, read_scores

logger = logging.getLogger(__name__)


def calibrate(
    trials_path: str | Path,
    score_paths: Sequence[str | Path],
    out_path: str | Path,
    prior: float,
    *,
    quality: Sequence[str] = (),
    utt2spk: str | Path | None = None,
    models: str | Path | None = None,
    cohorts: Sequence[str | Path] = (),
    allow_duplicates: bool = False,
    ratios_path: str | Path | None = None,
) -> None:
    """Train a calibration on a labelled list and write it as JSON.

    Args:
        score_paths: the scores of each system
        prior: of a target, 0 < prior < 1
        quality: names of quality measures; they need utt2spk
        utt2spk: says who is in the list, so that `apply_calibration` can refuse lists of the same speakers
        models: models_<list>, if the list has models
        cohorts: for the measure `cohort`, each system's cohort statistics
        allow_duplicates: count a repeated trial once
        ratios_path: write the ratios of this list, which are better than those of other lists: it was trained on them
    Raises InputError if a file is wrong or lacks a trial, if the list has trials of one kind only, if the scores of a
    system are all equal, and if a label contradicts the speakers.
    """
    check_cohorts(quality, score_paths, cohorts)
    trials = read_both_kinds(trials_path, allow_duplicates)
    sides = _read_sides(trials, trials_path, utt2spk, models) if utt2spk else None
    speakers = _speakers(sides) if sides else None
    if speakers and len(speakers) < SPEAKERS:
        logger.warning(
            "%s: %d speakers; calibration on fewer than %d may mislead", trials_path, len(speakers), SPEAKERS
        )
    x = _read_columns(score_paths, trials, allow_duplicates)
    _check_scores(score_paths, x, trials_path, trials.target)
    x = _with_quality(x, quality, trials, trials_path, sides, utt2spk, cohorts)
    weights, offset = fit(x, trials.target, prior)
    if len(score_paths) == 1 and weights[0] < 0:
        logger.warning("%s: target trials score lower than nontarget trials; is a higher score better?", score_paths[0])
    n_target = int(trials.target.sum())
    calibration = Calibration(
        weights=tuple(weights.tolist()), offset=offset, prior=prior, trials=str(trials_path),
        scores=tuple(map(str, score_paths)), quality=tuple(quality), speakers=speakers,
        n_target=n_target, n_nontarget=len(trials) - n_target,
    )  # fmt: skip
    with replacing(out_path) as f:
        json.dump(calibration.to_dict(), f, indent=1)
        f.write("\n")
    if ratios_path:
        write_scores(ratios_path, trials, calibration.ratios(x))


def apply_calibration(
    calibration_path: str | Path,
    trials_path: str | Path,
    score_paths: Sequence[str | Path],
    out_path: str | Path,
    *,
    utt2spk: str | Path | None = None,
    models: str | Path | None = None,
    cohorts: Sequence[str | Path] = (),
    allow_duplicates: bool = False,
) -> None:
    """Write the log-likelihood ratio of every trial of a list, labelled or not, in the form of scores.

    Args: as of `calibrate`; the score files are of the same systems in the same order.
    Raises InputError if a file is wrong or lacks a trial, for another number of score files than the calibration has,
    and if the list shares a speaker with the one that the calibration was trained on.
    """
    calibration = read_calibration(calibration_path)
    if len(score_paths) != len(calibration.scores):
        raise InputError(
            f"{calibration_path}: trained on {len(calibration.scores)} score files ({', '.join(calibration.scores)}); "
            f"expected those of the same systems in the same order, found {', '.join(map(str, score_paths))}"
        )
    check_cohorts(calibration.quality, score_paths, cohorts)
    trials = read_trials(trials_path, labelled=False, allow_duplicates=allow_duplicates)
    sides = _read_sides(trials, trials_path, utt2spk, models) if utt2spk else None
    if sides and calibration.speakers is not None:
        _check_speakers(calibration_path, calibration, trials_path, _speakers(sides))
    else:
        logger.warning(
            "%s: not known whether speakers of %s are in it, too; with --utt2spk for both lists this is checked",
            trials_path, calibration.trials,
        )  # fmt: skip
    x = _read_columns(score_paths, trials, allow_duplicates)
    x = _with_quality(x, calibration.quality, trials, trials_path, sides, utt2spk, cohorts)
    write_scores(out_path, trials, calibration.ratios(x))


def _check_speakers(path, calibration: Calibration, trials_path, speakers: tuple[str, ...]) -> None:
    if shared := sorted(set(speakers) & set(calibration.speakers)):
        raise InputError(
            f"{trials_path}: {len(shared)} of {len(speakers)} speakers, first {shared[0]!r}, are also in "
            f"{calibration.trials}, which {path} was trained on; calibrate on other speakers, or leave calibration out "
            "(in a config: calibration.trials: null)"
        )


def _read_sides(trials: Trials, path, utt2spk, models) -> Sides:
    """The utterances and speakers of a list; InputError if a label contradicts them."""
    sides = read_sides(trials, path, utt2spk, models)
    if trials.target is not None:
        speakers_of_trials(trials, path, sides)
    return sides


def _speakers(sides: Sides) -> tuple[str, ...]:
    return tuple(sorted({*sides.speakers[0], *sides.speakers[1]}))


def _check_scores(paths: Sequence[str | Path], x: np.ndarray, trials_path, target: np.ndarray) -> None:
    """Raise InputError if the scores of a system are all equal; warn if they tell all trials apart."""
    for path, column in zip(paths, x.T, strict=True):
        check_differ(path, column)
        if column[target].min() > column[~target].max():
            logger.warning(
                "%s: every target trial scores higher than every nontarget trial, so that %s does not say how fast the "
                "ratios should grow; use a longer list", path, trials_path
            )  # fmt: skip


def _with_quality(x: np.ndarray, quality: Sequence[str], trials: Trials, path, sides: Sides | None, utt2spk, cohorts):
    """Scores with the columns of quality measures behind them."""
    if quality and sides is None:
        raise InputError(f"{path}: quality measures ({', '.join(quality)}) need the list's utterances; give --utt2spk")
    return np.hstack([x, quality_columns(quality, trials, sides, utt2spk, cohorts)]) if quality else x


def _read_columns(paths: Sequence[str | Path], trials: Trials, allow_duplicates: bool) -> np.ndarray:
    """The scores of each system, (number of trials, number of systems), in the order of the list."""
    return np.stack([read_scores(path, trials, allow_duplicates) for path in paths], axis=1)
