"""The section `backend`: what is trained on embeddings, and how trials are scored."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from spkr.backend import BACKENDS
from spkr.config.options import (
    Count,
    Flag,
    NonNegative,
    Options,
    PathText,
    Positive,
    Probability,
    Word,
    option,
    unique,
)
from spkr.config.train_options import SetsOrNone
from spkr.errors import InputError

BackendName = Literal[tuple(BACKENDS)]


class Adapt(Options):
    """Kaldi's ivector-adapt-plda."""

    within_covar_scale: NonNegative = option(
        0.3, "share of the excess variance that goes to the within-speaker covariance"
    )
    between_covar_scale: NonNegative = option(
        0.7, "share of the excess variance that goes to the between-speaker covariance"
    )
    mean_diff_scale: NonNegative = option(1.0, "weight of the difference between the two means")


class Score(Options):
    """How trials are scored."""

    smoothing: NonNegative = option(
        0.0, "PLDA: this times the between-speaker covariance is added to the within-speaker covariance"
    )
    ignore_num_utts: Flag = option(False, "PLDA treats the average of a model as one utterance")
    score_norm: Literal["none", "s-norm", "as-norm"] = option("none", "score normalisation by a cohort")
    cohort: Word | None = option(None, "the set whose speakers are the cohort")
    top_n: Positive = option(300, "as-norm: how many of the closest members are used")

    @model_validator(mode="after")
    def _check(self):
        if self.score_norm != "none" and not self.cohort:
            raise InputError(f"cohort: missing; score_norm {self.score_norm} needs a set whose speakers are the cohort")
        return self


class BackendOptions(Options):
    """Options of back-end training."""

    lda_dim: Positive = option(128, "dimensions after LDA")
    total_covariance_factor: Probability = option(
        0.0, "share of the total covariance in the covariance that LDA whitens"
    )
    covariance_floor: NonNegative = option(1e-6, "of the eigenvalues of that covariance, as a fraction of the largest")
    pca_dim: Positive | None = option(
        None, "dimensions of a PCA before LDA; if null, a PCA is used only for too few data"
    )
    plda_iters: Positive = option(10, "iterations of EM")
    min_voiced_frames: Count = option(25, "utterances with fewer are left out")
    min_utts_per_speaker: Positive = option(2, "speakers with fewer are left out")


class Backend(BackendOptions):
    """The section `backend`."""

    preset: Word | None = option(None, "a file of conf/backend/")
    kinds: Annotated[tuple[BackendName, ...], Field(min_length=1), AfterValidator(unique)] = option(
        ("cosine", "lda_cosine", "plda"), "back-ends that score all lists"
    )
    primary: BackendName = option("cosine", "the back-end that was chosen on dev")
    sets: SetsOrNone = option(
        ("train",), "sets that the back-end is trained on; none: cosine of embeddings as they are, without training"
    )
    augment: Word | None = option(None, "an augmentation of the section augment; its copies are used for training")
    trained: PathText | None = option(
        None, "a folder of mean.vec, transform.mat and plda to use without training", alias="from"
    )
    adapt_to: Word | None = option(None, "a set; the back-end is adapted to its embeddings, without labels")
    adapt: Adapt = Adapt()
    score: Score = Score()

    @model_validator(mode="after")
    def _check(self):
        if not self.sets and not self.trained and set(self.kinds) != {"cosine"}:
            raise InputError("sets: none to train on; expected kinds: [cosine], which needs no training, or `from`")
        if self.primary not in self.kinds:
            raise InputError(f"primary: {self.primary}; expected one of kinds, {', '.join(self.kinds)}")
        return self
