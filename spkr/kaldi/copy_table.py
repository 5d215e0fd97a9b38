"""Copying a table to another form: binary, compressed or text; several arks joined; with or without an scp."""

from pathlib import Path

from spkr.files import check_same_keys
from spkr.kaldi.specifiers import source_of, target_of
from spkr.kaldi.table import TableReader, TableWriter, read_ark
from spkr.outputs import check_outputs, is_stream


def copy_table(source: str | Path, target: str | Path, compress: int = 0) -> int:
    """Copy a table, sorted by key, and return the number of entries; names are those of `spkr copy-table`.

    The copy is read again, unless it is a pipe or a device. Raises InputError if an output is an input, an entry cannot
    be read, or the copy has other keys.
    """
    table, files = TableReader(source), target_of(target)
    check_outputs(files.files, {source_of(source).path, *(path for path, _ in table.places.values())})
    with TableWriter(target, compress) as copy:
        for key in sorted(table):
            copy[key] = table[key]
    if not is_stream(files.ark):
        check_same_keys(files.ark, (key for key, _ in read_ark(files.ark)), source, table)
    if files.scp:
        check_same_keys(files.scp, TableReader(files.scp), source, table)
    return len(table)
