"""Raw embeddings and their averages, for the names of a trial list or of a table of models."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from spkr.backend.transforms import average_models
from spkr.errors import InputError
from spkr.kaldi.table import TableReader


def average_embeddings(utts: Sequence[Sequence[str]], table: TableReader) -> tuple[np.ndarray, np.ndarray]:
    """The average embedding of the utterances of each name, and the number of its utterances.

    Args: utts: those of each name, a model or a single utterance; the table has all of them.
    Returns: (number of names, dim) float32 and (number of names,).
    Raises InputError as the table does, and for embeddings of different dimensions.
    """
    row = {utt: k for k, utt in enumerate(dict.fromkeys(utt for of_name in utts for utt in of_name))}
    vectors = read_embeddings(list(row), table)
    if len(row) == len(utts) == sum(map(len, utts)):  # each name is one utterance, in the order of `row`
        return vectors, np.ones(len(utts), int)
    return average_models(utts, row, vectors)


def read_embeddings(utts: Sequence[str], table: TableReader) -> np.ndarray:
    """The embeddings of these utterances, (number of utterances, dim) float32; raises as `average_embeddings` does."""
    dim = table[utts[0]].size
    vectors = np.empty((len(utts), dim), np.float32)
    for k, utt in enumerate(utts):
        vector = table[utt]
        if vector.shape != (dim,):
            raise InputError(
                f"{table.where(utt)}: the embedding of {utt} has shape {vector.shape}; expected a vector of {dim} "
                f"dimensions, as the first one, {utts[0]}, has: take the embeddings of one network"
            )
        vectors[k] = vector
    return vectors


def check_models(
    path: str | Path | None, models: Mapping[str, Sequence[str]], names: Iterable[str], table: TableReader
) -> None:
    """Raise InputError, with the line in `path`, for the first of `names` with an utterance not in the table."""
    for name in names:
        for utt in models.get(name, ()):
            if utt not in table:
                line = 1 + list(models).index(name)
                raise InputError(f"{path}:{line}: {utt!r} of model {name!r} has no embedding")
