"""Files of many embeddings, written as they come: an ark, an array of numpy, or a Parquet table.

    OUT.ark        Kaldi's vectors; OUT.scp beside it, as `spkr embed` writes them
    OUT.npy        (N, dim) float32
    OUT.parquet    name, path, seconds, speech, warnings, embedding
    OUT.tsv        beside an ark or an array: a line for each embedding, in its order, with the other columns
    OUT.failed.tsv name, path, reason of the recordings that have no embedding, if there are any

All of them are written by rename.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing
from spkr.outputs import check_writable, is_stream
from spkr.packed.heard import Heard

COLUMNS = ("name", "path", "seconds", "speech", "warnings")
GROUP = 1000  # rows of Parquet that are written together


class EmbeddingFile(AbstractContextManager):
    """A file of embeddings; rows are added in the order of their names."""

    def __init__(self, out: Path, dim: int, sha256: str):
        self.out, self.dim, self.sha256 = out, dim, sha256
        self.stack = ExitStack()

    def add(self, name: str, path: str, heard: Heard) -> None:
        """Add a recording."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write what is left, before the files get their names."""

    def __exit__(self, *error):
        if any(error):
            return self.stack.__exit__(*error)
        with self.stack:
            self.finish()
        return None


class WithTable(EmbeddingFile):
    """An ark or an array, with a table beside it."""

    def __enter__(self):
        self.table = self.stack.enter_context(replacing(self.out.with_suffix(".tsv")))
        self.table.write("\t".join(COLUMNS) + "\n")
        return self

    def add(self, name: str, path: str, heard: Heard) -> None:
        """Add a line to the table."""
        warnings = "; ".join(heard.warnings)
        self.table.write(f"{name}\t{path}\t{heard.seconds:.3f}\t{heard.speech:.2f}\t{warnings}\n")


class Ark(WithTable):
    """Kaldi's vectors."""

    def __enter__(self):
        from spkr.kaldi.table import TableWriter

        self.ark = self.stack.enter_context(TableWriter(self.out))
        return super().__enter__()

    def add(self, name: str, path: str, heard: Heard) -> None:
        """Add a vector."""
        self.ark[name] = heard.embedding
        super().add(name, path, heard)


class Array(WithTable):
    """An array of numpy; its head, which has the number of rows, is written again at the end."""

    def __enter__(self):
        self.file, self.rows = self.stack.enter_context(replacing(self.out, "wb")), 0
        self._write_head()
        return super().__enter__()

    def _write_head(self) -> None:
        self.file.seek(0)
        head = {"descr": "<f4", "fortran_order": False, "shape": (self.rows, self.dim)}
        np.lib.format.write_array_header_1_0(self.file, head)  # it leaves room for any number of rows

    def add(self, name: str, path: str, heard: Heard) -> None:
        """Add a row."""
        self.file.write(heard.embedding.astype("<f4").tobytes())
        self.rows += 1
        super().add(name, path, heard)

    def finish(self) -> None:
        """Write the head with the number of rows."""
        self._write_head()


class Parquet(EmbeddingFile):
    """A table of Parquet; its metadata have the model's hash."""

    def __enter__(self):
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        types = (pa.string(), pa.string(), pa.float64(), pa.float64(), pa.list_(pa.string()))
        fields = [*zip(COLUMNS, types, strict=True), ("embedding", pa.list_(pa.float32(), self.dim))]
        self.schema, self.rows = pa.schema(fields, {"model": self.sha256}), []
        file = self.stack.enter_context(replacing(self.out, "wb"))
        self.writer = self.stack.enter_context(ParquetWriter(file, self.schema))
        return self

    def add(self, name: str, path: str, heard: Heard) -> None:
        """Add a row."""
        values = (name, path, heard.seconds, heard.speech, list(heard.warnings), heard.embedding)
        self.rows.append(dict(zip(self.schema.names, values, strict=True)))
        if len(self.rows) == GROUP:
            self._write()

    def _write(self) -> None:
        from pyarrow import Table

        self.writer.write_table(Table.from_pylist(self.rows, self.schema))
        self.rows = []

    def finish(self) -> None:
        """Write the last rows."""
        if self.rows:
            self._write()


KINDS = {".ark": Ark, ".npy": Array, ".parquet": Parquet}


def check_out(out: Path) -> None:
    """Raise InputError unless embeddings can be written to a file of this name."""
    if out.suffix not in KINDS or is_stream(out):
        raise InputError(f"{out}: expected the name of a file that ends in {', '.join(KINDS)}")
    check_writable(out)
    if out.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise InputError(f"{out}: pyarrow is not installed: pip install 'spkr[parquet]', or write .npy") from None


def files_of(out: Path) -> list[Path]:
    """All files that are written for `out`."""
    beside = {".ark": (".scp", ".tsv"), ".npy": (".tsv",), ".parquet": ()}[out.suffix]
    return [out, *(out.with_suffix(suffix) for suffix in (*beside, ".failed.tsv"))]


def write_failed(out: Path, failed: Sequence[tuple[str, str, str]]) -> Path:
    """Write name, path and reason of recordings without embedding beside `out`; without any, an old list is removed."""
    path = out.with_suffix(".failed.tsv")
    if failed:
        with replacing(path) as f:
            f.writelines("\t".join(line) + "\n" for line in [("name", "path", "reason"), *failed])
    else:
        path.unlink(missing_ok=True)
    return path
