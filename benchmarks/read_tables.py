"""Reading 20,000 matrices by scp in random order, once each, against kaldiio.

    python benchmarks/read_tables.py

Matrices are of 300 x 80 float32, in ten arks: 1.9 GB as they are, 0.5 GB by Kaldi's compression. Both readers
(TableReader, kaldiio.load_scp) are opened once and pass over the matrices six times, as training does. The first pass,
in which ours maps the arks into memory, is also shown alone, and so is a pass from end to end (read_ark,
kaldiio.load_ark). Ours also checks the key and that all values are finite.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import kaldiio
import numpy as np
from common import median_cpu, report

from spkr.kaldi.maps import read_map, write_map
from spkr.kaldi.table import TableReader, TableWriter, read_ark

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


def read_in_order(read: Callable[[str], Iterator], arks: list[Path]) -> None:
    """Every ark from end to end."""
    for ark in arks:
        for _ in read(str(ark)):
            pass


def cpu(function: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    begun = time.process_time()
    function()
    return time.process_time() - begun


def main() -> None:
    """Print the ratios."""
    for compress, bar in ((0, 0.6), (1, 0.25)):
        work = f"reading {MATRICES:,} matrices, {'compressed' if compress else 'float32'}"
        with tempfile.TemporaryDirectory() as tmp:
            scp = write_tables(Path(tmp), compress)
            ours, theirs = TableReader(scp), kaldiio.load_scp(str(scp))
            keys = np.random.default_rng(2).permutation(sorted(ours)).tolist()
            passes = [partial(read_all, table, keys) for table in (ours, theirs)]
            print(f"{work}, first pass: {cpu(passes[0]):.3f} s, kaldiio {cpu(passes[1]):.3f} s")
            seconds = median_cpu(*passes)
            arks = sorted(Path(tmp).glob("*.ark"))
            passes = [partial(read_in_order, read, arks) for read in (read_ark, kaldiio.load_ark)]
            print(f"{work}, from end to end: {cpu(passes[0]):.3f} s, kaldiio {cpu(passes[1]):.3f} s")
        report(work, seconds[0], "kaldiio", seconds[1], bar)


if __name__ == "__main__":
    main()
