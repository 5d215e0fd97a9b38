"""The section `feats`: every setting that affects the features, under Kaldi's names.

Options of a single type of features are declared with that type, in spkr.feats.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from spkr.audio.channels import EXPECTED, NAMES
from spkr.config.options import (
    Above0,
    Count,
    Flag,
    NonNegative,
    Number,
    Options,
    Positive,
    Probability,
    Shards,
    Size,
    Word,
    option,
    shown,
)
from spkr.errors import InputError


def _channel(value: Any) -> str | int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (value is None or is_number or (isinstance(value, str) and value in NAMES)):
        raise ValueError(f"{shown(value)}; expected {EXPECTED}")
    return value


ChannelOption = Annotated[Literal[NAMES] | Annotated[int, Field(ge=0)] | None, BeforeValidator(_channel)]
Hertz = Annotated[Positive, Field(le=1_000_000)]
Milliseconds = Annotated[Above0, Field(le=10_000)]


class VadOptions(Options):
    """Kaldi's energy VAD (compute-vad), on the log energy of each frame."""

    energy_threshold: Number = option(5.5, "constant part of the threshold on a frame's log energy")
    energy_mean_scale: Number = option(0.5, "this times the utterance's mean log energy is added to it")
    frames_context: Annotated[Count, Field(le=10_000)] = option(2, "frames on either side that are also counted")
    proportion_threshold: Probability = option(0.12, "share of these frames that must be above the threshold")


class CmvnOptions(Options):
    """Normalisation of features when they are read."""

    type: Literal["none", "utterance", "speaker", "sliding"] = option(
        "sliding", "over the utterance, the speaker's utterances, or a sliding window"
    )
    norm_vars: Flag = option(False, "also divide by the standard deviation")
    window: Positive = option(300, "sliding: frames in the window")
    center: Flag = option(True, "sliding: the window is around the frame, not before it")
    min_window: Positive = option(100, "sliding, not centred: frames in the window at the beginning")


class Reading(Options):
    """How recordings are read and arks written. A network accepts features that were made with other values."""

    channel: ChannelOption = option(
        None, f"of recordings with several: {EXPECTED}; reco2channel in a data directory overrides it"
    )
    resample: Literal["never", "down", "any"] = option(
        "never", "accept recordings of a higher sampling rate (down), or of any (any)"
    )
    allow_pipes: Flag = option(False, "run the commands that a wav.scp names: `sph2pipe ... |`")
    compress: Flag = option(True, "store one byte per coefficient in arks")
    shards: Shards = option(2, "number of arks per set, and of jobs that write them")


class FrontEnd(Reading):
    """Options that all types of features share. Frequencies in Hz, lengths in ms."""

    RENAMED = {"allow_downsample": "`resample`, down in place of true"}

    in_arks: ClassVar[bool] = True  # False: arks hold energies only, and features are made of the recordings again

    preset: Word | None = option(None, "a file of conf/feats/")
    type: str
    sample_frequency: Hertz = option(16000, "Hz; recordings of another rate: see resample")
    frame_length: Milliseconds = option(25.0, "ms")
    frame_shift: Milliseconds = option(10.0, "ms")
    preemphasis_coefficient: Probability = 0.97
    window_type: Literal["povey", "hamming", "hanning", "rectangular", "blackman"] = "povey"
    num_mel_bins: Size = 80
    low_freq: NonNegative = option(20.0, "Hz")
    high_freq: Number = option(0.0, "Hz; at or below zero it counts from the Nyquist frequency")
    select_voiced: Flag = option(True, "the network sees only voiced frames")
    vad: VadOptions = VadOptions()
    cmvn: CmvnOptions = CmvnOptions()

    @model_validator(mode="after")
    def _check(self):
        for name, samples, least in (("frame_length", self.window_size, 2), ("frame_shift", self.window_shift, 1)):
            if samples < least:
                raise InputError(f"{name}: {getattr(self, name):g} ms are {samples} samples; expected at least {least}")
        if not 0 <= self.low_freq < self.upper_freq <= self.sample_frequency / 2:
            raise InputError(
                f"low_freq {self.low_freq:g} and high_freq {self.high_freq:g} leave no band below "
                f"{self.sample_frequency / 2:g} Hz"
            )
        return self

    @property
    def upper_freq(self) -> float:
        """Upper end of the mel bands, in Hz."""
        return self.high_freq if self.high_freq > 0 else self.sample_frequency / 2 + self.high_freq

    @property
    def window_size(self) -> int:
        """Samples in a frame."""
        return int(self.sample_frequency * self.frame_length / 1000)

    @property
    def window_shift(self) -> int:
        """Samples from one frame to the next."""
        return int(self.sample_frequency * self.frame_shift / 1000)

    @property
    def dithered(self) -> bool:
        """Whether noise is added to samples, so that two computations differ."""
        return False

    def without_dither(self) -> "FrontEnd":
        """The same front end without dither."""
        return self

    @property
    def min_samples(self) -> int:
        """Samples of the shortest recording that is used: it fills a window, and has a frame."""
        return self.window_size

    @property
    def dim(self) -> int:
        """Coefficients per frame."""
        return self.num_mel_bins

    def numbers(self) -> dict:
        """The options that change what a network sees of a recording, as JSON types."""
        return {k: v for k, v in self.to_dict().items() if k not in {"preset", *Reading.model_fields}}
