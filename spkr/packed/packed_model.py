"""A packed model in use: recordings to embeddings, and embeddings to decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np

from spkr.audio.channels import Channel
from spkr.config.embed_options import Precision
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.silero import SILERO
from spkr.feats.vad import energy_vad
from spkr.packed.about import embeddings_sha256, read_about
from spkr.packed.container import FRONT, NETWORK, WEIGHTS, Container
from spkr.packed.decision import Comparison, Rule, decide, make_rule
from spkr.packed.heard import LEAST_COMPARED, NO_SAMPLES, Audio, Heard, Prepared, Sound, check_speech, read_sound
from spkr.packed.ratios import Ratios, Voices

EngineName = Literal["auto", "torch", "onnx"]
Vad = Literal["energy", "silero"]
MOST_THREADS = 1024  # more are a slip, and take all of the memory


class Engine(Protocol):
    """What computes features and embeddings: `TorchEngine` says what the arrays are."""

    def features(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw features and log energies of samples."""

    def embed(self, feats: Sequence[np.ndarray], used: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings of raw features, of the frames that are used."""


class PackedModel:
    """A packed model. Its methods may be called from several threads at once.

    >>> model = PackedModel.read("an4.spkr")
    >>> model.compare([model.hear("a.wav")], [model.hear("b.wav")]).same
    True
    """

    def __init__(
        self,
        container: Container,
        engine: EngineName = "auto",
        threads: int | None = None,
        vad: Vad = "energy",
        precision: Precision | None = None,
        least_speech: float = LEAST_COMPARED,
    ):
        self.container, self.about, self.vad, self.least_speech = container, read_about(container), vad, least_speech
        self.front_end = make_front_end(self.about.front_end, f"{container.path}: front_end").without_dither()
        self.engine_kind = _engine_kind(container, engine)
        if precision and precision != self.about.precision:
            self.about = self.about.replace(precision=precision)
            if self.engine_kind == "onnx":
                raise InputError(f"precision {precision}: onnxruntime runs the network as it is; use the engine torch")
        made_by = container.about | {"precision": self.about.precision}
        self.sha256 = embeddings_sha256(container.sums.get(WEIGHTS, ""), made_by)
        self.ratios = Ratios(container, self.about)
        if threads is not None and not 1 <= threads <= MOST_THREADS:
            raise InputError(f"threads {threads}; expected 1 to {MOST_THREADS}")
        self._threads = threads
        if vad == "silero":
            SILERO.find_file()

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        engine: EngineName = "auto",
        threads: int | None = None,
        vad: Vad = "energy",
        precision: Precision | None = None,
        least_speech: float = LEAST_COMPARED,
    ) -> "PackedModel":
        """Read a file of `spkr pack`.

        Args:
            engine: what runs the network: onnx (onnxruntime; the file needs ONNX inside), torch, or auto: onnx where
                that is there, else torch
            threads: that the network uses; default: those of the engine
            vad: what finds speech: energy, as in a run; or silero, for recordings with noise or music. The network then
                sees speech only, whatever the front end says, and features are normalised over it
            precision: of the encoder; default: that of the run. Embeddings of another one have another `sha256`
            least_speech: seconds; a recording with less speech is refused
        Raises InputError for a file that is damaged or too new, and for an engine or a VAD that cannot be had.
        """
        return cls(Container(path), engine, threads, vad, precision, least_speech)

    @property
    def dim(self) -> int:
        """Dimensions of an embedding."""
        return self.about.dim

    @property
    def rate(self) -> int:
        """Sampling rate of the features, in Hz."""
        return int(self.front_end.sample_frequency)

    @cached_property
    def engine(self) -> Engine:
        """What runs the network, made at its first use."""
        if self.engine_kind == "onnx":
            from spkr.packed.onnx_engine import OnnxEngine

            return OnnxEngine(self.container, self.about, self.front_end, self._threads)
        from spkr.packed.torch_engine import TorchEngine

        return TorchEngine(self.container, self.about, self.front_end, self._threads)

    def hear(self, audio: Audio, rate: int | None = None, channel: Channel = None) -> Heard:
        """A recording's embedding and quality.

        Args:
            audio: a path; or samples (n,), floats from -1 to 1 or 16-bit integers
            rate: Hz, of samples; default: `self.rate`
            channel: of a file with several
        Raises InputError for audio that cannot be read, is shorter than a frame, or has too little speech.
        """
        return self.hear_all([read_sound(audio, self.front_end, rate, channel)])[0]

    def hear_all(self, sounds: Iterable[Sound]) -> list[Heard]:
        """The embeddings of several recordings, in batches of similar length; raises as `hear` does."""
        return self.embed([self.prepare(sound) for sound in sounds])

    def prepare(self, sound: Sound) -> Prepared:
        """A recording's features, and which of them are speech; InputError if too few are."""
        fe = self.front_end
        raw, log_energy = self.engine.features(sound.samples)
        if self.vad == "silero":
            voiced = SILERO.voiced(sound.samples, fe, len(raw))
        else:
            voiced = energy_vad(log_energy, fe.vad) > 0
        speech, warnings = check_speech(sound, voiced, fe, self.vad, self.least_speech)
        feats, used = as_stored(raw, fe.compress and fe.in_arks), voiced if fe.select_voiced else np.ones_like(voiced)
        if self.vad == "silero":
            feats, used = feats[voiced], np.ones(voiced.sum(), bool)
        return Prepared(replace(sound, samples=NO_SAMPLES), speech, warnings, feats, used)

    def embed(self, prepared: Sequence[Prepared]) -> list[Heard]:
        """The embeddings of recordings that are prepared, in batches of similar length."""
        if not prepared:
            return []
        vectors = self.engine.embed([one.feats for one in prepared], [one.used for one in prepared])
        return [
            Heard(one.sound.source, vector, one.sound.seconds, one.speech, one.warnings, self.vad)
            for one, vector in zip(prepared, vectors, strict=True)
        ]

    def rule(
        self, prior: float | None = None, threshold: float | None = None, false_alarms: float | None = None
    ) -> Rule:
        """How decisions are made; see `spkr.packed.decision.make_rule`."""
        return make_rule(self.about, prior, threshold, false_alarms)

    def compare(self, enrol: Sequence[Heard], test: Sequence[Heard], rule: Rule | None = None) -> Comparison:
        """Compare two voices, each the average of its recordings. Default rule: that of `self.rule()`."""
        return self.compare_all([enrol], [test], rule or self.rule())[0, 0]

    def compare_all(self, enrol: Sequence[Sequence[Heard]], test: Sequence[Sequence[Heard]], rule: Rule) -> np.ndarray:
        """Compare each voice of `enrol` (E) with each of `test` (T): Comparisons (E, T)."""
        scores, llrs = self.ratios.of_pairs(Voices.of(enrol), Voices.of(test))
        found = np.empty(scores.shape, object)
        for at in np.ndindex(scores.shape):
            found[at] = decide(float(scores[at]), None if llrs is None else float(llrs[at]), rule)
        return found


def as_stored(feats: np.ndarray, compress: bool) -> np.ndarray:
    """Features as they come out of an ark: a back-end was trained, and calibrated, on what compression leaves."""
    if not compress:
        return feats
    from spkr.kaldi.compression import compress as compressed
    from spkr.kaldi.compression import decompress
    from spkr.kaldi.cursor import Cursor

    return decompress(Cursor(compressed(feats, 1)))


def _engine_kind(container: Container, engine: EngineName) -> str:
    if engine not in get_args(EngineName):
        raise InputError(f"engine {engine!r}; expected one of {', '.join(get_args(EngineName))}")
    has_onnx, has_torch = FRONT in container and NETWORK in container, find_spec("torch") is not None
    if engine == "auto":
        engine = "onnx" if has_onnx and find_spec("onnxruntime") else "torch"
    if engine == "onnx" and not has_onnx:
        raise InputError(f"{container.path}: has no ONNX inside; pack it with `spkr pack --onnx`, or use torch")
    if engine == "onnx" and not find_spec("onnxruntime"):
        raise InputError("onnxruntime is not installed: pip install 'spkr[runtime]'")
    if engine == "torch" and not has_torch:
        inside = "" if has_onnx else "; a file that `spkr pack --onnx` wrote needs onnxruntime only"
        raise InputError(f"torch is not installed{inside}")
    return engine
