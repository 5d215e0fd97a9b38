"""A map of embeddings: each utterance is a point, near to those whose embeddings are like its own.

The embeddings are centred and length-normalised. PCA gives one picture, and starts t-SNE, which gives the other.

Source: L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spkr.kaldi.table import TableReader
from spkr.report.html.drawing import LOOKS, Picture, picture

MOST, FEWEST = 2_000, 5  # utterances
DIM = 50  # after PCA, before t-SNE
PERPLEXITY = 30
SMALL, LARGE, FEW = 4.5, 8, 200  # points across, and up to how many utterances they are large


def map_pictures(xvectors: str | Path, utt2spk: Mapping[str, str]) -> list[Picture]:
    """The map of a set by PCA and by t-SNE; none with fewer than FEWEST utterances.

    Args: xvectors is an xvector.scp; of more than MOST utterances, MOST that are evenly spaced.
    """
    table = TableReader(xvectors)
    utts = [utt for utt in table if utt in utt2spk]
    if len(utts) < FEWEST:
        return []
    if len(utts) > MOST:
        utts = [utts[k] for k in np.linspace(0, len(utts) - 1, MOST).astype(int)]
    vectors = np.stack([table[utt] for utt in utts]).astype(np.float64)
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    by_pca, by_tsne = _project(vectors)
    of, which = Path(xvectors).parent.name, f"{len(utts):,} of {len(table):,} utterances"
    speakers = [utt2spk[utt] for utt in utts]
    return [
        _scatter(f"map-{of}-{key}", f"{of}: {method}", which, utts, speakers, points)
        for key, method, points in (("pca", "PCA", by_pca), ("tsne", "t-SNE", by_tsne))
    ]


def _project(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two dimensions by PCA and by t-SNE, each (n, 2), the same at each call."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the sums of several threads have no fixed order
        reduced = PCA(min(DIM, *vectors.shape), svd_solver="full").fit_transform(vectors)
        tsne = TSNE(perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3), init="pca", random_state=0, n_jobs=1)
        return reduced[:, :2], tsne.fit_transform(reduced)


def _scatter(name: str, title: str, which: str, utts: list[str], speakers: list[str], points: np.ndarray) -> Picture:
    """The points in the colours and markers of their speakers."""
    number = {speaker: k for k, speaker in enumerate(dict.fromkeys(speakers))}
    numbers = np.array([number[speaker] for speaker in speakers])
    alt = f"map of {which} of {len(number)} speakers; the mouse shows their names"
    with picture(name, title, alt, height=4.4) as drawn:
        axes = drawn.figure.add_subplot()
        size = LARGE if len(utts) <= FEW else SMALL
        looks = [(a["color"], b["marker"]) for b in LOOKS for a in LOOKS]
        for k, (color, marker) in enumerate(looks[: len(number)]):
            mine = numbers % len(looks) == k
            axes.plot(*points[mine].T, marker, color=color, markersize=size, alpha=0.8, markeredgewidth=0)
        axes.set(xticks=[], yticks=[])
        axes.margins(0.04)
        drawn.label(axes, *points.T, [f"{utt} ({speaker})" for utt, speaker in zip(utts, speakers, strict=True)])
        drawn.note = f"{which}, {len(number)} speakers."
    return drawn
