"""QuartzNet, the encoder of NVIDIA NeMo's 2020 speaker-recognition tutorial.

Source: S. Kriman et al., "QuartzNet: Deep automatic speech recognition with 1D time-channel separable convolutions",
ICASSP 2020, section 3. A block is R times [convolution, batch norm, ReLU, dropout]; a residual path (1x1 convolution
and batch norm) is added before the last ReLU (figure 1). The stride is 1: T frames in, T frames out. Batch norm's
epsilon and the dropout of the last layer are those of NeMo's code and YAML files.
"""

from collections.abc import Sequence

import torch
from torch import nn

from spkr.errors import InputError
from spkr.nnet.conv import BatchNorm1d, Conv1d, DepthwiseConv1d, join
from spkr.nnet.dropout import Dropout
from spkr.nnet.layers import Encoder, SqueezeExcitation, real

SQUEEZE = 8  # channels of a block for each hidden unit of its squeeze and excitation
EPSILON = 1e-3  # of batch norm


def check_odd(kernels: Sequence[int]) -> None:
    """Raise InputError for an even kernel, which has no middle frame."""
    if even := [kernel for kernel in kernels if kernel % 2 == 0]:
        raise InputError(f"model.kernels: {even[0]} is even; expected odd numbers of frames")


class MaskedConv(nn.Module):
    """Convolution over time, separable or plain; frames beyond the end of an utterance count as zero."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, separable: bool):
        super().__init__()
        self.kernel = kernel
        if separable and kernel > 1:
            pointwise = Conv1d(channels_in, channels_out, 1, bias=False)
            self.conv = nn.Sequential(DepthwiseConv1d(channels_in, kernel), pointwise)
        else:
            self.conv = Conv1d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C_in, T) to (N, C_out, T); mask: (N, 1, T), true on real frames, or None if all are."""
        return self.conv(real(x, mask) if self.kernel > 1 else x)


class Block(nn.Module):
    """R times [convolution, batch norm, ReLU, dropout], with a residual connection around them.

    TitaNet's blocks scale their channels (`squeeze`) before the residual connection is added.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        repeat: int,
        *,
        dropout: float,
        separable: bool,
        residual: bool,
        squeeze: bool = False,
    ):
        super().__init__()
        widths = [channels_in] + [channels_out] * repeat
        self.convs = nn.ModuleList(
            MaskedConv(a, b, kernel, separable) for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.norms = nn.ModuleList(BatchNorm1d(channels_out, eps=EPSILON) for _ in range(repeat))
        self.residual = None
        if residual:
            pointwise = Conv1d(channels_in, channels_out, 1, bias=False)
            self.residual = nn.Sequential(pointwise, BatchNorm1d(channels_out, eps=EPSILON))
        self.squeeze = SqueezeExcitation(channels_out, channels_out // SQUEEZE, bias=False) if squeeze else None
        self.activation = nn.Sequential(nn.ReLU(), Dropout(dropout))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C_in, T) to (N, C_out, T)."""
        y = x
        last = len(self.convs) - 1
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(conv(y, mask))
            if i == last and self.squeeze is not None:
                y = self.squeeze(y, mask)
            if i == last and self.residual is not None:
                y = y + self.residual(x)
            y = self.activation(y)
        return y


class QuartzNet(Encoder):
    """A first block, further blocks of `repeat` convolutions each, and a last pointwise layer.

    Args:
        input_dim: coefficients per frame.
        filters: channels of every block.
        kernels: width of each block's convolutions in frames, odd; the first block has one convolution.
        repeat: convolutions in each block after the first (R).
        last_filters: channels of the last, pointwise layer, which has no residual connection.
        dropout: probability, after every ReLU but that of the last layer, which is pooled.
        separable: depthwise separable convolutions (QuartzNet's) or plain ones.
        multi_level: put out the channels of all blocks, side by side, not only those of the last: Y. Tang et al., "Deep
            speaker embedding learning with multi-level pooling for text-independent speaker verification", ICASSP 2019.
            Those of the other blocks come after their dropout.

    Raises InputError for an even kernel, which has no middle frame.
    """

    def __init__(
        self,
        input_dim: int,
        *,
        filters: int,
        kernels: Sequence[int],
        repeat: int,
        last_filters: int,
        dropout: float,
        separable: bool,
        multi_level: bool = False,
    ):
        super().__init__()
        check_odd(kernels)
        options = {"dropout": dropout, "separable": separable, "residual": True}
        blocks = [
            Block(filters if i else input_dim, filters, kernel, repeat if i else 1, **options)
            for i, kernel in enumerate(kernels)
        ]
        blocks.append(Block(filters, last_filters, 1, 1, dropout=0.0, separable=separable, residual=False))
        self.blocks = nn.ModuleList(blocks)
        self.multi_level = multi_level
        self.output_dim = len(kernels) * filters + last_filters if multi_level else last_filters

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T); mask: (N, 1, T), true on real frames."""
        x, levels = x.transpose(1, 2), []
        for block in self.blocks:
            x = block(x, mask)
            if self.multi_level:
                levels.append(x)
        return join(levels) if levels else x
