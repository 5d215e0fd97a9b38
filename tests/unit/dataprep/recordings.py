"""Small recordings for the tests: a tone a speaker, in folders."""

from pathlib import Path

import numpy as np
import soundfile


def tone(path: Path, hz: float = 440.0, seconds: float = 1.2, rate: int = 16000, channels: int = 1) -> Path:
    """Write a tone that differs by its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(abs(hash(str(path))) % 2**32)
    t = np.arange(int(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * hz * t) + 0.01 * rng.normal(size=len(t))
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)
    return path


def folder_of(root: Path, speakers: int, each: int = 4, suffixes: tuple[str, ...] = (".wav",)) -> Path:
    """Folders of `speakers` speakers with `each` recordings."""
    for s in range(speakers):
        for k in range(each):
            tone(root / f"spk{s:02d}" / f"rec{k}{suffixes[k % len(suffixes)]}", hz=100 + 20 * s)
    return root
