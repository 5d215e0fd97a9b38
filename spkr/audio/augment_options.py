"""What augmented copies are made: a named part of the config's section `augment`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from spkr.audio.acoustics import CODECS
from spkr.audio.effects import LIMITS, is_hundredth
from spkr.errors import InputError

KINDS = ("reverb", "noise", "music", "babble", "telephone")  # of copies that are of one kind, and so named
NUMBERS = {name: LIMITS[name] for name in ("rt60", "drr", "slope", "snr")} | {
    "speeds": LIMITS["speed"],
    "keep": (0, 1),
    "room_probability": (0, 1),
    "noise_probability": (0, 1),
    "babble_probability": (0, 1),
    "music_probability": (0, 1),
    "codec_probability": (0, 1),
    "babble_talkers": (1, 1000),
    "noise_snrs": LIMITS["snr"],
    "music_snrs": LIMITS["snr"],
    "babble_snrs": LIMITS["snr"],
}
LISTS = ("speeds", "noise_snrs", "music_snrs", "babble_snrs")  # of any length; other tuples of numbers are ranges
WORDS = {
    "codecs": tuple(CODECS),
    "rir_folders": None,
    "noise_folders": None,
    "music_folders": None,
    "speech_folders": None,
}
MAX_COPIES = 1000


@dataclass(frozen=True)
class AugmentOptions:
    """What copies are made beside each clean one: so many mixtures, or one of each kind that `copies` names.

    A range is [low, high], drawn from uniformly; of a list, each value is as likely.
    """

    speeds: tuple[float, ...] = (1.0,)
    copies: int | tuple[str, ...] = 0
    keep: float = 1.0  # probability that a copy is made at all (the clean one always is)
    # Mixtures: a room, noise, a telephone, each with its probability
    room_probability: float = 0.5
    noise_probability: float = 0.75
    snr: tuple[float, float] = (5.0, 25.0)  # of all noise together
    babble_probability: float = 0.3  # of a noisy copy's noise being babble
    music_probability: float = 0.0  # of its being music
    codec_probability: float = 0.0
    # Copies of one kind; the levels and the number of talkers are those of Kaldi's voxceleb recipe
    noise_snrs: tuple[float, ...] = (15, 10, 5, 0)  # of each file
    music_snrs: tuple[float, ...] = (15, 10, 8, 5)
    babble_snrs: tuple[float, ...] = (20, 17, 15, 13)  # of each talker
    # Both
    babble_talkers: tuple[int, int] = (3, 7)
    codecs: tuple[str, ...] = tuple(CODECS)
    # Recordings, and what stands for them where there are none
    rir_folders: tuple[str, ...] = ()
    rt60: tuple[float, float] = (0.1, 0.6)  # of simulated rooms
    drr: tuple[float, float] = (0.0, 12.0)
    noise_folders: tuple[str, ...] = ()
    music_folders: tuple[str, ...] = ()
    slope: tuple[float, float] = (-2.0, 0.0)  # of coloured noise, also for music
    speech_folders: tuple[str, ...] = ()  # for babble, else of the other speakers' utterances
    fallback: bool = False  # whether to do without folders that are nowhere

    def __post_init__(self):
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in NUMBERS:
                _check_numbers(f.name, value, isinstance(f.default, tuple))
            elif f.name in WORDS:
                _check_words(f.name, value, WORDS[f.name])
        if isinstance(self.copies, tuple):
            _check_words("copies", self.copies, KINDS)
        elif not (isinstance(self.copies, int) and 0 <= self.copies <= MAX_COPIES):
            form = f"a number from 0 to {MAX_COPIES}, or a list of some of {', '.join(KINDS)}"
            raise InputError(f"augment.copies: {self.copies}; expected {form}")
        if not isinstance(self.fallback, bool):
            raise InputError(f"augment.fallback: {self.fallback}; expected true or false")
        if 1 not in self.speeds or not all(map(is_hundredth, self.speeds)):
            raise InputError(f"augment.speeds: {self.speeds}; expected hundredths, and 1 among them")
        if not self.codecs:
            raise InputError(f"augment.codecs: none; expected some of {', '.join(CODECS)}")
        if self.babble_probability + self.music_probability > 1:
            raise InputError("augment.music_probability: more than 1 with babble_probability; make one of them less")

    @classmethod
    def from_dict(cls, settings: Mapping) -> "AugmentOptions":
        """Build from a config's `augment` section; a key that is unknown or out of range is an InputError naming it."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(settings.keys() - known):
            raise InputError(f"augment: no such option {unknown[0]!r}; the options are {', '.join(sorted(known))}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})

    def copy_names(self) -> tuple[str, ...]:
        """What is put behind an utterance's name, for each of its copies."""
        return self.copies if isinstance(self.copies, tuple) else tuple(f"aug{i + 1}" for i in range(self.copies))

    def folders(self) -> dict[str, tuple[str, ...]]:
        """The folders of recordings by kind: rir, noise, music, speech."""
        return {name.removesuffix("_folders"): getattr(self, name) for name in WORDS if name.endswith("_folders")}


def _check_numbers(name: str, value: object, is_list: bool) -> None:
    low, high = NUMBERS[name]
    kind = int if name == "babble_talkers" else int | float
    numbers = value if isinstance(value, tuple) else (value,)
    is_range = is_list and name not in LISTS
    if (
        isinstance(value, tuple) != is_list
        or not numbers
        or not all(isinstance(x, kind) and low <= x <= high for x in numbers)
        or (is_range and (len(numbers) != 2 or numbers[0] > numbers[1]))
    ):
        form = "[low, high], both" if is_range else "a list of numbers" if is_list else "a number"
        raise InputError(f"augment.{name}: {value}; expected {form} from {low} to {high}")


def _check_words(name: str, value: object, known: tuple[str, ...] | None) -> None:
    words = value if isinstance(value, tuple) else (None,)
    if not all(isinstance(x, str) and x and (known is None or x in known) for x in words) or len(set(words)) < len(
        words
    ):
        form = "some of " + ", ".join(known) if known else "folders"
        raise InputError(f"augment.{name}: {value}; expected a list of {form}, each once")
