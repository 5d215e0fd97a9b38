"""The network of a packed model, run by torch."""

from collections.abc import Sequence

import numpy as np
import torch

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats import compute
from spkr.feats.cmvn import normalize
from spkr.nnet import network_options
from spkr.nnet.embed import embed_batches, plan_batches
from spkr.nnet.inference import for_inference
from spkr.nnet.memory import keep_freed_memory
from spkr.nnet.model import HEAD, Network, load_weights, make_network
from spkr.nnet.wavlm_file import wavlm_of
from spkr.packed.about import About
from spkr.packed.container import WEIGHTS, WRITE_AGAIN, Container


class TorchEngine:
    """Computes features, and embeddings of them, on a GPU if there is one."""

    def __init__(self, container: Container, about: About, front_end: FrontEnd, threads: int | None = None):
        if threads:
            torch.set_num_threads(threads)
        self.front_end, self.precision = front_end, about.precision
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            keep_freed_memory()
        self.net = for_inference(network_of(container, about, front_end), self.device, self.precision)

    def features(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw features (frames, dim) and log energies (frames,) of samples (n,) on the scale of 16-bit integers."""
        with torch.inference_mode():
            feats, log_energy = compute(torch.from_numpy(samples), self.front_end)
        return feats.numpy(), log_energy.numpy()

    def embed(self, feats: Sequence[np.ndarray], used: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings (N, dim) float32 of N raw feature matrices (frames, dim).

        Args: used: the frames (frames,) bool of each that the network sees; all are normalised.
        """
        seen = {
            str(k): normalize(one, self.front_end.cmvn)[of_one]
            for k, (one, of_one) in enumerate(zip(feats, used, strict=True))
        }
        batches = plan_batches({name: len(one) for name, one in seen.items()})
        vectors = dict(embed_batches(self.net, seen, batches, self.device, self.precision))
        return np.stack([vectors[name] for name in seen])


def network_of(container: Container, about: About, front_end: FrontEnd) -> Network:
    """The network of a packed model in evaluation mode, with a head that was never trained.

    Raises InputError if the weights do not fit it.
    """
    try:
        weights = {name: torch.from_numpy(array) for name, array in container.arrays(WEIGHTS).items()}
        net = make_network(network_options(about.network), front_end.dim, 1, wavlm_of(front_end, weights))
        missing, unexpected = load_weights(net, weights, strict=False)
    except (KeyError, TypeError, ValueError, RuntimeError) as e:
        if isinstance(e, InputError):
            raise
        missing, unexpected = ["weights"], []
    if wrong := [name for name in missing if not HEAD.match(name)] + unexpected:
        raise InputError(f"{container.path}: its weights do not fit its network, first {wrong[0]}; {WRITE_AGAIN}")
    return net.eval()
