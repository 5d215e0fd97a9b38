"""The front end: every setting that makes a feature matrix what it is, under Kaldi's names."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

from spkr.errors import InputError

NUMBERLESS = ("resample", "allow_pipes", "compress", "shards")  # where audio comes from, how arks are written
RENAMED = {"allow_downsample": "resample: down in place of true, never in place of false"}


@dataclass(frozen=True)
class VadOptions:
    """Kaldi's energy VAD (compute-vad), on the log energy of each frame."""

    energy_threshold: float = 5.5
    energy_mean_scale: float = 0.5
    frames_context: int = 2
    proportion_threshold: float = 0.12


@dataclass(frozen=True)
class CmvnOptions:
    """Normalisation by the reader: `none`, over the `utterance` or the `speaker`, or `sliding`, as Kaldi's."""

    type: str = "sliding"
    norm_vars: bool = False
    window: int = 300  # frames; of `sliding` alone, as the next two
    center: bool = True
    min_window: int = 100  # frames at the beginning, if not centred


@dataclass(frozen=True)
class FrontEnd:
    """A front end. `fbank` and `mfcc` are Kaldi's; `logmel` is that of NVIDIA NeMo's 2020 speaker tutorial.

    Frequencies in Hz, lengths in ms. `high_freq` at or below zero counts from the Nyquist frequency.
    """

    type: str = "fbank"
    sample_frequency: int = 16000
    resample: str = "never"  # recordings of other rates: refused; `down`: higher ones resampled; `any`: all
    frame_length: float = 25.0
    frame_shift: float = 10.0
    snip_edges: bool = False
    dither: float = 0.0
    preemphasis_coefficient: float = 0.97
    window_type: str = "povey"
    num_mel_bins: int = 80
    low_freq: float = 20.0
    high_freq: float = 0.0
    use_energy: bool = False  # the log energy is one column more in fbank, C0 in mfcc
    energy_floor: float = 0.0  # of that energy, before its logarithm; 0 for none but Kaldi's FLT_EPSILON
    use_log_fbank: bool = True  # of fbank alone
    use_power: bool = True  # bands of the power spectrum, not of the magnitude's
    num_ceps: int = 30  # of mfcc alone, as the next
    cepstral_lifter: float = 22.0
    allow_pipes: bool = False  # run the commands that a wav.scp names
    engine: str = "spkr"  # `torchaudio` computes fbank and mfcc by torchaudio.compliance.kaldi
    compress: bool = True
    shards: int = 2
    select_voiced: bool = True
    vad: VadOptions = field(default_factory=VadOptions)
    cmvn: CmvnOptions = field(default_factory=CmvnOptions)

    def __post_init__(self):
        _one_of("type", self.type, ("fbank", "mfcc", "logmel"))
        _one_of("engine", self.engine, ("spkr",) if self.type == "logmel" else ("spkr", "torchaudio"))
        _one_of("resample", self.resample, ("never", "down", "any"))
        _one_of("window_type", self.window_type, ("povey", "hamming", "hanning", "rectangular", "blackman"))
        _one_of("cmvn.type", self.cmvn.type, ("none", "utterance", "speaker", "sliding"))
        _at_least("sample_frequency", self.sample_frequency, 1)
        _at_least("frame_length", self.window_size, 2, " samples")
        _at_least("frame_shift", self.window_shift, 1, " samples")
        _at_least("num_mel_bins", self.num_mel_bins, self.num_ceps if self.type == "mfcc" else 1)
        _at_least("num_ceps", self.num_ceps, 1)
        _at_least("shards", self.shards, 1)
        _at_least("dither", self.dither, 0)
        _at_least("vad.frames_context", self.vad.frames_context, 0)
        _at_least("energy_floor", self.energy_floor, 0)
        _at_least("cmvn.window", self.cmvn.window, 1)
        _at_least("cmvn.min_window", self.cmvn.min_window, 1)
        if not 0 <= self.low_freq < self.upper_freq <= self.sample_frequency / 2:
            raise InputError(
                f"feats: low_freq {self.low_freq} and high_freq {self.high_freq} leave no band below "
                f"{self.sample_frequency / 2} Hz"
            )
        if self.type == "logmel" and (self.dither or self.snip_edges or self.use_energy or not self.use_power):
            raise InputError("feats: logmel knows no dither, snip_edges, use_energy or use_power; leave them out")

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
    def min_samples(self) -> int:
        """Samples of the shortest recording that is used: it fills a window, and has a frame."""
        centred = self.type != "logmel" and not self.snip_edges  # (n + shift // 2) // shift frames
        return max(self.window_size, (self.window_shift + 1) // 2 if centred else 1)

    @property
    def dim(self) -> int:
        """Coefficients a frame."""
        return self.num_ceps if self.type == "mfcc" else self.num_mel_bins + self.use_energy

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "FrontEnd":
        """Build from a config's `feats` section; an unknown or mistyped key is an InputError naming it."""
        return _build(cls, settings, "feats")

    def for_data_of(self, other: "FrontEnd") -> "FrontEnd":
        """This front end, with the options of `other` that tell where audio comes from and how arks are written."""
        return replace(self, **{name: getattr(other, name) for name in NUMBERLESS})

    def to_dict(self) -> dict[str, Any]:
        """As a plain dictionary; `from_dict` is its inverse."""
        return asdict(self)


def _build(cls, settings: dict[str, Any], where: str):
    if not isinstance(settings, dict):
        raise InputError(f"{where}: {settings!r}; expected a dictionary of settings")
    known = {f.name: f for f in fields(cls)}
    values = {}
    for key, value in settings.items():
        if key in RENAMED and cls is FrontEnd:
            raise InputError(f"{where}.{key}: no such option any more; set {RENAMED[key]}")
        if key not in known:
            raise InputError(f"{where}: no such option {key!r}; the options are {', '.join(known)}")
        kind = known[key].type
        if is_dataclass(kind):
            values[key] = _build(kind, value, f"{where}.{key}")
        elif type(value) is kind or (kind is float and type(value) is int):
            values[key] = kind(value)
        else:
            raise InputError(f"{where}.{key}: {value!r}; expected {kind.__name__}")
    return cls(**values)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"feats.{name}: {value!r}; expected one of {', '.join(known)}")


def _at_least(name: str, value: float, least: float, unit: str = "") -> None:
    if not value >= least:
        raise InputError(f"feats.{name}: {value:g}{unit}; expected at least {least:g}{unit}")
