"""Something like speech, and the front end of the 2020 tutorial."""

import numpy as np
from hypothesis import HealthCheck, settings

from spkr.config.front_end_options import CmvnOptions
from spkr.feats import LogMel

RATE = 16000
# The same examples in every run, and no limit of time on each.
repeatable = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
SEED = LogMel(
    frame_length=20, window_type="hanning", num_mel_bins=64, low_freq=0, high_freq=8000,
    select_voiced=False, cmvn=CmvnOptions(type="utterance", norm_vars=True),
)  # fmt: skip


def speech(n, seed=0):
    """Noise with a syllable's rhythm and a pause, on the scale of 16 bits."""
    rhythm = 1 + np.sin(2 * np.pi * 4 * np.arange(n) / RATE)
    rhythm[n // 3 : n // 2] = 1e-4
    return (500 * rhythm * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)
