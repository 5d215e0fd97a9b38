"""The section `backend`: what is trained on embeddings, and how trials are scored."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from spkr.backend import BACKENDS, NORMS, with_norms
from spkr.backend.chain import Chain, parse_chain
from spkr.config.options import (
    Count,
    Flag,
    NonNegative,
    Options,
    PathText,
    Positive,
    Probability,
    Text,
    Word,
    entries_of,
    option,
    suggest,
    unique,
)
from spkr.config.train_options import SetsOrNone
from spkr.errors import InputError

KALDI = BACKENDS["plda"]  # what is trained in backend/; other chains have folders below it
FUSION = "fusion"  # stands beside back-ends in the results

ChainName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


def _chain(text: str) -> str:
    try:
        return str(parse_chain(text))
    except InputError as e:
        raise ValueError(str(e)) from None


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
    cohort: Word | None = option(
        None,
        "the set whose speakers are the cohort of S-norm and AS-norm; null: those of backend.sets, or else train",
    )
    top_n: Positive = option(300, "how many of the closest members an as-norm uses that has no number")

    RENAMED = {"score_norm": "`backend.kinds` and `backend.primary`, with names such as cosine_snorm or plda_asnorm,"}


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
    chains: entries_of(ChainName, Annotated[Text, AfterValidator(_chain)]) = option(
        {},
        "back-ends of your own by name, such as my: 'mean | lda: 64 | length-norm | plda'; my_snorm and my_asnorm are "
        "the same with S-norm and AS-norm",
    )
    kinds: Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(unique)] = option(
        ("cosine", "lda_cosine", "plda"),
        f"back-ends that score all lists: {', '.join(BACKENDS)}, or of `chains`",
    )
    primary: Word = option("cosine", "the back-end that was chosen on dev")
    sets: SetsOrNone = option(
        ("train",), "sets that the back-end is trained on; none: cosine of embeddings as they are, without training"
    )
    augment: Word | None = option(None, "an augmentation of the section augment; its copies are used for training")
    trained: PathText | None = option(
        None, "a folder of mean.vec, transform.mat and plda to use without training", alias="from"
    )
    adapt_to: Word | None = option(
        None, "a set; plda_adapted, and chains with adapted-plda, are adapted to its embeddings, without labels"
    )
    adapt: Adapt = Adapt()
    score: Score = Score()

    @model_validator(mode="after")
    def _check(self):
        own, known = with_norms(self.chains), self._texts()
        if taken := [name for name in own if name in BACKENDS or name == FUSION]:
            raise InputError(f"chains: {taken[0]} is the name of another back-end; expected another name")
        if unknown := [name for name in self.kinds if name not in known]:
            raise InputError(f"kinds: no such back-end {unknown[0]!r}; {suggest(unknown[0], known)}")
        if self.primary not in self.kinds:
            raise InputError(f"primary: {self.primary}; expected one of kinds, {', '.join(self.kinds)}")
        self._check_use()
        return self

    def _check_use(self) -> None:
        """Raise InputError if what a back-end of `kinds` needs is missing, or if something is given that none needs."""
        chains, kinds = self.used_chains(), ", ".join(self.kinds)
        trained = [name for name, chain in chains.items() if {*chain.files} - {"mean.vec"}]
        if trained and not self.sets and not self.trained:
            raise InputError(
                f"sets: none to train {trained[0]} on; expected kinds: [cosine], which needs no training, or `from`"
            )
        adapted = [name for name, chain in chains.items() if chain.is_adapted]
        if adapted and not self.adapt_to:
            raise InputError(f"adapt_to: missing; {adapted[0]} needs the set that PLDA is adapted to")
        if self.adapt_to and not adapted:
            raise InputError(f"adapt_to: no back-end of kinds ({kinds}) is adapted; add plda_adapted, or remove this")
        if self.score.cohort and not self.cohort_sets():
            raise InputError(
                f"score.cohort: no back-end of kinds ({kinds}) uses a cohort; add one, such as {self.kinds[0]}_asnorm, "
                "or set this to null"
            )

    def _texts(self) -> dict[str, str]:
        return BACKENDS | with_norms(self.chains)

    def used_chains(self) -> dict[str, Chain]:
        """The chain of each back-end of `kinds`."""
        texts = self._texts()
        return {name: parse_chain(texts[name]) for name in self.kinds}

    def folder(self, kind: str) -> str:
        """The folder of a back-end's trained steps below backend/: none (``) if the default chain has them, too."""
        if self.used_chains()[kind].is_trained_by(parse_chain(KALDI), self.lda_dim):
            return ""
        base = next((kind.removesuffix(f"_{key}") for key in NORMS if kind.endswith(f"_{key}")), kind)
        return kind if kind in self.chains else base

    def cohort_sets(self) -> tuple[str, ...]:
        """The sets whose speakers are the cohort; none if no back-end of `kinds` uses one."""
        if not any(chain.norm for chain in self.used_chains().values()):
            return ()
        if self.score.cohort:
            return (self.score.cohort,)
        return self.sets if self.sets and not self.trained else ("train",)
