"""Embeddings of utterances, in batches of similar length.

`plan_batches` makes the batches from the lengths of a whole set, before any work. So each utterance gets the same
embedding to the last bit, however many jobs share the batches. Alone or in another set, its embedding is the same to
5e-5 in float32.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from spkr.config.embed_options import MAX_CHUNK, MIN_CHUNK, Embed, Precision
from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.feats.waveform_reader import open_features
from spkr.files import check_same_keys
from spkr.kaldi.maps import read_map
from spkr.kaldi.table import TableWriter
from spkr.nnet.inference import for_inference
from spkr.nnet.memory import keep_freed_memory
from spkr.nnet.model import Network, load_model
from spkr.nnet.wavlm import CHUNKS

WHOLE = Embed(shards=1)

logger = logging.getLogger(__name__)


def embed_set(
    model: str | Path,
    data_dir: str | Path,
    feats_dir: str | Path,
    out_dir: str | Path,
    options: Embed = WHOLE,
    shard: int = 1,
) -> None:
    """Embed the utterances of the `shard`-th (from 1) of `options.shards` parts of a set: xvector.<shard>.{ark,scp}.

    It uses a GPU if there is one. Part `shard` has every `options.shards`-th batch of the whole set. Raises InputError
    if data and features have different utterances, or if the features do not have the dimension that the network reads.
    """
    net, front_end, _ = load_model(model)
    utt2spk = read_map(Path(data_dir) / "utt2spk")
    reader = open_features([feats_dir], [data_dir], front_end)
    check_same_keys(Path(feats_dir) / "feats.scp", reader.feats, Path(data_dir) / "utt2spk", utt2spk)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        keep_freed_memory()
    net = for_inference(net, device, options.precision)
    batches = plan_batches({utt: reader.num_frames(utt) for utt in utt2spk}, options.batch_frames)
    own = batches[shard - 1 :: options.shards]
    if not own:
        raise InputError(f"{data_dir}: {len(batches)} batches do not fill {options.shards} shards; lower embed.shards")
    vectors = dict(embed_batches(net, reader, own, device, options.precision))
    with TableWriter(Path(out_dir) / f"xvector.{shard}.ark") as table:
        for utt in sorted(vectors):
            table[utt] = vectors[utt]
    dim = len(next(iter(vectors.values())))
    logger.info("%s: %d of %d utterances embedded, dimension %d", out_dir, len(vectors), len(utt2spk), dim)


def plan_batches(num_frames: Mapping[str, int], batch_frames: int = WHOLE.batch_frames) -> list[list[str]]:
    """All utterances in batches, by length, of at most `batch_frames` frames each, padding included.

    A longer utterance is a batch of its own, and so is one that is embedded in several chunks.

    Args: num_frames: utterance -> frames.
    """
    batches: list[list[str]] = []
    for utt in sorted(num_frames, key=lambda utt: (num_frames[utt], utt)):
        frames = max(num_frames[utt], MIN_CHUNK)
        if batches and (len(batches[-1]) + 1) * frames <= batch_frames and frames <= MAX_CHUNK:
            batches[-1].append(utt)
        else:
            batches.append([utt])
    return batches


@torch.inference_mode()
def embed_batches(
    net: Network,
    feats: Mapping[str, np.ndarray] | FeatureReader,
    batches: Iterable[list[str]],
    device: str | torch.device = "cpu",
    precision: Precision = "float32",
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each utterance of `batches` (`plan_batches`, or some of them) with its embedding, float32 (dim,).

    Args:
        net: in evaluation mode, on `device`.
        feats: utterance -> (frames, dim) float32.
        precision: bfloat16 runs the encoder under autocast; pooling and the layers after it stay in float32.
    """
    least, most = chunk_frames(net)
    for utts in batches:
        found = [feats[utt] for utt in utts]
        if len(utts) == 1 or max(map(len, found)) > most:
            yield from (
                (utt, embed_utterance(net, one, device, precision)) for utt, one in zip(utts, found, strict=True)
            )
            continue
        chunks = [_at_least(least, one) for one in found]
        lengths = torch.tensor([len(chunk) for chunk in chunks])
        padded = torch.zeros(len(chunks), int(lengths.max()), chunks[0].shape[1])
        for row, chunk in zip(padded, chunks, strict=True):
            row[: len(chunk)] = torch.from_numpy(chunk)
        alike = bool((lengths == lengths[0]).all())
        yield from zip(utts, _embed(net, padded, None if alike else lengths, device, precision), strict=True)


def embed_utterance(
    net: Network, feats: np.ndarray, device: str | torch.device = "cpu", precision: Precision = "float32"
) -> np.ndarray:
    """Embed (frames, dim) as (embedding dim,): the average over chunks, weighted by their frames (Kaldi's)."""
    least, most = chunk_frames(net)
    chunks = [feats[start : start + most] for start in range(0, len(feats), most)]
    vectors = [
        _embed(net, torch.from_numpy(_at_least(least, chunk))[None], None, device, precision)[0] for chunk in chunks
    ]
    return np.average(vectors, axis=0, weights=[len(chunk) for chunk in chunks]).astype(np.float32)


def chunk_frames(net: Network) -> tuple[int, int]:
    """The fewest and the most frames that a network embeds at once."""
    return (MIN_CHUNK, MAX_CHUNK) if getattr(net, "front", None) is None else CHUNKS


@torch.inference_mode()
def _embed(
    net: Network, feats: torch.Tensor, lengths: torch.Tensor | None, device: str | torch.device, precision: Precision
) -> np.ndarray:
    """Embed (N, T, dim) as float32 (N, embedding dim); `lengths` (N,) are the real frames, or None if all are."""
    feats, lengths = feats.to(device), None if lengths is None else lengths.to(device)
    with torch.autocast(feats.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        return net.embed(feats, lengths).float().cpu().numpy()


def _at_least(frames: int, chunk: np.ndarray) -> np.ndarray:
    """A chunk (n, dim) with its first and last frame repeated on either side until it has at least `frames` frames."""
    missing = max(0, frames - len(chunk))
    return np.pad(chunk, ((missing // 2, missing - missing // 2), (0, 0)), mode="edge")
