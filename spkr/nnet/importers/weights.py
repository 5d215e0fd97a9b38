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
        self.state = state
        self.left = {name: tensor for name, tensor in state.items() if not name.startswith(unused)}
        self.ours: dict[str, torch.Tensor] = {}
        self.missing: list[str] = []

    def take(self, theirs: str) -> torch.Tensor:
        """One of their tensors, which is then used; an empty one where it is missing."""
        if theirs not in self.left:
            self.missing.append(theirs)
            return torch.empty(0)
        return self.left.pop(theirs)

    def size(self, theirs: str, axis: int = 0, default: int = 8) -> int:
        """The size of one of their tensors; `default` where it is missing."""
        shape = self.state[theirs].shape if theirs in self.state else ()
        return shape[axis] if len(shape) > axis else default

    def copy(self, ours: str, theirs: str, *parts: str) -> None:
        """Move these parts of a layer, such as weight and bias."""
        for part in parts:
            self.ours[f"{ours}.{part}"] = self.take(f"{theirs}.{part}")

    def norm(self, ours: str, theirs: str, affine: bool = True) -> None:
        """Move a batch norm."""
        self.copy(ours, theirs, *(NORM if affine else NORM[2:]))

    def flatten(self, ours: str) -> None:
        """Make a convolution of one frame or pixel that was moved, (out, in, 1[, 1]), the matrix of an affine layer."""
        if self.ours[ours].dim() in (3, 4):
            self.ours[ours] = self.ours[ours].flatten(1)

    def reorder(self, ours: str, order: torch.Tensor, axis: int = 0) -> None:
        """Change the order of the channels of a tensor that was moved."""
        if self.ours[ours].dim() > axis and self.ours[ours].shape[axis] == len(order):
            self.ours[ours] = self.ours[ours].index_select(axis, order)

    def attention(self, ours: str, theirs: str, channels: int) -> None:
        """Move the first layer of an attention (128, 3 * channels, 1), which reads frames, then their statistics."""
        weight = self.take(f"{theirs}.weight")
        if weight.dim() == 3:
            self.ours[f"{ours}.w.weight"] = weight[:, :channels]
            self.ours[f"{ours}.context.weight"] = weight[:, channels:, 0]
        self.ours[f"{ours}.w.bias"] = self.take(f"{theirs}.bias")

    def residual(self, ours: str, theirs: str) -> None:
        """Move a block of two convolutions of images (spkr.nnet.resnet.BasicBlock)."""
        for i in (1, 2):
            self.copy(f"{ours}.conv{i}", f"{theirs}.conv{i}", "weight")
            self.norm(f"{ours}.norm{i}", f"{theirs}.bn{i}")
        if f"{theirs}.shortcut.0.weight" in self.left:
            self.copy(f"{ours}.shortcut.0", f"{theirs}.shortcut.0", "weight")
            self.norm(f"{ours}.shortcut.1", f"{theirs}.shortcut.1")
