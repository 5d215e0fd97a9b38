"""Reading audio: WAV, FLAC and NIST SPHERE through libsndfile, resampled on the way where that is allowed."""

from pathlib import Path

import numpy as np
import soundfile

from spkr.errors import InputError


def read_audio(path: str | Path, rate: int, allow_downsample: bool = False) -> np.ndarray:
    """Read one channel of audio as float32 on the scale of 16-bit integers, as Kaldi takes it: (samples,).

    Raises InputError, naming the file, where it is missing, unreadable, empty, has more than one channel, or has
    another sampling rate than `rate` Hz (a higher one is resampled if `allow_downsample`).
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such audio file; was the corpus moved or deleted after data preparation?")
    try:
        samples, found = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as e:
        raise InputError(f"{path}: not readable as audio ({e}); replace the file") from None
    if not len(samples):
        raise InputError(f"{path}: the audio file has no samples; replace or remove it")
    if samples.shape[1] != 1:
        raise InputError(f"{path}: {samples.shape[1]} channels; expected one")
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: has samples that are not finite; replace the file")
    if found != rate:
        if not (allow_downsample and found > rate):
            raise InputError(f"{path}: sampled at {found} Hz; expected {rate} Hz (feats.sample_frequency)")
        return resample(samples[:, 0] * 32768, found, rate)
    return samples[:, 0] * 32768


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Resample (samples,) float32 with torchaudio's windowed sinc."""
    import torch
    from torchaudio.functional import resample as sinc_resample

    return sinc_resample(torch.from_numpy(samples), rate, new_rate).numpy()
