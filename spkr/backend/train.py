"""Training the back-end: mean, LDA and PLDA from a table of embeddings, as Kaldi's voxceleb v2 recipe does it.

backend/mean.vec         the mean embedding, subtracted first
backend/transform.mat    LDA, with its offset in the last column
backend/plda             of the embeddings after mean, LDA and length normalisation
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spkr.backend.lda import compute_lda
from spkr.backend.plda import train_plda
from spkr.backend.stats import check_speakers, speaker_stats
from spkr.backend.transforms import length_normalize, transform_vectors
from spkr.config.backend_options import BackendOptions
from spkr.files import check_same_keys
from spkr.kaldi.maps import read_map
from spkr.kaldi.objects import write_array
from spkr.kaldi.select import filter_utterances, read_maps
from spkr.kaldi.table import read_vectors

OUTLIER = 0.5  # share of the variance

logger = logging.getLogger(__name__)


def train_backend(
    xvector_scps: Sequence[str | Path],
    utt2spks: Sequence[str | Path],
    out_dir: str | Path,
    options: BackendOptions,
    num_voiced: Sequence[str | Path] = (),
) -> None:
    """Train mean, LDA and PLDA on the embeddings of one or more sets and write them to `out_dir`.

    Args:
        xvector_scps, utt2spks: for each set, its embeddings, and the speakers of exactly these
        options: dimensions, and which utterances and speakers are left out
        num_voiced: for each set, its utt2num_voiced; without it no utterance is left out for its length
    Raises InputError if the two files disagree, or if there are too few speakers or utterances.
    """
    kept = _speakers(xvector_scps, utt2spks, options, num_voiced)
    tables = [read_vectors(scp) for scp in xvector_scps]
    keys = [key for keys, _ in tables for key in keys]
    vectors = np.concatenate([vectors for _, vectors in tables])[[key in kept for key in keys]]
    labels = [kept[key] for key in keys if key in kept]
    # Mean and LDA are float32 on disk; they are rounded now, so that PLDA is trained on what scoring will give it.
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    stats = speaker_stats(vectors - mean, labels)
    _warn_of_outlier([key for key in keys if key in kept], vectors - mean)
    lda = compute_lda(
        stats, options.lda_dim, options.total_covariance_factor, options.covariance_floor, options.pca_dim
    ).astype(np.float32)
    processed = length_normalize(transform_vectors(vectors - mean, lda))
    plda = train_plda(speaker_stats(processed, labels), options.plda_iters)

    write_array(Path(out_dir) / "mean.vec", mean)
    write_array(Path(out_dir) / "transform.mat", lda)
    plda.write(Path(out_dir) / "plda")
    logger.info("back-end of %d dimensions from %d utterances of %d speakers", len(lda), len(labels), len(stats.counts))


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
