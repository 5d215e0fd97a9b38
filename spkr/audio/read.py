"""Reading audio: WAV, FLAC and NIST SPHERE through libsndfile, resampled on the way where that is allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from spkr.errors import InputError


def read_audio(path: str | Path, rate: int, allow_downsample: bool = False) -> np.ndarray:
    """Read one channel of audio as float32 on the scale of 16-bit integers, as Kaldi takes it: (samples,).

    Raises InputError, naming the file, where it is missing, unreadable or empty, has more than one channel, or has
    another sampling rate than `rate` Hz (a higher one is resampled if `allow_downsample`).
    """
    with _opened(path, rate, allow_downsample) as f:
        samples = f.read(dtype="float32") * 32768
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: has samples that are not finite; replace the file")
    return samples if f.samplerate == rate else resample(samples, f.samplerate, rate)


def check_audio(path: str | Path, rate: int, allow_downsample: bool = False) -> None:
    """Raise InputError as `read_audio` does, for what the file's header shows."""
    with _opened(path, rate, allow_downsample):
        pass


@contextmanager
def _opened(path: str | Path, rate: int, allow_downsample: bool) -> Iterator[soundfile.SoundFile]:
    if str(path).endswith("|"):
        raise InputError(f"{path}: a command; expected an audio file: run the command, and name what it wrote")
    if not Path(path).is_file():
        raise InputError(f"{path}: no such audio file; was the corpus moved or deleted after data preparation?")
    try:
        with soundfile.SoundFile(path) as f:
            if not f.frames:
                raise InputError(f"{path}: the audio file has no samples; replace or remove it")
            if f.channels != 1:
                raise InputError(f"{path}: {f.channels} channels; expected one")
            if f.samplerate != rate and not (allow_downsample and f.samplerate > rate):
                raise InputError(f"{path}: sampled at {f.samplerate} Hz; expected {rate} Hz (feats.sample_frequency)")
            yield f
    except (soundfile.SoundFileError, TypeError) as e:  # TypeError: a name that libsndfile takes for headerless audio
        raise InputError(f"{path}: not readable as audio ({e}); replace the file") from None


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Resample (samples,) float32 with torchaudio's windowed sinc."""
    import torch
    from torchaudio.functional import resample as sinc_resample

    return sinc_resample(torch.from_numpy(samples), rate, new_rate).numpy()
