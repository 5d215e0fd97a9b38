"""The mean of a network's weights at the ends of the last epochs."""

import torch

from spkr.nnet.model import Network


class WeightAverage:
    """Sums up weights. Args: number of times that they are added."""

    def __init__(self, number: int):
        self.number = number
        self.sums: dict[str, torch.Tensor] = {}  # float64, on the network's device

    def add(self, net: Network) -> None:
        """Add the weights as they are now."""
        for name, value in net.state_dict().items():
            self.sums[name] = self.sums.get(name, 0) + value.double()

    def take(self, net: Network) -> None:
        """Set the network's weights to their mean."""
        own = net.state_dict()
        net.load_state_dict({k: (total / self.number).to(own[k].dtype) for k, total in self.sums.items()})
