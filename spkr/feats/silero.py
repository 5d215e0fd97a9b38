"""Speech found by the network of silero-vad, which tells it from noise and music; the energy VAD cannot.

Source: https://github.com/snakers4/silero-vad, version 6 (MIT). Its package carries the network as ONNX, which
onnxruntime runs. The package itself is not imported: it imports torch, and sets its number of threads to one. Samples
are at 16 kHz; each frame of 32 ms comes with the end of the frame before it, and the state of an LSTM is passed on.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from spkr.audio.resampling import resample
from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError

RATE = 16_000  # Hz
FRAME, CONTEXT = 512, 64  # samples
STATE = (1, 1, 128)
BLOCK = 512  # frames given to the network at once
FILE = "data/silero_vad_16k_sequence.onnx"

# silero-vad's own defaults
BEGIN, END = 0.5, 0.35  # speech begins at this probability, and ends below that one
LEAST_SPEECH, LEAST_SILENCE = 0.25, 0.1  # seconds; shorter ones are passed over
AROUND = 0.03  # seconds that are added at both ends

Part = tuple[int, int]  # first sample of speech, and the one after the last, at RATE


class Silero:
    """The network, read at its first use. Threads may share it."""

    def find_file(self) -> Path:
        """The network's file; InputError if a package is missing, or too old to have it."""
        found, install = find_spec("silero_vad"), "pip install 'spkr[silero]'"
        if not found or not find_spec("onnxruntime"):
            missing = "onnxruntime" if found else "silero-vad"
            raise InputError(f"--vad silero: {missing} is not installed; {install}, or use --vad energy")
        path = Path(found.submodule_search_locations[0], FILE)
        if not path.is_file():
            raise InputError(f"--vad silero: {path}: no such file; expected silero-vad 6.2.3 or newer: {install}")
        return path

    @cached_property
    def session(self):
        """The onnxruntime session of the network."""
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        return InferenceSession(str(self.find_file()), options, providers=["CPUExecutionProvider"])

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """The probability of speech in each frame, (frames,), of samples (n,) from -1 to 1 at RATE."""
        frames = np.zeros((-(-len(samples) // FRAME), FRAME), np.float32)
        frames.reshape(-1)[: len(samples)] = samples
        before = np.zeros((len(frames), CONTEXT), np.float32)
        before[1:] = frames[:-1, -CONTEXT:]
        h, c, found = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32), []
        for at in range(0, len(frames), BLOCK):
            seen = np.concatenate([before[at : at + BLOCK], frames[at : at + BLOCK]], axis=1)
            of_block, h, c = self.session.run(["speech_probs", "hn", "cn"], {"input": seen, "h": h, "c": c})
            found.append(of_block)
        return np.concatenate(found)

    def voiced(self, samples: np.ndarray, fe: FrontEnd, num_frames: int) -> np.ndarray:
        """Whether the centre of each frame of features lies in speech, (num_frames,) bool.

        Args: samples (n,) at the rate of the features, on the scale of 16-bit integers.
        """
        rate = int(fe.sample_frequency)
        at_rate = samples if rate == RATE else resample(samples, rate, RATE)
        parts = speech_parts(self.probabilities(at_rate / 32768), len(at_rate))
        return _inside(parts, frame_centres(fe, num_frames) * (RATE / rate))


SILERO = Silero()


def speech_parts(probabilities: Sequence[float], num_samples: int) -> list[Part]:
    """The parts of a recording that are speech, as silero-vad's `get_speech_timestamps` gives them by default."""
    found, begin, end = [], None, None  # the speech that goes on, and the silence in it
    for k, probability in enumerate(probabilities):
        at = k * FRAME
        if probability >= BEGIN:
            begin, end = at if begin is None else begin, None
        elif probability < END and begin is not None:
            end = at if end is None else end
            if at - end >= LEAST_SILENCE * RATE:
                found.append((begin, end))
                begin, end = None, None
    if begin is not None:
        found.append((begin, num_samples))
    return _widened([part for part in found if part[1] - part[0] > LEAST_SPEECH * RATE], num_samples)


def _widened(parts: list[Part], num_samples: int) -> list[Part]:
    """Parts with AROUND at both ends, inside of the recording; two that would overlap meet halfway."""
    around, ends = int(AROUND * RATE), [-num_samples, *(end for _, end in parts)]
    begins = [*(begin for begin, _ in parts), 3 * num_samples]
    added = [min(around, (begin - end) // 2) for begin, end in zip(begins, ends, strict=True)]
    return [
        (max(0, begin - before), min(num_samples, end + after))
        for (begin, end), before, after in zip(parts, added[:-1], added[1:], strict=True)
    ]


def frame_centres(fe: FrontEnd, num_frames: int) -> np.ndarray:
    """The sample at the centre of each frame, (num_frames,), at the rate of the features."""
    snip_edges = getattr(fe, "snip_edges", None)  # of Kaldi's features; others are centred on multiples of the shift
    first = 0 if snip_edges is None else fe.window_size / 2 if snip_edges else fe.window_shift / 2
    return first + fe.window_shift * np.arange(num_frames)


def _inside(parts: Sequence[Part], at: np.ndarray) -> np.ndarray:
    """Whether each place of `at` lies in one of the parts, which are sorted."""
    begins, ends = np.array([*parts]).reshape(-1, 2).T
    return np.searchsorted(begins, at, side="right") > np.searchsorted(ends, at, side="right")
