"""TitaNet, to be followed by `pooling: channel_attentive`: QuartzNet's blocks with squeeze and excitation.

Source: N. Koluguri et al., "TitaNet: Neural model for speaker representation with 1D depth-wise separable convolutions
and global context", ICASSP 2022, section 2 and figure 1: a prolog, mega blocks of growing kernels, an epilog. Widths
are those of NeMo's titanet-small.yaml. With the paper's number of speakers, M and L have as many weights as it says. As
in NeMo's code, the attention of the pooling is tanh(BN(ReLU(.))), and no batch norm follows the embedding's affine
layer. The depthwise convolution of one frame in NeMo's epilog is left out (256 weights in S).
"""

from collections.abc import Sequence

import torch
from torch import nn

from spkr.nnet.layers import Encoder
from spkr.nnet.quartznet import Block, check_odd


class TitaNet(Encoder):
    """A prolog, mega blocks of `repeat` convolutions with a residual connection, and a pointwise epilog.

    Args:
        input_dim: coefficients per frame.
        filters: channels of every block; 256 in TitaNet-S, 512 in M, 1024 in L.
        kernels: width in frames, odd, of the prolog and of each mega block.
        repeat: convolutions in each mega block (R).
        last_filters: channels of the epilog.
        dropout: probability, after every ReLU of a mega block.

    Raises InputError for an even kernel, which has no middle frame.
    """

    affine_norm = "none"
    attention_norm = True

    def __init__(
        self,
        input_dim: int,
        *,
        filters: int,
        kernels: Sequence[int],
        repeat: int,
        last_filters: int,
        dropout: float,
    ):
        super().__init__()
        check_odd(kernels)
        prolog, *mega = kernels
        ends = {"dropout": 0.0, "separable": True, "residual": False, "squeeze": True}
        middle = {"dropout": dropout, "separable": True, "residual": True, "squeeze": True}
        self.blocks = nn.ModuleList([Block(input_dim, filters, prolog, 1, **ends)])
        self.blocks.extend(Block(filters, filters, kernel, repeat, **middle) for kernel in mega)
        self.blocks.append(Block(filters, last_filters, 1, 1, **ends))
        self.output_dim = last_filters

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T); mask: (N, 1, T), true on real frames."""
        x = x.transpose(1, 2)
        for block in self.blocks:
            x = block(x, mask)
        return x
