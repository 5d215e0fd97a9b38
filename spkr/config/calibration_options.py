"""The section `calibration`: which list of dev turns scores into log-likelihood ratios, and for which prior."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from spkr.backend import QUALITY
from spkr.config.options import Number, Options, Word, option, unique

AUTO = "auto"
QualityName = Literal[tuple(QUALITY)]


class CalibrationOptions(Options):
    """How scores of test become log-likelihood ratios."""

    trials: Word | None = option(
        AUTO,
        "the trial list of dev that calibration is trained on; auto: for each list, dev's of the same name, else "
        "train.dev_trials, else dev's first; null, or without a list of dev: no calibration",
    )
    quality: Annotated[tuple[QualityName, ...], AfterValidator(unique)] = option(
        (), "quality measures of trials, used beside the scores; few speakers of dev overfit"
    )
    fusion: Annotated[tuple[Word, ...], AfterValidator(unique)] = option(
        (), "back-ends of backend.kinds whose scores are fused on that list: another row of the results, `fusion`"
    )
    prior: Annotated[Number, Field(gt=0, lt=1)] = option(0.01, "of a target in use; decisions at it are best")
