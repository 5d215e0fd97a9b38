"""Fbank-80 of ten minutes in files of 3 s, from WAV to ark and scp, against torchaudio and kaldiio.

    python benchmarks/fbank.py

The peer reads with soundfile, computes with torchaudio.compliance.kaldi and writes float32 with kaldiio. Ours is the
feature stage as it is: it also checks each recording, decides about voice activity and counts frames.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import tempfile
from pathlib import Path

import kaldiio
import numpy as np
import soundfile
import torch
import torchaudio
from common import median_cpu, report

from spkr.feats import Fbank
from spkr.feats.extract import extract_shard
from spkr.kaldi.datadir import write_data_dir

FILES, SECONDS, RATE = 200, 3, 16000


def make_data(folder: Path) -> dict[str, str]:
    """A data directory of noise, with the loudness of speech; returns its wav.scp."""
    rng = np.random.default_rng(1)
    wavs = {}
    for i in range(FILES):
        path = folder / f"{i:03}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(SECONDS * RATE), RATE, subtype="PCM_16")
        wavs[f"s{i % 10}-{i:03}"] = str(path)
    write_data_dir(folder / "data", {"wav.scp": wavs, "utt2spk": {utt: utt[:2] for utt in wavs}})
    return wavs


def peer(wavs: dict[str, str], folder: Path) -> None:
    """The features by torchaudio, written by kaldiio."""
    with kaldiio.WriteHelper(f"ark,scp:{folder}/peer.ark,{folder}/peer.scp") as writer:
        for utt, path in sorted(wavs.items()):
            samples, rate = soundfile.read(path, dtype="float32")
            feats = torchaudio.compliance.kaldi.fbank(
                torch.from_numpy(samples)[None] * 32768, num_mel_bins=80, sample_frequency=rate, snip_edges=False
            )
            writer(utt, feats.numpy())


def main() -> None:
    """Print both ratios."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        wavs = make_data(folder)

        def ours(compress: bool) -> None:
            extract_shard(folder / "data", folder / "feats", Fbank(compress=compress, shards=1), 1)

        plain, compressed, theirs = median_cpu(lambda: ours(False), lambda: ours(True), lambda: peer(wavs, folder))
    work = f"fbank-80 of {FILES * SECONDS} s"
    report(f"{work}, float32", plain, "torchaudio and kaldiio", theirs, 0.60)
    report(f"{work}, compressed", compressed, "torchaudio and kaldiio, float32", theirs, 1.0)


if __name__ == "__main__":
    main()
