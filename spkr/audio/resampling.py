"""Resampling; long recordings are resampled in pieces."""

import math
from collections.abc import Iterator
from functools import lru_cache
from math import gcd

import numpy as np

PIECE = 1 << 22  # samples resampled at once
CROSSINGS = 6  # zero crossings of the filter on either side
ROLLOFF = 0.99  # where it cuts off, as a share of the lower Nyquist frequency


def resampled_length(n: int, rate: int, new_rate: int) -> int:
    """The number of samples that `resample` returns for n."""
    return -(-n * new_rate // rate)


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Resample (samples,) float32 with a windowed sinc, in pieces of about PIECE samples."""
    if len(samples) <= PIECE:
        return _resampled(samples, rate, new_rate)
    size = piece_size(rate, new_rate)
    pieces = (samples[at : at + size] for at in range(0, len(samples), size))
    return resample_pieces(pieces, len(samples), rate, new_rate)


def resample_pieces(pieces: Iterator[np.ndarray], n: int, rate: int, new_rate: int) -> np.ndarray:
    """Resample n samples that come in pieces of `piece_size`; the last one may be shorter."""
    own, new = _step(rate, new_rate)
    reach = (1 + 7 // min(own, new)) * own  # whole steps, beyond the filter's reach
    out, at = np.empty(resampled_length(n, rate, new_rate), np.float32), 0
    before, piece = np.empty(0, np.float32), next(pieces)
    while piece is not None:
        following = next(pieces, None)
        behind = np.zeros(own, np.float32) if following is None else following[:reach]
        wanted = out[at : at + len(piece) // own * new if following is not None else len(out)]
        found = _resampled(np.concatenate([before, piece, behind]), rate, new_rate)
        wanted[:] = found[len(before) // own * new :][: len(wanted)]
        at += len(wanted)
        before, piece = piece[-reach:], following
    return out


def _resampled(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    from scipy.signal import upfirdn  # takes a fifth of a second

    own, new = _step(rate, new_rate)
    taps, centre = _filter(own, new)
    first = centre // own
    return upfirdn(taps, samples, new, own)[first : first + resampled_length(len(samples), rate, new_rate)]


@lru_cache(maxsize=8)
def _filter(own: int, new: int) -> tuple[np.ndarray, int]:
    """A sinc under Hann's window at `new` times the original rate, (taps,), and its centre, a multiple of `own`.

    It is torchaudio's (functional.resample, with its defaults, of float64), whose phases of float32 are less exact.
    """
    cutoff = ROLLOFF * min(own, new)
    reach = math.ceil(CROSSINGS * own * new / cutoff)
    centre = -(-reach // own) * own
    t = np.arange(-centre, reach + 1) * (cutoff / (own * new))  # in zero crossings
    window = np.cos(np.pi / 2 * np.clip(t / CROSSINGS, -1, 1)) ** 2
    return (cutoff / own * np.sinc(t) * window).astype(np.float32), centre


def _step(rate: int, new_rate: int) -> tuple[int, int]:
    """The smallest number of samples that becomes a whole number at the new rate, and that number."""
    return rate // gcd(rate, new_rate), new_rate // gcd(rate, new_rate)


def piece_size(rate: int, new_rate: int) -> int:
    """The number of samples in a piece, a whole number of steps."""
    own, _ = _step(rate, new_rate)
    return PIECE // own * own
