"""Something like speech, and a corpus of it."""

from pathlib import Path

import numpy as np
import soundfile

from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.trials import all_pairs, write_trials

RATE = 16000


def spoken(rng: np.random.Generator, n: int) -> np.ndarray:
    """Noise in syllables with pauses between, some frames of which are unvoiced."""
    rhythm = np.maximum(np.sin(2 * np.pi * 3 * np.arange(n) / RATE + rng.uniform(0, 6)), 0.01)
    return (2000 * rhythm * rng.standard_normal(n)).astype(np.int16)


def write_spoken(root: Path, longest: int) -> dict[str, str]:
    """Data directories of train, valid and dev with their trials, by name; recordings of at most `longest` samples."""
    data = {}
    for seed, (name, speakers, count) in enumerate((("train", "abc", 5), ("valid", "abc", 1), ("dev", "xy", 3))):
        rng, wav = np.random.default_rng(seed), {}
        for utt in (f"{spk}-{name}{i}" for spk in speakers for i in range(count)):
            soundfile.write(root / f"{utt}.wav", spoken(rng, int(rng.integers(6000, longest))), RATE)
            wav[utt] = str(root / f"{utt}.wav")
        utt2spk = {utt: utt[0] for utt in wav}
        utt2dur = {utt: soundfile.info(path).duration for utt, path in wav.items()}
        data[name] = str(root / "data" / name)
        write_data_dir(data[name], {"wav.scp": wav, "utt2spk": utt2spk, "utt2dur": utt2dur})
        write_trials(f"{data[name]}/trials_pairs", all_pairs(utt2spk))
    return data
