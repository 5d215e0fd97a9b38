"""Tables of results: tab-separated text with a head line, through pandas."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from spkr.files import replacing


def write_tsv(path: str | Path, rows: Sequence[Mapping[str, object]], columns: Mapping[str, int]) -> None:
    """Write these columns of the rows, by rename. Floats get the column's number of decimals, and nan where unknown."""
    cells = {column: [_cell(row[column], decimals) for row in rows] for column, decimals in columns.items()}
    with replacing(path) as f:
        pd.DataFrame(cells, dtype=str).to_csv(f, sep="\t", index=False, quoting=3, lineterminator="\n")


def _cell(value: object, decimals: int) -> str:
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)
