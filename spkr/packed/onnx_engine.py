"""The network of a packed model, run by ONNX Runtime; without torch.

The two graphs are those of spkr.export.packed_graphs.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spkr.config.embed_options import MAX_CHUNK, MIN_CHUNK
from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.packed.about import About
from spkr.packed.container import FRONT, NETWORK, WRITE_AGAIN, Container

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PIECE = 3000  # frames computed at once, to save memory
ERRORS_ONLY = 3  # log level


class OnnxEngine:
    """Computes features, and embeddings of them, on the processor; `TorchEngine` has the same methods."""

    def __init__(self, container: Container, about: About, front_end: FrontEnd, threads: int | None = None):
        self.front_end = front_end
        self.front, self.network = (_session(container, name, threads) for name in (FRONT, NETWORK))
        self.is_local = self.front.get_modelmeta().custom_metadata_map.get("local") == "1"

    def features(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw features (frames, dim) and log energies (frames,) of samples (n,) on the scale of 16-bit integers."""
        feats, energy = zip(*self._pieces(samples.astype(np.float32, copy=False)), strict=True)
        return np.concatenate(feats), np.concatenate(energy)

    def _pieces(self, samples: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Features and log energies of some frames after others; a piece has frames to spare on either side."""
        shift = self.front_end.window_shift
        spare = 2 * self.front_end.window_size // shift + 2  # an FFT is less than two windows long
        size = PIECE * shift if self.is_local else len(samples)
        for start in range(0, max(len(samples) - size // 2, 1), size):  # so that the last piece is not short
            is_last = start + size >= len(samples) - size // 2
            begin = max(start - spare * shift, 0)
            end = len(samples) if is_last else start + size + spare * shift
            feats, energy = self.front.run(None, {"waveform": samples[None, begin:end]})
            first = (start - begin) // shift
            last = len(feats[0]) if is_last else first + PIECE
            yield feats[0, first:last], energy[0, first:last]

    def embed(self, feats: Sequence[np.ndarray], used: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings (N, dim) float32 of N raw feature matrices (frames, dim).

        Args: used: the frames (frames,) bool of each that the network sees; all are normalised.
        """
        return np.stack([self._embed(one, np.flatnonzero(of_one)) for one, of_one in zip(feats, used, strict=True)])

    def _embed(self, feats: np.ndarray, used: np.ndarray) -> np.ndarray:
        """The average over chunks, weighted by their frames, as `spkr embed` computes it."""
        chunks = [used[start : start + MAX_CHUNK] for start in range(0, len(used), MAX_CHUNK)]
        vectors = [
            self.network.run(None, {"feats": feats[None], "used": _at_least(MIN_CHUNK, chunk)})[0][0]
            for chunk in chunks
        ]
        return np.average(vectors, axis=0, weights=[len(chunk) for chunk in chunks]).astype(np.float32)


def _at_least(frames: int, chunk: np.ndarray) -> np.ndarray:
    """Numbers of frames, int64, with the first and the last repeated until there are at least `frames`."""
    missing = max(0, frames - len(chunk))
    return np.pad(chunk, (missing // 2, missing - missing // 2), mode="edge").astype(np.int64)


def _session(container: Container, name: str, threads: int | None) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: all cores
    options.log_severity_level = ERRORS_ONLY
    options.enable_cpu_mem_arena = False  # it would keep the most that a recording ever took
    try:
        return onnxruntime.InferenceSession(container.read(name), options, providers=["CPUExecutionProvider"])
    except InputError:
        raise
    except Exception:  # onnxruntime has no common class of errors
        raise InputError(
            f"{container.path}: {name}: this onnxruntime ({onnxruntime.__version__}) cannot run it; install a newer "
            f"one, or {WRITE_AGAIN}"
        ) from None
