"""Embeddings: an utterance at a time, so that none depends on what else is in the batch."""

import logging
from pathlib import Path

import numpy as np
import torch

from spkr.feats.reader import FeatureReader
from spkr.files import check_same_keys
from spkr.kaldi.datadir import invert, read_map, write_map
from spkr.kaldi.table import TableWriter
from spkr.nnet.model import Network, load_model

MAX_CHUNK = 10000  # frames at once, as Kaldi's extract_xvectors.sh; longer utterances are averaged over chunks
MIN_CHUNK = 25  # frames; shorter ones are padded by repeating their first and last frame

logger = logging.getLogger(__name__)


def embed_set(model: str | Path, data_dir: str | Path, feats_dir: str | Path, out_dir: str | Path) -> None:
    """Embed every utterance of a data directory: xvector.{ark,scp}, spk_xvector.{ark,scp}, num_utts in `out_dir`.

    On a GPU where there is one. A speaker's embedding is the mean of those of its utterances, and num_utts says of how
    many. Raises InputError where data and features are not of the same utterances, or features not of the dimension
    that the network reads.
    """
    net, front_end, _ = load_model(model)
    utt2spk = read_map(Path(data_dir) / "utt2spk")
    reader = FeatureReader([feats_dir], front_end)
    check_same_keys(Path(feats_dir) / "feats.scp", reader.feats, Path(data_dir) / "utt2spk", utt2spk)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net.to(device)
    out, spk2utt = Path(out_dir), invert(utt2spk)
    sums = dict.fromkeys(spk2utt, 0.0)
    with TableWriter(out / "xvector.ark") as table:
        for utt in sorted(utt2spk):
            table[utt] = vector = embed_utterance(net, reader[utt], device)
            sums[utt2spk[utt]] += vector.astype(np.float64)
    with TableWriter(out / "spk_xvector.ark") as table:
        for spk, utts in spk2utt.items():
            table[spk] = sums[spk] / len(utts)
    write_map(out / "num_utts", {spk: len(utts) for spk, utts in spk2utt.items()})
    logger.info("%s: %d utterances of %d speakers embedded, dimension %d", out, len(utt2spk), len(spk2utt), len(vector))


@torch.inference_mode()
def embed_utterance(net: Network, feats: np.ndarray, device: str | torch.device = "cpu") -> np.ndarray:
    """Embed (frames, dim) as (embedding dim,): the average over chunks, weighted by their frames (Kaldi's)."""
    total, weight = 0.0, 0
    for start in range(0, len(feats), MAX_CHUNK):
        chunk = feats[start : start + MAX_CHUNK]
        missing = max(0, MIN_CHUNK - len(chunk))
        padded = np.pad(chunk, ((missing // 2, missing - missing // 2), (0, 0)), mode="edge")
        vector = net.embed(torch.from_numpy(padded).to(device)[None])[0].double().cpu().numpy()
        total, weight = total + len(chunk) * vector, weight + len(chunk)
    return (total / weight).astype(np.float32)
