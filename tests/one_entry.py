"""One entry of an ark by its place, as an scp names it."""

import tempfile
from pathlib import Path

import numpy as np

from spkr.kaldi.table import TableReader


def read_object(where: str, key: str = "utt") -> np.ndarray:
    """What TableReader finds at `path:offset`."""
    with tempfile.TemporaryDirectory() as folder:
        scp = Path(folder, "one.scp")
        scp.write_text(f"{key} {where}\n")
        return TableReader(scp)[key]
