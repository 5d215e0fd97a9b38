"""How long does the bookkeeping between stages take, and how much memory, for a million utterances?

    python benchmarks/scale.py                 # 1,000,000 utterances; UTTERANCES as an argument: another number
    python benchmarks/scale.py --fill          # and write the table of docs/explanation/scale.md

Lists, frame counts and embeddings are made up; each step runs in a process of its own. What the steps are in a
recipe: a job a shard checks the data directory, the shards' lists are merged, training opens the features, and the
back-end reads the embeddings. benchmarks/prepare_himia.py measures the graph and the data stage.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import prepare_himia
from common import apart
from results_table import header, line
from tables import PAGES, fill_page

from spkr.feats import Fbank
from spkr.feats.reader import FeatureReader
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.maps import write_map
from spkr.kaldi.shards import merge_shards
from spkr.kaldi.table import TableWriter, read_vectors

SPEAKERS, SHARDS, DIM = 254, 100, 256
PAGE = PAGES["scale"]


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


def timed(step: Callable[[], object]) -> float:
    """The seconds that a step takes."""
    begun = time.monotonic()
    step()
    return time.monotonic() - begun


def rows(n: int) -> dict[str, tuple[float, float | None]]:
    """Seconds and GB of each step."""
    made, graph, seconds, peak = prepare_himia.measure(n)
    found = {
        f"Snakemake's graph of HI-MIA's recipe, {SHARDS} shards a set": (graph, None),
        f"HI-MIA's data stage, {made:,} files: lists, headers, data directories, trial lists": (seconds, peak),
    }
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        steps = {
            "(writing a data directory and its shards' lists)": lambda: make_data(folder, n),
            f"a feature job's check of the data directory (one of {SHARDS})": lambda: check_data_dir(folder / "data"),
            f"merging the lists of {SHARDS} shards": lambda: merge_shards(folder / "feats", folder / "data", SHARDS),
            "opening the features for training": lambda: FeatureReader([folder / "feats"], Fbank()),
            f"writing embeddings of {DIM} dimensions": lambda: embed(folder, n),
            "reading them for the back-end": lambda: read_vectors(folder / "xvector.scp"),
        }
        for name, step in steps.items():
            found[name] = apart(fork, name, timed, step)
    return found


def main() -> None:
    """Print the table; with --fill, write it to the page that explains it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("utterances", type=int, nargs="?", default=1_000_000, help="default: %(default)s")
    parser.add_argument("--fill", action="store_true", help=f"write the table of {PAGE.name}")
    args = parser.parse_args()
    table = header(f"step, for {args.utterances:,} utterances", "seconds", "memory, GB")
    for step, (seconds, memory) in rows(args.utterances).items():
        table.append(line(step, f"{seconds:.1f}", "" if memory is None else f"{memory:.2f}"))
    print("\n".join(table))
    if args.fill:
        fill_page(PAGE, table)


if __name__ == "__main__":
    main()
