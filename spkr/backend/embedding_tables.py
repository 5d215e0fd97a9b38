"""Single steps from one table of embeddings to another, as Kaldi's ivector programs do them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spkr.backend.embeddings import average_embeddings, check_models
from spkr.backend.transforms import length_normalize, transform_vectors
from spkr.errors import InputError
from spkr.kaldi.counts import read_silent, report_silent, without_silent
from spkr.kaldi.maps import write_map
from spkr.kaldi.objects import read_matrix, read_vector
from spkr.kaldi.table import TableReader, TableWriter, read_vectors
from spkr.kaldi.trials import read_models


def transform_table(
    xvectors: str | Path,
    out_ark: str | Path,
    mean: str | Path | None = None,
    transform: str | Path | None = None,
    normalize_length: bool = False,
    scaleup: bool = True,
) -> None:
    """Subtract the mean from embeddings, transform them and normalise their length; steps not asked for are skipped.

    These are Kaldi's `ivector-subtract-global-mean`, `transform-vec` and `ivector-normalize-length --scaleup`.
    Raises InputError if files are wrong, or if their dimensions do not fit.
    """
    keys, x = read_vectors(xvectors)
    if mean:
        m = read_vector(mean).astype(np.float32)
        if len(m) != x.shape[1]:
            raise InputError(
                f"{mean}: {len(m)} dimensions; expected {x.shape[1]}, as the embeddings of {xvectors} have"
            )
        x = x - m
    if transform:
        A = read_matrix(transform).astype(np.float32)
        if A.shape[1] - x.shape[1] not in (0, 1):
            raise InputError(f"{transform}: {A.shape[1]} columns; expected {x.shape[1]}, or one more for the offset")
        x = transform_vectors(x, A)
    if normalize_length:
        x = length_normalize(x, scaleup)
    with TableWriter(out_ark) as table:
        for key, vector in zip(keys, x, strict=True):
            table[key] = vector


def average_table(
    spk2utt: str | Path,
    xvectors: str | Path,
    out_ark: str | Path,
    num_utts_path: str | Path,
    num_voiced: Sequence[str | Path] = (),
) -> None:
    """Write the mean embedding and number of utterances of each speaker or model (Kaldi's `ivector-mean spk2utt`).

    Utterances without a voiced frame, by the files utt2num_voiced, are left out of averages that have other utterances.
    Raises InputError, with the line, for a speaker with an utterance that has no embedding; Kaldi skips the utterance.
    """
    models, vectors = read_models(spk2utt), TableReader(xvectors)
    check_models(spk2utt, models, models, vectors)
    silent = read_silent(num_voiced, [utt for of_model in models.values() for utt in of_model])
    report_silent(spk2utt, silent, "averages leave them out")
    averages, num_utts = average_embeddings(without_silent(models.values(), silent), vectors)
    with TableWriter(out_ark) as table:
        for name, average in zip(models, averages, strict=True):
            table[name] = average
    write_map(num_utts_path, dict(zip(models, num_utts.tolist(), strict=True)))
