"""The section `model`: options that all networks share. The options of each encoder are declared in spkr.nnet."""

from typing import Annotated, Literal

from pydantic import Field

from spkr.config.options import Above0, Flag, NonNegative, Number, Options, Probability, Size, Whole, Word, option

Growth = tuple[Probability, Probability]


class SoftmaxHead(Options):
    """The plain speaker layer."""

    type: Literal["softmax"]


class AdditiveMarginHead(Options):
    """AM-softmax."""

    type: Literal["am"]
    margin: NonNegative = option(0.2, "of the cosine")
    scale: Above0 = option(30.0, "of the cosines")
    margin_growth: Growth = option(
        (0.0, 0.0), "when the margin starts and stops growing from 0, as fractions of all steps"
    )


class AngularMarginHead(AdditiveMarginHead):
    """AAM-softmax."""

    type: Literal["aam"]
    margin: NonNegative = option(0.2, "radians")


class SubCentreHead(AngularMarginHead):
    """AAM-softmax with several directions per speaker and the inter-topK penalty."""

    type: Literal["subcentre"]
    centres: Size = option(3, "directions per speaker")
    top_k: Annotated[Whole, Field(ge=0)] = option(5, "number of nearest wrong speakers of each utterance to penalise")
    penalty: NonNegative = option(0.06, "radians that are subtracted from their angle")


HEADS = {"softmax": SoftmaxHead, "am": AdditiveMarginHead, "aam": AngularMarginHead, "subcentre": SubCentreHead}
Head = Annotated[SoftmaxHead | AdditiveMarginHead | AngularMarginHead | SubCentreHead, Field(discriminator="type")]
Pooling = Literal["xvector", "gram", "super", "attentive", "channel_attentive"]


class NetworkOptions(Options):
    """Options that all networks share."""

    RENAMED = {"affine": "`embedding_layers`"}

    preset: Word | None = option(None, "a file of conf/model/")
    type: str
    ensemble: Size = option(1, "networks that are trained at once; their embeddings are concatenated")
    pooling: Pooling = option(meaning="from frames to one vector per utterance")
    unbiased_std: Flag = option(False, "the pooling's standard deviation divides by T - 1, not T")
    variance_floor: Annotated[Number, Field(gt=0, le=1)] = option(1e-10, "of the pooling")
    embedding_layers: Annotated[tuple[Size, ...], Field(min_length=1)] = option(
        meaning="widths of the affine layers after the pooling; the first is the dimension of the embedding"
    )
    embedding_norm: Literal["before_relu", "after_relu", "none"] | None = option(
        None, "where the embedding_layers have batch norm; null: as in the encoder's source"
    )
    head: Head = option(meaning="from the last of the embedding_layers to a score per training speaker")

    def name(self) -> str:
        """The preset, and how many networks of it are trained at once: quartznet3x1_small-x4."""
        preset = self.preset or self.type
        return f"{preset}-x{self.ensemble}" if self.ensemble > 1 else preset


class HeadChanges(Options):
    """What a fine-tuning changes in the head."""

    margin: NonNegative | None = option(None, "of all heads but softmax")
    margin_growth: Growth | None = option(None, "of all heads but softmax")
    penalty: NonNegative | None = option(None, "of subcentre only")
