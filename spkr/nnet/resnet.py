"""ResNet34 for speaker recognition: the features are an image of one channel, frequency by time.

Source: K. He et al., "Deep residual learning for image recognition", CVPR 2016, table 1 (34 layers), with half the
channels, a first convolution of 3x3 and no pooling before the end, as in H. Zeinali et al., "BUT system description to
VoxCeleb speaker recognition challenge 2019", arXiv:1910.12592.
"""

from collections.abc import Sequence

import torch
from torch import nn

from spkr.nnet.conv import flat, pixelwise
from spkr.nnet.layers import Encoder, real, strided


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection: y = F(x) + W_s x (He et al., eqs. 1 and 2).

    Args:
        channels_in, channels_out: of input and output.
        stride: of frequency and of time, in the first convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: tuple[int, int]):
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Identity()
        if channels_in != channels_out or stride != (1, 1):
            w_s = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.shortcut = nn.Sequential(w_s, nn.BatchNorm2d(channels_out))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C_in, F, T) to (N, C_out, F / stride, T / stride); mask: (N, 1, 1, T), of the input."""
        y = torch.relu(self.norm1(self.conv1(real(x, mask))))
        y = self.norm2(self.conv2(real(y, strided(mask, self.stride[1]))))
        return torch.relu(y + self.shortcut(x))


class ResNet(Encoder):
    """Four stages of blocks; every stage after the first halves frequency and time, and doubles the channels.

    Args:
        input_dim: coefficients per frame.
        filters: channels of the first stage.
        blocks: blocks in each stage; ResNet34 has 3, 4, 6 and 3.
    """

    def __init__(self, input_dim: int, *, filters: int, blocks: Sequence[int]):
        super().__init__()
        self.conv = nn.Conv2d(1, filters, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(filters)
        self.blocks, width = nn.ModuleList(), filters
        for stage, number in enumerate(blocks):
            for i in range(number):
                stride = (2, 2) if stage and i == 0 else (1, 1)
                self.blocks.append(BasicBlock(width, filters * 2**stage, stride))
                width = filters * 2**stage
        self.stride = 2 ** (len(blocks) - 1)
        self.output_dim = width * -(-input_dim // self.stride)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T / 8); mask: (N, 1, T), true on real frames."""
        x = x.transpose(1, 2)[:, None]  # (N, 1, F, T)
        mask = mask if mask is None else mask[:, None]
        x = torch.relu(self.norm(pixelwise(self.conv(real(x, mask)))))
        for block in self.blocks:
            x, mask = block(x, mask), strided(mask, block.stride[1])
        return flat(x)
