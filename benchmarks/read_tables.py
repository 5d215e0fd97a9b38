"""Reading 20,000 matrices by scp in random order, once each, against kaldiio.

    python benchmarks/read_tables.py

Matrices are of 300 x 80 float32, in ten arks: 1.9 GB as they are, 0.5 GB by Kaldi's compression. Both readers are
opened once and pass over the matrices six times, as training does; the first pass, in which ours maps the arks into
memory, is shown for itself. What ours does besides: it looks for the key and for values that are not finite.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import kaldiio
import numpy as np
from common import median_cpu, report

from spkr.kaldi.datadir import read_map, write_map
from spkr.kaldi.table import TableReader, TableWriter

MATRICES, ARKS, SHAPE = 20_000, 10, (300, 80)


def write_tables(folder: Path, compress: int) -> Path:
    """Arks of some hundred different matrices, which repeat; returns the scp of all."""
    rng = np.random.default_rng(1)
    matrices = rng.normal(10, 3, (100, *SHAPE)).astype(np.float32)
    places = {}
    for i in range(ARKS):
        with TableWriter(folder / f"feats.{i}.ark", compress) as table:
            for j in range(MATRICES // ARKS):
                table[f"speaker{i}-{j:05}"] = matrices[j % len(matrices)]
        places |= read_map(folder / f"feats.{i}.scp")
    write_map(folder / "feats.scp", places)
    return folder / "feats.scp"


def read_all(table: Mapping[str, np.ndarray], keys: list[str]) -> None:
    """Every matrix once."""
    for key in keys:
        table[key]


def cpu(function: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    begun = time.process_time()
    function()
    return time.process_time() - begun


def main() -> None:
    """Print the ratios."""
    for compress in (0, 1):
        work = f"reading {MATRICES:,} matrices, {'compressed' if compress else 'float32'}"
        with tempfile.TemporaryDirectory() as tmp:
            scp = write_tables(Path(tmp), compress)
            ours, theirs = TableReader(scp), kaldiio.load_scp(str(scp))
            keys = np.random.default_rng(2).permutation(sorted(ours)).tolist()
            passes = [partial(read_all, table, keys) for table in (ours, theirs)]
            print(f"{work}, first pass: {cpu(passes[0]):.3f} s, kaldiio {cpu(passes[1]):.3f} s")
            seconds = median_cpu(*passes)
        report(work, seconds[0], "kaldiio", seconds[1], 0.5)


if __name__ == "__main__":
    main()
