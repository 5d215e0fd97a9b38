"""A state dict of another toolkit, of which every entry must be used, once."""

from collections.abc import Mapping

import torch

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")  # of batch norm


class Weights:
    """Moves the entries of a state dict to our names; what is missing or left over is known at the end.

    Args:
        state: their names to tensors.
        unused: beginnings of the names that have no part in an embedding, such as a classifier's.
    """

    def __init__(self, state: Mapping[str, torch.Tensor], unused: tuple[str, ...] = ()):
        self.left = {name: tensor for name, tensor in state.items() if not name.startswith(unused)}
        self.ours: dict[str, torch.Tensor] = {}
        self.missing: list[str] = []

    def take(self, theirs: str) -> torch.Tensor:
        """One of their tensors, which is then used; an empty one where it is missing."""
        if theirs not in self.left:
            self.missing.append(theirs)
            return torch.empty(0)
        return self.left.pop(theirs)

    def copy(self, ours: str, theirs: str, *parts: str) -> None:
        """Move these parts of a layer, such as weight and bias."""
        for part in parts:
            self.ours[f"{ours}.{part}"] = self.take(f"{theirs}.{part}")

    def norm(self, ours: str, theirs: str, affine: bool = True) -> None:
        """Move a batch norm."""
        self.copy(ours, theirs, *(NORM if affine else NORM[2:]))

    def residual(self, ours: str, theirs: str) -> None:
        """Move a block of two convolutions of images (spkr.nnet.resnet.BasicBlock)."""
        for i in (1, 2):
            self.copy(f"{ours}.conv{i}", f"{theirs}.conv{i}", "weight")
            self.norm(f"{ours}.norm{i}", f"{theirs}.bn{i}")
        if f"{theirs}.shortcut.0.weight" in self.left:
            self.copy(f"{ours}.shortcut.0", f"{theirs}.shortcut.0", "weight")
            self.norm(f"{ours}.shortcut.1", f"{theirs}.shortcut.1")
