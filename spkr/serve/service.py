"""What the server does with uploads, on threads: compare, enrol, identify. Answers are JSON types."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from spkr.audio.channels import Channel
from spkr.audio.resampling import resample
from spkr.packed.decision import Rule
from spkr.packed.heard import Heard, Sound
from spkr.packed.packed_model import PackedModel
from spkr.packed.verdicts import verdict_json
from spkr.serve.counters import Counters
from spkr.serve.faults import answering
from spkr.serve.uploads import Reader
from spkr.voices.answers import enrolment_json, identity_json, voice_json
from spkr.voices.database import make_file
from spkr.voices.enrolment import Terms, enrol
from spkr.voices.identifying import enrolled_voices, identify
from spkr.voices.store import VoiceStore
from spkr.voices.voice import check_name

OF_BROWSERS = 48000  # Hz, of recordings
Files = Sequence[IO[bytes]]
OPTIONS = {"(--add)": "(add=true)", "(--force)": "(force=true)"}  # of commands, and the fields in their place


@dataclass(frozen=True)
class Service:
    """A model and a store in use. Threads share it. Each method raises HTTPException with a status and a text."""

    model: PackedModel
    path: Path  # of the store
    rule: Rule
    margin: float | None  # of an identification over the runner-up; None: the default
    reader: Reader
    counters: Counters

    @property
    def store(self) -> VoiceStore:
        """The store of voices."""
        return VoiceStore(self.path, self.model.sha256, self.model.dim)

    def prepare(self) -> None:
        """Make the store if it does not exist, and load all that a request needs.

        Raises InputError if the store is that of another model, or cannot be used.
        """
        make_file(self.path)
        self.store.voices()
        second = resample(np.ones(OF_BROWSERS, np.float32), OF_BROWSERS, self.model.rate)
        feats, _ = self.model.engine.features(second)
        self.model.engine.embed([feats], [np.ones(len(feats), bool)])  # the first time takes longest

    def health(self) -> str:
        """The identity of the model, if the store can be read."""
        with self._answering(503):
            self.store.model()
        return self.model.sha256

    def verify(self, a: Files, b: Files, channel: Channel = None) -> dict[str, Any]:
        """The recordings `a` of one speaker, averaged, against each of `b`."""
        heard = self._hear(self.reader.read(a, "a", channel) + self.reader.read(b, "b", channel))
        first, others = heard[: len(a)], heard[len(a) :]
        pairs = [verdict_json((first, one, self.model.compare(first, [one], self.rule))) for one in others]
        return {"sha256": self.model.sha256, "comparisons": pairs}

    def enrol(self, name: str, files: Files, channel: Channel, add: bool, force: bool) -> dict[str, Any]:
        """Enrol a voice, or add recordings to it."""
        with self._answering(400):
            name = check_name(name)
        with self._answering(404 if add else 409):
            self.store.check_free(name, add)
        sounds = self.reader.read(files, "files", channel)
        with self._answering(422):
            done = enrol(self.model, self.path, name, sounds, Terms(self.rule, extend=add, force=force))
        self._count(sounds)
        self.counters.voices.inc()
        return enrolment_json(done)

    def identify(self, files: Files, channel: Channel, top: int) -> dict[str, Any]:
        """Who is speaking in the recordings, which are of one speaker and averaged."""
        with self._answering(409):
            voices = enrolled_voices(self.store)
        heard = self._hear(self.reader.read(files, "files", channel))
        return identity_json(identify(self.model, voices, [heard], self.rule, self.margin, top)[0])

    def voices(self) -> dict[str, Any]:
        """All enrolled voices, without their embeddings."""
        with self._answering(503):
            return {"voices": [voice_json(voice) for voice in self.store.voices()]}

    def remove(self, name: str) -> dict[str, Any]:
        """Delete a voice, and say what was deleted."""
        with self._answering(404):
            return voice_json(self.store.remove(name)[0])

    def _hear(self, sounds: Sequence[Sound]) -> list[Heard]:
        with self._answering(422):
            heard = self.model.hear_all(sounds)
        self._count(sounds)
        return heard

    def _count(self, sounds: Sequence[Sound]) -> None:
        self.counters.heard.inc(sum(sound.seconds for sound in sounds))

    def _answering(self, status: int):
        of_commands = {f"`spkr voices {self.path} list`": "GET /voices", "`spkr enrol`": "POST /enrol"}
        return answering(status, of_commands | OPTIONS | {str(self.path): "the store"})
