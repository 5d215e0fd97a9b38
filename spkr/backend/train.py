"""Training a back-end from a table of embeddings: each trained step of a chain on what the steps before it give.

By default the chain is that of Kaldi's voxceleb v2 recipe, mean | lda | length-norm | plda:

backend/mean.vec         the mean embedding, subtracted first
backend/transform.mat    LDA, with its offset in the last column
backend/plda             of the embeddings after mean, LDA and length normalisation
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spkr.backend import BACKENDS
from spkr.backend.chain import Chain, Step, parse_chain
from spkr.backend.lda import compute_lda
from spkr.backend.pipeline import Part
from spkr.backend.plda import train_plda
from spkr.backend.stats import check_speakers, speaker_stats
from spkr.config.backend_options import BackendOptions
from spkr.files import check_same_keys
from spkr.kaldi.maps import read_map
from spkr.kaldi.objects import write_array
from spkr.kaldi.select import filter_utterances, read_maps
from spkr.kaldi.table import read_vectors

OUTLIER = 0.5  # share of the variance
KALDI = parse_chain(BACKENDS["plda"])

logger = logging.getLogger(__name__)


def train_backend(
    xvector_scps: Sequence[str | Path],
    utt2spks: Sequence[str | Path],
    out_dir: str | Path,
    options: BackendOptions,
    num_voiced: Sequence[str | Path] = (),
    chain: Chain = KALDI,
) -> None:
    """Train a chain on the embeddings of one or more sets and write its files to `out_dir`.

    Args:
        xvector_scps, utt2spks: for each set, its embeddings, and the speakers of exactly these
        options: dimensions, and which utterances and speakers are left out
        num_voiced: for each set, its utt2num_voiced; without it no utterance is left out for its length
        chain: without adaptation and normalisation
    Raises InputError if the two files disagree, or if there are too few speakers or utterances.
    """
    kept = _speakers(xvector_scps, utt2spks, options, num_voiced)
    tables = [read_vectors(scp) for scp in xvector_scps]
    keys = [key for keys, _ in tables for key in keys]
    vectors = np.concatenate([vectors for _, vectors in tables])[[key in kept for key in keys]]
    labels = [kept[key] for key in keys if key in kept]
    _warn_of_outlier([key for key in keys if key in kept], vectors - _mean(vectors))
    x, parts = vectors, []
    for step, file in chain.parts:
        parts.append(_train_part(step, file and Path(out_dir) / file, x, labels, options))
        x = parts[-1](x)
    plda = train_plda(speaker_stats(x, labels), options.plda_iters) if chain.scorer == "plda" else None

    for part in parts:
        if part.path:
            write_array(part.path, part.array)
    if plda:
        plda.write(Path(out_dir) / "plda")
    logger.info(
        "back-end of %d dimensions from %d utterances of %d speakers", x.shape[1], len(labels), len(set(labels))
    )


def _train_part(step: Step, path: Path | None, x: np.ndarray, labels: Sequence[str], options: BackendOptions) -> Part:
    """Train a step on x (N, D). Arrays are float32 on disk; they are rounded now, so that the steps behind it are
    trained on what scoring will give them."""
    if step.name == "mean":
        return Part(step.name, _mean(x), path)
    if step.name == "lda":
        dim, share = step.number or options.lda_dim, options.total_covariance_factor
        lda = compute_lda(speaker_stats(x, labels), dim, share, options.covariance_floor, options.pca_dim)
        return Part(step.name, lda.astype(np.float32), path)
    return Part(step.name)


def _mean(x: np.ndarray) -> np.ndarray:
    return x.mean(axis=0, dtype=np.float64).astype(np.float32)


def _speakers(
    xvector_scps: Sequence[str | Path],
    utt2spks: Sequence[str | Path],
    options: BackendOptions,
    num_voiced: Sequence[str | Path],
) -> dict[str, str]:
    """The speaker of each utterance that is trained on; raises InputError as `train_backend` does."""
    speakers = read_maps(utt2spks)
    check_speakers(speakers.values(), " ".join(map(str, utt2spks)))
    for scp, utt2spk in zip(xvector_scps, utt2spks, strict=True):
        check_same_keys(scp, read_map(scp), utt2spk, read_map(utt2spk))
    voiced = read_maps(num_voiced) if num_voiced else dict.fromkeys(speakers, "0")
    min_voiced_frames = options.min_voiced_frames if num_voiced else 0
    kept = filter_utterances(speakers, voiced, min_voiced_frames, options.min_utts_per_speaker)
    check_speakers(kept.values(), f"{' '.join(map(str, utt2spks))}, after the filters")
    return kept


def _warn_of_outlier(keys: Sequence[str], centred: np.ndarray) -> None:
    """Warn of an utterance that has most of the variance of all embeddings: LDA would fit little else.

    Args: centred (N, D), the embeddings less their mean.
    """
    lengths = np.linalg.norm(centred, axis=1).astype(np.float64)
    k, share = int(lengths.argmax()), lengths.max() ** 2 / (lengths @ lengths)
    if share > OUTLIER:
        logger.warning(
            "the embedding of %s has %.4g %% of the variance of all %d, so that LDA and PLDA fit it alone; look at its "
            "recording, and leave it out",
            *(keys[k], 100 * share, len(keys)),
        )
