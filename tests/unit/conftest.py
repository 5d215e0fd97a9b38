"""A toy corpus of features, made in a moment, for the tests of training and embedding."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from spkr.config.front_end_options import FrontEnd
from spkr.feats import make_front_end
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import write_map
from spkr.kaldi.table import TableWriter
from spkr.kaldi.trials import all_pairs, write_trials

DIM = 8


@dataclass
class Toy:
    """Sets `train` and `valid` (six speakers) and `dev` (four others), each utterance 25 to 60 frames."""

    root: Path
    data: dict[str, str] = field(default_factory=dict)
    feats: dict[str, str] = field(default_factory=dict)
    front_end: FrontEnd = field(default_factory=lambda: make_front_end({"num_mel_bins": DIM, "cmvn": {"type": "none"}}))

    def add(self, name: str, speakers: list[str], utts_per_speaker: int, seed: int) -> None:
        """Make a set; a speaker's frames lie round a place of its own, and one frame in ten is unvoiced."""
        data, feats = self.root / "data" / name, self.root / "feats" / name
        utt2spk = {f"{spk}-{name}{i}": spk for spk in speakers for i in range(utts_per_speaker)}
        write_data_dir(data, {"utt2spk": utt2spk, "wav.scp": dict.fromkeys(utt2spk, "none.wav")})
        rng, num_voiced = np.random.default_rng(seed), {}
        with TableWriter(feats / "feats.ark") as feats_table, TableWriter(feats / "vad.ark") as vad_table:
            for utt, spk in sorted(utt2spk.items()):
                centre = np.random.default_rng(list(spk.encode())).normal(size=DIM)
                frames = rng.normal(centre, 1, (rng.integers(25, 61), DIM))
                voiced = np.arange(len(frames)) % 10 > 0
                feats_table[utt], vad_table[utt], num_voiced[utt] = frames, voiced, int(voiced.sum())
        write_map(feats / "utt2num_voiced", num_voiced)
        write_trials(data / "trials_pairs", all_pairs(utt2spk))
        self.data[name], self.feats[name] = str(data), str(feats)


@pytest.fixture
def unprivileged():
    """A function that runs Python code in a process that may not read and write everything, as root may."""
    drop = "-dac_override,-dac_read_search"
    command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"] if os.getuid() == 0 else []

    def run(code: str) -> subprocess.CompletedProcess:
        return subprocess.run([*command, sys.executable, "-c", code], capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Toy:
    corpus = Toy(tmp_path_factory.mktemp("toy"))
    corpus.add("train", [f"s{i}" for i in range(6)], 6, seed=1)
    corpus.add("valid", [f"s{i}" for i in range(6)], 2, seed=2)
    corpus.add("dev", [f"d{i}" for i in range(4)], 4, seed=3)
    return corpus
