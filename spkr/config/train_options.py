"""The sections `train` and `finetune`: how a network is trained."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from spkr.config.augment_options import Augmentation
from spkr.config.model_options import HeadChanges
from spkr.config.options import (
    Above0,
    Count,
    Flag,
    Named,
    NonNegative,
    Number,
    Options,
    PathText,
    Positive,
    Probability,
    SetName,
    Whole,
    Word,
    option,
    range_of,
    unique,
)
from spkr.errors import InputError

Seconds = Annotated[Number, Field(le=3600)]

SetsOrNone = Annotated[tuple[SetName, ...], AfterValidator(unique)]
Sets = Annotated[SetsOrNone, Field(min_length=1)]


class Filter(Options):
    """Which utterances a network is trained on."""

    min_voiced_frames: Count = option(25, "utterances with fewer are left out")
    min_utts_per_speaker: Count = option(2, "speakers with fewer are left out")


class Batches(Options):
    """How batches are cut from utterances."""

    batch_size: Annotated[Whole, Field(ge=2)] = option(64, "crops, of all processes together")
    crop: range_of(Seconds) = option((8, 8), "seconds: one length is drawn from [low, high] for each batch")
    short: Literal["tile", "pad"] = option(
        "pad", "an utterance shorter than the crop is repeated (tile), or padded and masked (pad)"
    )
    time_masks: Annotated[Count, Field(le=1000)] = option(0, "SpecAugment: masks of frames in each crop")
    time_mask_width: Count = option(0, "largest width of such a mask, in frames")
    freq_masks: Annotated[Count, Field(le=1000)] = option(0, "SpecAugment: masks of coefficients in each crop")
    freq_mask_width: Count = option(0, "largest width of such a mask, in coefficients")
    utts_per_speaker: Count = option(
        0, "utterances of each speaker in an epoch, some twice if there are fewer; 0: every utterance once"
    )
    utts_per_speaker_in_batch: Positive = option(
        1, "how many of these are side by side in a batch; must divide utts_per_speaker and batch_size"
    )
    # From a cold disk a buffer of 3,000 loaded 1.5 to 1.9 times as many utterances a second (docs/howto/training.md)
    shuffle_buffer: Count = option(
        0, "size, in utterances, of a buffer that stretches of the arks are read into; 0: random access to the arks"
    )

    @model_validator(mode="after")
    def _check(self):
        if not self.crop[0] > 0:
            raise InputError(f"crop: {list(self.crop)}; expected [shortest, longest] in seconds, above 0")
        if self.shuffle_buffer and self.utts_per_speaker:
            raise InputError("shuffle_buffer: reads in the order of the arks; expected utts_per_speaker: 0 with it")
        group = self.utts_per_speaker_in_batch
        if group > 1 and not self.utts_per_speaker:
            raise InputError(f"utts_per_speaker_in_batch: {group}; expected 1 where utts_per_speaker is 0")
        for name in ("batch_size", "utts_per_speaker"):
            if (total := getattr(self, name)) % group:
                raise InputError(f"utts_per_speaker_in_batch: {group}; expected a divisor of {name}, {total}")
        return self


class Running(Options):
    """Options that do not change the result of a training without errors."""

    workers: Annotated[Count, Field(le=1000)] = option(0, "processes that read batches")
    checkpoint_steps: Positive = option(500, "steps from one checkpoint to the next; each epoch also ends with one")
    nan_retry: Flag = option(
        False, "if the loss or gradient is not finite, resume once from the last checkpoint at half the learning rate"
    )


class Tuning(Options):
    """How a training that starts from other weights (`init_from`) keeps what they know."""

    head: Literal["random", "means"] = option(
        "random", "a new head starts from random directions, or from the mean of each speaker's embeddings"
    )
    head_steps: Count = option(0, "steps at the beginning in which only the head is trained")
    encoder_lr: Probability = option(1.0, "learning rate of all that is before the head, as a part of lr")
    freeze_norms: Flag = option(False, "batch norm keeps the statistics of init_from")
    pull: NonNegative = option(0.0, "weight of an L2 penalty on the distance to the weights of init_from")
    interpolate: Probability = option(1.0, "share of the trained weights in the result; the others are init_from's")
    select: Literal["last", "dev"] = option(
        "last", "dev: the result is the epoch with the lowest EER on dev, which may be init_from itself"
    )


class TrainOptions(Running):
    """Options of the trainer."""

    filter: Filter = Filter()
    batches: Batches = Batches()
    waveforms: Flag = option(
        False, "cut crops from the recordings, and compute their features on the device that trains"
    )
    on_the_fly: Augmentation = option(
        Augmentation(), "with waveforms: each crop is used clean or as one of these copies, drawn again each time"
    )
    epochs: Positive = 25
    optimizer: Literal["novograd", "adamw", "sgd"] = "novograd"
    lr: Above0 = option(0.01, "learning rate after the warm-up")
    min_lr: NonNegative = option(0.0, "learning rate at the end")
    warmup: Probability = option(0.1, "fraction of all steps in which the learning rate grows from 0")
    betas: tuple[Annotated[Number, Field(ge=0, lt=1)], Annotated[Number, Field(ge=0, lt=1)]] = option(
        (0.95, 0.5), "of novograd and adamw; the first is the momentum of sgd"
    )
    weight_decay: NonNegative = 0.001
    label_smoothing: Probability = 0.0
    init_from: Annotated[PathText, Named] | None = option(None, "a model file; training starts from its weights")
    tuning: Tuning = option(Tuning(), "with init_from: how the network is kept near it")
    teacher: Annotated[PathText, Named] | None = option(
        None, "a model file of the same front end: which voices are similar is learned from it (distillation)"
    )
    teacher_weight: Above0 = option(
        50.0, "with teacher: weight of the squared difference of its cosines and the network's"
    )
    average: Positive = option(1, "number of last epochs whose weights are averaged")
    accumulate: Positive = option(
        1, "parts of a batch that are computed one after another: less memory, the same steps"
    )
    mixed_precision: Flag = option(False, "bfloat16; without it, float16 on GPUs and float32 on processors")
    compile: Flag = option(False, "torch.compile the network")
    wavlm_lr: Probability = option(
        0.0, "with feats.type ssl: learning rate of the WavLM, as a part of lr; 0: it stays as it is"
    )
    deterministic: Flag = option(False, "the same bytes each time on a GPU, too; slower there")

    @model_validator(mode="after")
    def _check(self):
        if self.average > self.epochs:
            raise InputError(f"average: {self.average} of {self.epochs} epochs; expected at most as many")
        if self.tuning != Tuning() and not self.init_from:
            raise InputError("tuning: without init_from; expected the model file that training starts from")
        if self.teacher_weight != type(self).model_fields["teacher_weight"].default and not self.teacher:
            raise InputError("teacher_weight: without a teacher; expected train.teacher, a model file")
        if self.tuning.select == "dev" and self.average > 1:
            raise InputError(f"average: {self.average}; expected 1 with tuning.select: dev, which takes one epoch")
        if self.min_lr > self.lr:
            raise InputError(f"min_lr: {self.min_lr:g}; expected at most lr, {self.lr:g}")
        if self.on_the_fly.copies and not self.waveforms:
            raise InputError("on_the_fly: copies, of features from arks; set waveforms to true with them")
        for name in ("speeds", "formants"):
            if (values := getattr(self.on_the_fly, name)) != (1,):
                raise InputError(
                    f"on_the_fly.{name}: {list(values)}; expected [1.0]; set train.augment for other voices"
                )
        if not has_equal_parts(self.batches.batch_size, self.accumulate):
            raise InputError(
                f"accumulate: {self.accumulate}; expected equal parts of a batch of {self.batches.batch_size}, of two "
                "utterances or more"
            )
        return self


def has_equal_parts(rows: int, parts: int) -> bool:
    """Whether rows of a batch can be computed in equal parts, each of two or more, which batch norm needs."""
    return rows % parts == 0 and rows >= 2 * parts


class Train(TrainOptions):
    """The section `train`."""

    preset: Word | None = option(None, "a file of conf/train/")
    sets: Sets = option(("train",), "sets that the network is trained on, of each recipe")
    others: Annotated[tuple[PathText, ...], AfterValidator(unique)] = option(
        (),
        "other recipes whose sets are trained on, too: folders of recipes/, or config files that name a recipe",
        alias="with",
    )
    augment: Word | None = option(None, "an augmentation of the section augment; its copies are used for training")
    dev_trials: Word = option("pairs", "the trial list of dev that is scored after each epoch")


class Finetune(Options):
    """The section `finetune`. If it has a preset, the trained network is fine-tuned; later stages use the result."""

    preset: Word | None = option(None, "a file of conf/finetune/")
    train: dict[str, Any] = option({}, "what differs from the section train")
    head: HeadChanges = option(HeadChanges(), "what differs from model.head")

    @model_validator(mode="after")
    def _check(self):
        if not self.preset and (self.train or self.head != HeadChanges()):
            raise InputError("train and head: changes without a preset; expected finetune.preset, such as large_margin")
        for key in ("preset", "init_from"):
            if key in self.train:
                raise InputError(f"train.{key}: cannot differ from the section train; leave it out")
        return self
