"""A calibration, the affine map from scores to natural log-likelihood ratios, and its file.

The file is JSON:

    weights, offset        log-likelihood ratio = weights . columns + offset: scores, then quality measures
    quality                names of the quality measures, which have two columns each (`cohort`: for each system)
    prior                  the prior of a target that it is for
    trials, scores         the list and the score files that it was trained on, in the order of the weights
    n_target, n_nontarget  numbers of trials
    speakers               of the list; null if they are not known
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from spkr.backend import QUALITY
from spkr.config.options import Number, Options, Positive, Text, first_error, option
from spkr.config.sources import place, read_source
from spkr.errors import InputError


class Calibration(Options):
    """The content of a calibration's file."""

    weights: Annotated[tuple[Number, ...], Field(min_length=1)] = option(meaning="of the scores of each system")
    offset: Number = option(meaning="added to the weighted scores")
    prior: Annotated[Number, Field(gt=0, lt=1)] = option(meaning="of a target")
    trials: Text = option(meaning="the list that it was trained on")
    scores: tuple[Text, ...] = option(meaning="the score files that it was trained on")
    quality: tuple[Literal[tuple(QUALITY)], ...] = option(meaning="quality measures")
    n_target: Positive = option(meaning="target trials of the list")
    n_nontarget: Positive = option(meaning="nontarget trials of the list")
    speakers: tuple[Text, ...] | None = option(meaning="of the list; null if they are not known")

    @model_validator(mode="after")
    def _check(self):
        wanted = len(self.scores) + number_of_columns(self.quality, len(self.scores))
        if len(self.weights) != wanted:
            raise InputError(
                f"weights: {len(self.weights)}; expected {wanted}, one for each score file and two for each measure"
            )
        return self

    def ratios(self, x: np.ndarray) -> np.ndarray:
        """Natural log-likelihood ratios (n,) of columns (n, number of weights)."""
        return x @ np.array(self.weights) + self.offset


def read_calibration(path: str | Path) -> Calibration:
    """A calibration from its file; InputError, with the line, if it holds something else."""
    source = read_source(path)
    try:
        return Calibration.model_validate(source.settings)
    except ValidationError as e:
        keys, message = first_error(e, source.settings)
        where = place(keys, [source]) if keys and keys[0] in source.settings else f"{path}: {'.'.join(keys)}: "
        raise InputError(f"{where}{message}; write it again with `spkr calibrate`") from None


def number_of_columns(quality: Sequence[str], systems: int) -> int:
    """How many columns these measures have, for a number of systems."""
    return sum(2 * (systems if name == "cohort" else 1) for name in quality)
