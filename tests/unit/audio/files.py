"""A tone of one second, and a ramp whose samples tell their places, to be written in any format."""

import numpy as np
import soundfile

RATE = 16000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
RAMP = np.arange(RATE, dtype=np.int16)


def write(path, samples=TONE, rate=RATE, **options):
    soundfile.write(path, samples, rate, **options)
    return path
