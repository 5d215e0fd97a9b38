"""Where a network knows voices best: EERs of a finished run with statistics of its blocks in place of its embeddings.

    python benchmarks/block_statistics.py recipes/an4/dev24.yaml recipes/an4/heads.yaml --run main-s1

For a QuartzNet, or several at once. The statistics are mean and standard deviation of each channel that a block puts
out, over the frames of an utterance, divided by their standard deviation over the training utterances. A PCA takes them
to the `backend.pca_dim` dimensions that the back-end's own PCA would keep. The list is one of `dev`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from dev_backend import DevBackend, arguments, resolve

from spkr.feats.reader import FeatureReader
from spkr.kaldi.table import TableReader
from spkr.nnet.ensemble import members
from spkr.nnet.model import SpeakerNet, load_model
from spkr.nnet.pooling import Pooling
from spkr.nnet.quartznet import QuartzNet
from spkr.packed.run_files import find_run_files

LEAST = 1e-6  # standard deviation of a statistic

Statistics = dict[str, list[np.ndarray]]  # utterance -> of each block


def main() -> None:
    """Print a line for each block, for all of them together, and for the embeddings."""
    args = arguments(__doc__).parse_args()
    (run,) = resolve(args)
    backend, exp = DevBackend(run, args.list), Path(f"exp/{run.config.experiment}/{run.config.run}")
    net, front_end, _ = load_model(find_run_files(exp).network)
    if not backend.options.pca_dim or not all(isinstance(network.encoder, QuartzNet) for network in members(net)):
        sys.exit("expected a QuartzNet, and a back-end with backend.pca_dim")
    tables = {name: TableReader(exp / f"xvectors/{name}/xvector.scp") for name in backend.sets}
    statistics = {}
    for name, table in tables.items():
        reader = FeatureReader([backend.feats / name], front_end)
        statistics[name] = {utt: _statistics(members(net), reader[utt]) for utt in table}
    number = len(members(net)[0].encoder.blocks)
    for k in range(number):
        print(f"block {k + 1} of {number}: {_eer(backend, statistics, [k]):.2f} %", flush=True)
    print(f"all blocks: {_eer(backend, statistics, range(number)):.2f} %")
    print(f"embeddings: {backend.eer(tables):.2f} %")


@torch.inference_mode()
def _statistics(networks: list[SpeakerNet], feats: np.ndarray) -> list[np.ndarray]:
    """For each block, its statistics by each network (2 C networks,), of the features (T, dim) of an utterance."""
    found = []
    for network in networks:
        x, rows = torch.from_numpy(feats)[None].transpose(1, 2), []
        for block in network.encoder.blocks:
            x = block(x, None)
            rows.append(Pooling("xvector", x.shape[1])(x)[0].numpy())
        found.append(rows)
    return [np.concatenate(rows) for rows in zip(*found, strict=True)]


def _eer(backend: DevBackend, statistics: dict[str, Statistics], blocks: Sequence[int]) -> float:
    """The EER in percent with the statistics of these blocks, side by side."""
    joined = {
        name: {utt: np.concatenate([rows[k] for k in blocks]) for utt, rows in of.items()}
        for name, of in statistics.items()
    }
    x = np.stack([row for name in backend.trained_on for row in joined[name].values()]).astype(np.float64)
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), LEAST)
    pca = np.linalg.svd((x - mean) / scale, full_matrices=False)[2][: backend.options.pca_dim].T  # (D, pca_dim)
    return backend.eer({name: {u: (v - mean) / scale @ pca for u, v in own.items()} for name, own in joined.items()})


if __name__ == "__main__":
    main()
