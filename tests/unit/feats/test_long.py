"""Recordings of hours: computed in pieces, in little memory."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from spkr.audio.decoding import read_audio
from spkr.audio.resampling import resample
from spkr.feats import Fbank, LogMel, Mfcc, compute, fbank
from spkr.kaldi.compression import compress
from spkr.kaldi.datadir import write_data_dir
from tests.unit.feats.extraction import RATE, SEED, speech

torch.set_num_threads(1)


@pytest.mark.parametrize(
    "front_end",
    [
        Fbank(use_energy=True),
        Fbank(snip_edges=True),
        Fbank(dither=1.0),
        Fbank(frame_length=20.0625, frame_shift=13.0, dither=1.0),  # 321 samples
        Mfcc(use_energy=True),
        SEED,
        LogMel(frame_shift=7),
    ],
)
@pytest.mark.parametrize("n", [5000, 16161, 3 * RATE])
def test_features_in_pieces_are_those_of_the_whole(monkeypatch, front_end, n):
    samples, found = torch.from_numpy(speech(n)), []
    for piece in (10**9, 16, 64):
        monkeypatch.setattr(fbank, "PIECE", piece)
        torch.manual_seed(1)
        found.append(compute(samples, front_end))
    for feats, energy in found[1:]:
        assert torch.equal(feats, found[0][0])
        assert torch.equal(energy, found[0][1])


@pytest.mark.parametrize("rates", [(44100, 16000), (8000, 16000), (11025, 16000), (48000, 16000), (9, 10), (11, 10)])
def test_resampling_in_pieces_is_that_of_the_whole(monkeypatch, rates):
    samples = speech(20011)
    whole = resample(samples, *rates)
    for block in (2000, 20010):
        monkeypatch.setattr("spkr.audio.resampling.PIECE", block)
        pieces = resample(samples, *rates)
        assert pieces.shape == whole.shape
        assert np.abs(pieces - whole).max() < 1e-3  # of 16 bits: sums of other blocks round otherwise


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_a_long_file_of_another_rate_is_resampled_while_it_is_read(tmp_path, monkeypatch, rate):
    soundfile.write(tmp_path / "x.wav", speech(20011).astype(np.int16), rate)
    whole = read_audio(tmp_path / "x.wav", RATE, "any", start=0.1)
    for block in (2000, 19000):
        monkeypatch.setattr("spkr.audio.resampling.PIECE", block)
        pieces = read_audio(tmp_path / "x.wav", RATE, "any", start=0.1)
        assert pieces.shape == whole.shape
        assert np.abs(pieces - whole).max() < 1e-3


@pytest.mark.parametrize("method", [1, 2])
def test_compression_in_pieces_is_that_of_the_whole(monkeypatch, method):
    matrix = speech(7000).reshape(1000, 7)
    whole = compress(matrix, method)
    for piece in (1, 2500):
        monkeypatch.setattr("spkr.kaldi.compression.PIECE", piece)
        assert compress(matrix, method) == whole


def test_two_recordings_of_half_an_hour_take_little_more_memory_than_one_of_seconds(tmp_path):
    for name in ("a", "b"):
        with soundfile.SoundFile(tmp_path / f"{name}.wav", "w", RATE, 1, subtype="PCM_16") as f:
            for _ in range(30):
                f.write(speech(60 * RATE).astype(np.int16))
    files = {"wav.scp": {name: tmp_path / f"{name}.wav" for name in "ab"}, "utt2spk": {"a": "a", "b": "b"}}
    write_data_dir(tmp_path / "data", files)
    program = (
        "import re, sys; from spkr.feats.extract import extract_shard; from spkr.feats import Fbank\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "before = peak()\n"
        "extract_shard(sys.argv[1], sys.argv[2], Fbank(shards=1), 1)\n"
        "print((peak() - before) // 1024)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "data"), str(tmp_path / "feats")]
    megabytes = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert megabytes < 450  # a recording's samples are 115 MB, its features 58 MB
