"""Something like speech, and what a copy's spec makes of it."""

import math

import numpy as np

from spkr.audio.effects import distort, random_for

RATE = 16000


def speech(n=2 * RATE, seed=0):
    """Noise with a syllable's rhythm, on the scale of 16 bits."""
    rhythm = 1 + np.sin(2 * np.pi * 4 * np.arange(n) / RATE)
    return (500 * rhythm * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def heard(spec, samples=None, utterances=None, files=None, rate=RATE):
    """What `distort` makes of speech, where utterances and files have these samples."""

    def read_file(file, start, count):
        samples = files[file][round(start * rate) :]
        return samples if count is None else samples[:count]

    return distort(
        speech() if samples is None else samples, spec, rate, random_for(1, "x"), lambda utt: utterances[utt], read_file
    )


def decibels(ratio):
    return 10 * math.log10(ratio)


def energy(x):
    return float(np.sum(np.square(x, dtype=np.float64)))
