"""A trained network for embedding on a processor in float32, which computes the same in less time.

Batch norm becomes one product and one sum: with fixed statistics y = w (x - mean) / sqrt(var + eps) + b is a linear
function of x (S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, algorithm 2), which torch computes in several
passes. The weights of convolutions over a single frame are kept in the order of oneDNN's matrix product, which torch
otherwise makes for each utterance, or does without.
"""

import torch
from torch import nn

from spkr.nnet.conv import Conv1d

ONEDNN = torch.ops.mkldnn  # operators of torch's compiler; a build without oneDNN has none


class Scale(nn.Module):
    """The linear function of a batch norm in evaluation mode, in float32."""

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d):
        super().__init__()
        scale = (norm.running_var + norm.eps).rsqrt()
        scale = scale if norm.weight is None else scale * norm.weight.detach()
        shift = -norm.running_mean * scale
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift if norm.bias is None else shift + norm.bias.detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C), (N, C, T) or (N, C, F, T) to the same shape, in the same order in memory."""
        shape = (-1, *[1] * (x.dim() - 2))
        return torch.addcmul(self.shift.view(shape), x, self.scale.view(shape))


class Pointwise(nn.Module):
    """A convolution over a single frame, as a matrix product with its weights in oneDNN's order."""

    def __init__(self, conv: Conv1d):
        super().__init__()
        self.weight = ONEDNN._reorder_linear_weight(conv.weight.detach()[:, :, 0].contiguous())
        self.bias = None if conv.bias is None else conv.bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C_in, T) to (N, C_out, T)."""
        return ONEDNN._linear_pointwise(x.transpose(1, 2), self.weight, self.bias, "none", [], "").transpose(1, 2)


def for_inference(net: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """A network on its device in evaluation mode; on a processor in float32, with faster modules.

    It embeds as before to some 1e-6 of the largest value. It can then neither be trained nor saved.
    """
    net = net.eval().to(device)
    if device.type == "cpu" and precision == "float32":
        for module in list(net.modules()):
            for name, child in module.named_children():
                setattr(module, name, _faster(child))
    return net


def _faster(module: nn.Module) -> nn.Module:
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return Scale(module)
    is_plain = isinstance(module, Conv1d) and module.kernel_size == module.stride == (1,) and module.groups == 1
    return Pointwise(module) if is_plain and hasattr(ONEDNN, "_linear_pointwise") else module
