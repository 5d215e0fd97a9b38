"""Kaldi's energy-based voice activity detection (ivector/voice-activity-detection.cc)."""

import numpy as np

from spkr.config.front_end_options import VadOptions


def energy_vad(log_energy: np.ndarray, options: VadOptions) -> np.ndarray:
    """Decide for each frame whether it is speech.

    A frame is voiced if, among the frames at most `frames_context` away from it, a proportion of at least
    `proportion_threshold` has a log energy above energy_threshold + energy_mean_scale * mean(log_energy).

    Args:
        log_energy: (frames,) natural logarithm of each frame's energy.
        options: thresholds and context.

    Returns:
        (frames,) float32 of 0 and 1, as Kaldi writes vad.scp.
    """
    threshold = options.energy_threshold + options.energy_mean_scale * log_energy.mean(dtype=np.float64)
    above = np.concatenate([[0], np.cumsum(log_energy > threshold)])
    t = np.arange(len(log_energy))
    start = np.maximum(t - options.frames_context, 0)
    end = np.minimum(t + options.frames_context + 1, len(log_energy))
    voiced = above[end] - above[start] >= options.proportion_threshold * (end - start)
    return voiced.astype(np.float32)
