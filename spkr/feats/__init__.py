"""Filter banks, cepstra, samples for a WavLM, energy VAD and normalisation.

`FEATURES` lists the types of features: for each, its class of options and the function that computes it. To add a
type, write a module with a function of the type's name, and add a class and an entry here.
"""

from functools import reduce
from operator import or_
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from spkr.config.front_end_options import CmvnOptions, FrontEnd
from spkr.config.options import Flag, NonNegative, PathText, Size, option, read_options
from spkr.errors import InputError

if TYPE_CHECKING:
    import torch


class KaldiFrontEnd(FrontEnd):
    """Options that Kaldi's fbank and MFCC share."""

    snip_edges: Flag = option(False, "keep only frames that lie within the recording, which is Kaldi's default")
    dither: NonNegative = option(0.0, "standard deviation of the noise that is added to 16-bit samples")
    use_energy: Flag = option(False, "add the log energy: as C0 of mfcc, as a first column of fbank")
    energy_floor: NonNegative = option(0.0, "minimum of that energy, before the logarithm")
    use_power: Flag = option(True, "take bands of the power spectrum, otherwise of the magnitude spectrum")
    engine: Literal["spkr", "torchaudio"] = option("spkr", "the library that computes fbank and mfcc")

    @property
    def dithered(self) -> bool:
        """Whether noise is added to the samples."""
        return self.dither > 0

    def without_dither(self) -> "KaldiFrontEnd":
        """The same front end without dither."""
        return self.replace(dither=0.0) if self.dithered else self

    @property
    def min_samples(self) -> int:
        """The number of samples of the shortest recording that is accepted: it fills a window and has a frame."""
        return max(self.window_size, 0 if self.snip_edges else (self.window_shift + 1) // 2)


class Fbank(KaldiFrontEnd):
    """Kaldi's log-mel filter bank (compute-fbank-feats)."""

    type: Literal["fbank"] = "fbank"
    use_log_fbank: Flag = option(True, "take the logarithm of the bands")

    @property
    def dim(self) -> int:
        """Coefficients per frame."""
        return self.num_mel_bins + self.use_energy


class Mfcc(KaldiFrontEnd):
    """Kaldi's MFCC (compute-mfcc-feats)."""

    type: Literal["mfcc"] = "mfcc"
    num_ceps: Size = option(30, "cepstral coefficients")
    cepstral_lifter: NonNegative = 22.0

    @model_validator(mode="after")
    def _check_num_ceps(self):
        if self.num_ceps > self.num_mel_bins:
            raise InputError(f"num_ceps: {self.num_ceps}; expected at most num_mel_bins, {self.num_mel_bins}")
        return self

    @property
    def dim(self) -> int:
        """Coefficients per frame."""
        return self.num_ceps


class LogMel(FrontEnd):
    """The log-mel features of NVIDIA NeMo."""

    type: Literal["logmel"] = "logmel"
    framing: Literal["nemo0.11", "nemo2"] = option("nemo0.11", "frames at the ends of a recording, by version of NeMo")


class SpeechBrain(FrontEnd):
    """The mel bands of speechbrain's speaker networks, in decibels. Its window and lack of pre-emphasis are fixed."""

    type: Literal["speechbrain"] = "speechbrain"
    window_type: Literal["hamming"] = "hamming"
    preemphasis_coefficient: Literal[0] = 0


class ReDimNet(FrontEnd):
    """The log-mel features of ReDimNet2's published networks. Its window is fixed."""

    type: Literal["redimnet"] = "redimnet"
    window_type: Literal["hamming"] = "hamming"


class NoCmvn(CmvnOptions):
    """No normalisation."""

    type: Literal["none"] = option("none", "samples are not normalised")


class Ssl(FrontEnd):
    """Hidden layers of a WavLM, which is a part of the network: its input is the recording's samples, at 16 kHz."""

    type: Literal["ssl"] = "ssl"
    file: PathText = option(meaning="the WavLM's weights: a path, or the name of a file under `models`")
    layers: Size = option(meaning="of the WavLM in this file: 12 of Base and Base+, 24 of Large")
    width: Size = option(meaning="of its layers: 768 of Base and Base+, 1024 of Large")
    sample_frequency: Literal[16000] = option(16000, "Hz; recordings of another rate: see resample")
    frame_length: Literal[20] = option(20, "ms")
    frame_shift: Literal[20] = option(20, "ms")
    preemphasis_coefficient: Literal[0] = 0
    window_type: Literal["rectangular"] = "rectangular"
    num_mel_bins: Literal[0] = option(0, "there are no bands")
    low_freq: Literal[0] = option(0, "Hz")
    high_freq: Literal[0] = option(0, "Hz")
    select_voiced: Literal[False] = option(False, "the WavLM hears the whole recording")
    cmvn: NoCmvn = NoCmvn()

    in_arks: ClassVar[bool] = False

    @property
    def min_samples(self) -> int:
        """Samples of the shortest recording that is used: what one frame of a WavLM is computed from."""
        return 400

    @property
    def dim(self) -> int:
        """Samples per frame."""
        return self.window_shift


FEATURES = {  # by type: the options, and module and function that compute features
    "fbank": (Fbank, "spkr.feats.fbank:fbank"),
    "mfcc": (Mfcc, "spkr.feats.fbank:mfcc"),
    "logmel": (LogMel, "spkr.feats.logmel:logmel"),
    "speechbrain": (SpeechBrain, "spkr.feats.speechbrain:speechbrain"),
    "redimnet": (ReDimNet, "spkr.feats.redimnet:redimnet"),
    "ssl": (Ssl, "spkr.feats.ssl:ssl"),
}
DEFAULT = "fbank"


def compute(samples: "torch.Tensor", fe: FrontEnd) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Features of one recording, (samples,) to (frames, dim), and the log energy of the same frames, (frames,)."""
    torchaudio = isinstance(fe, KaldiFrontEnd) and fe.engine == "torchaudio"
    return resolve_name(f"spkr.feats.compliance:{fe.type}" if torchaudio else FEATURES[fe.type][1])(samples, fe)


def _with_type(settings: Any) -> Any:
    return {"type": DEFAULT} | settings if isinstance(settings, dict) else settings


AnyFrontEnd = Annotated[
    Annotated[reduce(or_, (options for options, _ in FEATURES.values())), Field(discriminator="type")],
    BeforeValidator(_with_type, json_schema_input_type=Any),
]


def make_front_end(settings: dict[str, Any], where: str = "feats") -> FrontEnd:
    """Make a front end from the section `feats` of a config. Raises InputError, naming `where`, for a wrong option."""
    return read_options(AnyFrontEnd, settings, where)
