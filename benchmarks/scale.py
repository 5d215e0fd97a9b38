"""How long does the bookkeeping between stages take, and how much memory, for a million utterances?

    python benchmarks/scale.py [UTTERANCES]

Lists, frame counts and embeddings are made up; each step runs in a process of its own. What the steps are in a
recipe: a job a shard checks the data directory, the shards' lists are merged, training opens the features, and the
back-end reads the embeddings.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spkr.feats import Fbank
from spkr.feats.reader import FeatureReader
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.maps import write_map
from spkr.kaldi.shards import merge_shards
from spkr.kaldi.table import TableWriter, read_vectors

SPEAKERS, SHARDS, DIM = 254, 100, 256


def make_data(folder: Path, n: int) -> None:
    """A data directory, the lists of its shards, and embeddings of a part of it that repeat."""
    utts = [f"SV{i % SPEAKERS:04d}_2_01_N{i // SPEAKERS:06d}" for i in range(n)]
    write_data_dir(
        folder / "data",
        {
            "wav.scp": {utt: f"exp/corpora/himia/train/{utt}.wav" for utt in utts},
            "utt2spk": {utt: utt[:6] for utt in utts},
            "utt2dur": dict.fromkeys(utts, "1.500"),
        },
    )
    utts.sort()
    for shard in range(1, SHARDS + 1):
        part = utts[n * (shard - 1) // SHARDS : n * shard // SHARDS]
        for name in ("feats", "vad"):
            write_map(
                folder / f"feats/{name}.{shard}.scp", {u: f"x/{name}.{shard}.ark:{k}" for k, u in enumerate(part)}
            )
        for name in ("utt2num_frames", "utt2num_voiced"):
            write_map(folder / f"feats/{name}.{shard}", dict.fromkeys(part, 150))


def embed(folder: Path, n: int) -> None:
    """Write a table of embeddings."""
    vectors = np.random.default_rng(1).normal(size=(1000, DIM)).astype(np.float32)
    with TableWriter(folder / "xvector.ark") as table:
        for i in range(n):
            table[f"SV{i:08d}"] = vectors[i % 1000]


def timed(step: Callable[[], object], results) -> None:
    """Put a step's seconds and its process' peak memory in GB."""
    begun = time.monotonic()
    step()
    results.put((time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def main() -> None:
    """Print a line a step."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        steps = {
            "make a data directory and its shards' lists": lambda: make_data(folder, n),
            "check the data directory (each of 100 jobs)": lambda: check_data_dir(folder / "data"),
            "merge 100 shards' lists": lambda: merge_shards(folder / "feats", folder / "data", SHARDS),
            "open the features for training": lambda: FeatureReader([folder / "feats"], Fbank()),
            f"write embeddings of {DIM} dimensions": lambda: embed(folder, n),
            "read them": lambda: read_vectors(folder / "xvector.scp"),
        }
        for name, step in steps.items():
            results = fork.SimpleQueue()
            process = fork.Process(target=timed, args=(step, results))
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(f"{name}: failed")
            seconds, gigabytes = results.get()
            print(f"{n:,} utterances, {name}: {seconds:.1f} s, {gigabytes:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
