"""Recognising voices from Python, with a packed model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.packed.decision import Rule
from spkr.packed.heard import Audio, Heard
from spkr.packed.packed_model import EngineName, PackedModel
from spkr.voices.enrolment import Enrolment, Terms, enrol, read_sounds
from spkr.voices.identifying import Identity, enrolled_voices, identify
from spkr.voices.store import VoiceStore

Recorded = str | PathLike | np.ndarray  # a path; or samples (n,), floats from -1 to 1 or 16-bit integers


@dataclass(frozen=True)
class Verification:
    """Whether two recordings are of the same speaker, and what the decision rests on."""

    same: bool  # the decision
    llr: float | None  # natural log-likelihood ratio; None without a calibration
    probability: float | None  # of the same speaker, at the rule's prior; None without a calibration
    score: float  # of the back-end
    rule: Rule
    a: tuple[Heard, ...]  # what was heard of each side: seconds, seconds of speech, warnings
    b: Heard


class Recogniser:
    """A packed model in use. `spkr.load` makes one. Threads may share it.

    A recording is the path of an audio file of any rate and container; or samples (n,) of one channel, floats from -1
    to 1 or 16-bit integers, with their sampling rate as `rate` (default: that of the model, `rate`).

    Each method raises spkr.errors.InputError, which names the recording, if it cannot be read, is shorter than a frame,
    has several channels, or has less than 0.25 s of speech.

    >>> m = spkr.load("an4.spkr")
    >>> m.verify("a.wav", "b.wav").same
    True
    >>> m.enrol("staff.voices", "ann", ["a.wav", "b.wav"]).voice.speech
    5.4
    >>> m.identify("staff.voices", "c.wav").name
    'ann'
    """

    def __init__(self, model: PackedModel):
        self.model = model

    @classmethod
    def read(cls, path: str | Path, *, engine: EngineName = "auto", threads: int | None = None) -> "Recogniser":
        """Read a packed model; arguments and errors as of `PackedModel.read`."""
        return cls(PackedModel.read(path, engine=engine, threads=threads))

    @property
    def dim(self) -> int:
        """Dimensions of an embedding."""
        return self.model.dim

    @property
    def rate(self) -> int:
        """Sampling rate of the model, in Hz; recordings of other rates are resampled."""
        return self.model.rate

    def verify(
        self,
        a: Recorded | Sequence[Recorded],
        b: Recorded,
        prior: float | None = None,
        *,
        threshold: float | None = None,
        rate: int | None = None,
    ) -> Verification:
        """Whether two recordings are of the same speaker.

        Args:
            a: a recording; or several of one speaker, whose embeddings are averaged
            prior: of the same speaker, 0 < prior < 1; default: that of the model's calibration
            threshold: on the log-likelihood ratio (the score, if there is no calibration); default: Bayes' threshold
                at the prior
        """  # fmt: skip
        rule = self.model.rule(prior, threshold)
        *first, last = self.hear([*_at_least_one(a), b], rate=rate)
        found = self.model.compare(first, [last], rule)
        return Verification(found.same, found.llr, found.probability, found.score, rule, tuple(first), last)

    def embed(self, recordings: Recorded | Sequence[Recorded], *, rate: int | None = None) -> np.ndarray:
        """Embeddings as the network gives them, float32: (dim,) of a recording, (N, dim) of a list of N.

        A list is computed in batches. Embeddings are compared after the steps of the back-end, as `verify` does.
        """
        heard = self.hear(recordings, rate=rate)
        if _is_one(recordings):
            return heard[0].embedding
        return np.stack([one.embedding for one in heard]) if heard else np.empty((0, self.dim), np.float32)

    def hear(self, recordings: Recorded | Sequence[Recorded], *, rate: int | None = None) -> list[Heard]:
        """The embedding of each of several recordings with its seconds, seconds of speech and warnings."""
        return self.model.hear_all(read_sounds(self.model, _several(recordings), rate))

    def enrol(
        self,
        store: str | Path,
        name: str,
        recordings: Recorded | Sequence[Recorded],
        *,
        extend: bool = False,
        force: bool = False,
        prior: float | None = None,
        threshold: float | None = None,
        rate: int | None = None,
    ) -> Enrolment:
        """Enrol a voice in a store, a file that is made if it does not exist.

        Args:
            recordings: of this speaker alone; three or more of some seconds each are better than one
            extend: add the recordings to a voice that is enrolled already
            force: enrol whatever the gates find (spkr.voices.gates)
            prior, threshold: as of `verify`, which must not call another name's voice the same
        Returns: the voice, what the gates found, and warnings.
        Raises InputError, too, if a gate is not passed, for a name that is enrolled already, and for a store of another
        model or that is locked.
        """  # fmt: skip
        terms = Terms(self.model.rule(prior, threshold), extend=extend, force=force)
        return enrol(self.model, store, name, _several(recordings), terms, rate)

    def identify(
        self,
        store: str | Path,
        recording: Recorded | Sequence[Recorded],
        *,
        top: int = 5,
        prior: float | None = None,
        threshold: float | None = None,
        margin: float | None = None,
        rate: int | None = None,
    ) -> Identity:
        """Who of the enrolled voices is speaking.

        Args:
            recording: one; or several of one speaker, whose embeddings are averaged
            top: the number of candidates in the result, best first
            prior, threshold: as of `verify`; the recording is unknown if it is not the same as the likeliest voice
            margin: in log-likelihood ratio, over the runner-up; default: that of spkr.voices.identifying
        Returns: `name`, None if unknown; the candidates `best`; and `why` in words.
        Raises InputError, too, if no voice is enrolled, and for a store of another model.
        """  # fmt: skip
        rule, sounds = self.model.rule(prior, threshold), _at_least_one(recording)
        voices = enrolled_voices(VoiceStore(store, self.model.sha256, self.dim))
        return identify(self.model, voices, [self.hear(sounds, rate=rate)], rule, margin, top)[0]


def _is_one(recordings: Recorded | Sequence[Recorded]) -> bool:
    return isinstance(recordings, str | PathLike) or hasattr(recordings, "__array__")


def _several(recordings: Recorded | Sequence[Recorded]) -> list[Audio]:
    if _is_one(recordings):
        return [_audio(recordings)]
    if not isinstance(recordings, Iterable):
        kind = type(recordings).__name__
        raise InputError(f"{kind}; expected a path, an array of samples, or a list of these")
    return [_audio(one) for one in recordings]


def _at_least_one(recordings: Recorded | Sequence[Recorded]) -> list[Audio]:
    if not (several := _several(recordings)):
        raise InputError("no recording; expected one or more")
    return several


def _audio(one: Recorded) -> Audio:
    """A path, or an array also of a torch tensor."""
    if isinstance(one, str | PathLike):
        return Path(one)
    if hasattr(one, "__array__"):
        return np.asarray(one)
    raise InputError(f"{type(one).__name__}; expected a path, or an array of samples")
