"""The section `augment`: named augmentations. Each says which copies are made in addition to a clean recording."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from spkr.audio import EFFECTS, KINDS
from spkr.config.options import Flag, Number, Options, Probability, Text, Whole, option, range_of, unique
from spkr.errors import InputError

CODECS = EFFECTS["telephone"].values
LIMITS = {
    "speed": (0.1, 10),
    "formants": (0.5, 2),
    "rt60": (0.01, 20),
    "drr": (-100, 100),
    "slope": (-10, 10),
    "snr": (-100, 100),
}
FOLDERS = ("rir_folders", "noise_folders", "music_folders", "speech_folders")
MAX_COPIES = 1000


def is_hundredth(value: float) -> bool:
    """Whether a number has at most two decimals."""
    return abs(100 * value - round(100 * value)) < 1e-9


def _limited(name: str):
    low, high = LIMITS[name]
    return Annotated[Number, Field(ge=low, le=high)]


def _copies(value):
    if isinstance(value, list | tuple):
        if not all(kind in KINDS for kind in value) or len(set(value)) < len(value):
            raise ValueError(f"{list(value)}; expected a list of some of {', '.join(KINDS)}, each once")
        return tuple(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value // 1
        or not 0 <= value <= MAX_COPIES
    ):
        raise ValueError(
            f"{value!r}; expected a whole number from 0 to {MAX_COPIES}, or a list of some of {', '.join(KINDS)}"
        )
    return int(value)


Snrs = Annotated[tuple[_limited("snr"), ...], Field(min_length=1)]
Folders = Annotated[tuple[Annotated[Text, Field(min_length=1)], ...], AfterValidator(unique)]


class Augmentation(Options):
    """Which copies are made in addition to each clean recording: mixtures, or one copy of each kind in `copies`.

    Values are drawn uniformly from a range [low, high]. From a list, each value is equally likely.
    """

    speeds: Annotated[tuple[_limited("speed"), ...], Field(min_length=1), AfterValidator(unique)] = option(
        (1.0,), "of each recording; a voice at another speed counts as another speaker"
    )
    formants: Annotated[tuple[_limited("formants"), ...], Field(min_length=1), AfterValidator(unique)] = option(
        (1.0,), "at each speed: factors of the formants alone; such a voice, too, counts as another speaker"
    )
    copies: Annotated[int | tuple[Literal[KINDS], ...], BeforeValidator(_copies)] = option(
        0, "for each clean recording: the number of mixtures, or a list of kinds, for one copy of each"
    )
    keep: Probability = option(1.0, "probability that a copy is made")
    room_probability: Probability = option(0.5, "probability that a mixture has reverberation")
    noise_probability: Probability = option(0.75, "probability that a mixture has noise")
    snr: range_of(_limited("snr")) = option((5.0, 25.0), "dB, of all noise in a mixture together")
    babble_probability: Probability = option(0.3, "probability that the noise of a mixture is babble")
    music_probability: Probability = option(0.0, "probability that the noise of a mixture is music")
    codec_probability: Probability = option(0.0, "probability that a mixture goes through a telephone codec")
    # The next three defaults are those of Kaldi's voxceleb recipe
    noise_snrs: Snrs = option((15, 10, 5, 0), "dB, of each noise file in a copy of the kind `noise`")
    music_snrs: Snrs = option((15, 10, 8, 5), "dB, of the music file in a copy of the kind `music`")
    babble_snrs: Snrs = option((20, 17, 15, 13), "dB, of each talker in a copy of the kind `babble`")
    babble_talkers: range_of(Annotated[Whole, Field(ge=1, le=1000)]) = option((3, 7), "number of talkers in babble")
    codecs: Annotated[tuple[Literal[CODECS], ...], Field(min_length=1), AfterValidator(unique)] = option(
        CODECS, "telephone codecs to draw from"
    )
    rir_folders: Folders = option((), "folders of impulse responses; if empty, rooms are simulated")
    rt60: range_of(_limited("rt60")) = option((0.1, 0.6), "seconds, of a simulated room")
    drr: range_of(_limited("drr")) = option((0.0, 12.0), "dB, direct to reverberant energy of a simulated room")
    noise_folders: Folders = option((), "folders of noise; if empty, coloured noise is used")
    music_folders: Folders = option((), "folders of music; if empty, coloured noise is used")
    slope: range_of(_limited("slope")) = option((-2.0, 0.0), "of coloured noise: power ~ f^slope")
    speech_folders: Folders = option((), "folders of speech for babble; if empty, other speakers of the set are used")
    fallback: Flag = option(False, "continue without folders that are not found, and warn")

    @model_validator(mode="after")
    def _check(self):
        for name in ("speeds", "formants"):
            values = getattr(self, name)
            if 1 not in values or not all(map(is_hundredth, values)):
                raise InputError(f"{name}: {list(values)}; expected hundredths, and 1 among them")
            if len({round(100 * value) for value in values}) < len(values):
                raise InputError(f"{name}: {list(values)}; expected each once")
        if self.babble_probability + self.music_probability > 1:
            raise InputError("music_probability: more than 1 with babble_probability; make one of them less")
        return self

    def copy_names(self) -> tuple[str, ...]:
        """What is appended to an utterance's name, for each of its copies."""
        return self.copies if isinstance(self.copies, tuple) else tuple(f"aug{i + 1}" for i in range(self.copies))

    def folders(self) -> dict[str, tuple[str, ...]]:
        """The folders of recordings by kind: rir, noise, music, speech."""
        return {name.removesuffix("_folders"): getattr(self, name) for name in FOLDERS}


AUGMENTATIONS = {  # available in every recipe
    "speed3": {"speeds": [0.9, 1.0, 1.1], "copies": 0},
    "speed5": {"speeds": [0.8, 0.9, 1.0, 1.1, 1.2], "copies": 0},
    "speed3_noise2": {"speeds": [0.9, 1.0, 1.1], "copies": 2},
    "kaldi4": {  # Kaldi's voxceleb recipe
        "speeds": [1.0],
        "copies": ["reverb", "noise", "music", "babble"],
        "rir_folders": ["RIRS_NOISES/simulated_rirs/smallroom", "RIRS_NOISES/simulated_rirs/mediumroom"],
        "noise_folders": ["musan/noise"],
        "music_folders": ["musan/music"],
        "speech_folders": ["musan/speech"],
        "fallback": True,
    },
}
