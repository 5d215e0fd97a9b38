"""ERes2NetV2: a Res2Net whose last two stages are fused, locally in each block and globally before the pooling.

Source: Y. Chen et al., "ERes2NetV2: Boosting short-duration speaker verification performance with computational
efficiency", Interspeech 2024, and its authors' code (3D-Speaker, speakerlab/models/eres2net). From the code: ReLU is
limited to 20 in the blocks, and a fusion reduces the channels to a quarter.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import hardtanh, silu

from spkr.nnet.conv import flat, pixelwise
from spkr.nnet.layers import Encoder, real, strided

LIMIT = 20.0  # of the ReLU in the blocks
REDUCTION = 4  # of the channels in a fusion
PER = 64  # channels of a stage to which `width` refers
FUSED = (2, 3)  # stages, from 0, whose blocks fuse their groups


def _relu(x: torch.Tensor) -> torch.Tensor:
    return hardtanh(x, 0.0, LIMIT)


class Fusion(nn.Module):
    """Attentional feature fusion: x (1 + a) + y (1 - a), with a = tanh(BN(W_2 SiLU(BN(W_1 [x, y])))) for each pixel.

    Args:
        channels: of both inputs and of the output.
    """

    def __init__(self, channels: int):
        super().__init__()
        hidden = max(channels // REDUCTION, 1)
        self.w1 = nn.Conv2d(2 * channels, hidden, 1)
        self.norm1 = nn.BatchNorm2d(hidden)
        self.w2 = nn.Conv2d(hidden, channels, 1)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Map two (N, C, F, T) to one; no pixel sees another."""
        a = silu(self.norm1(self.w1(torch.cat([x, y], dim=1))))
        a = torch.tanh(self.norm2(self.w2(a)))
        return x * (1 + a) + y * (1 - a)


class Res2Block(nn.Module):
    """A residual block whose 3x3 convolutions see a group of channels and the output of the group before it.

    y_1 = K_1(x_1), y_i = K_i(x_i + y_{i-1}); with `fused`, y_i = K_i(fusion of y_{i-1} and x_i).

    Args:
        channels_in: of the input.
        planes: channels of the stage; the output has `expansion` times as many.
        stride: of frequency and of time, in the first convolution.
        width: channels of a group, for every 64 of `planes`.
        scale: groups.
    """

    def __init__(
        self, channels_in: int, planes: int, stride: int, *, width: int, scale: int, expansion: int, fused: bool
    ):
        super().__init__()
        self.stride = stride
        group, channels_out = max(math.floor(planes * width / PER), 1), planes * expansion
        self.conv1 = nn.Conv2d(channels_in, group * scale, 1, stride, bias=False)
        self.norm1 = nn.BatchNorm2d(group * scale)
        self.convs = nn.ModuleList(nn.Conv2d(group, group, 3, padding=1, bias=False) for _ in range(scale))
        self.norms = nn.ModuleList(nn.BatchNorm2d(group) for _ in range(scale))
        self.fusions = nn.ModuleList(Fusion(group) for _ in range(scale - 1)) if fused else None
        self.conv3 = nn.Conv2d(group * scale, channels_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            w_s = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.shortcut = nn.Sequential(w_s, nn.BatchNorm2d(channels_out))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C_in, F, T) to (N, C_out, F / stride, T / stride); mask: (N, 1, 1, T), of the input."""
        mask = strided(mask, self.stride)
        groups = _relu(self.norm1(self.conv1(x))).chunk(len(self.convs), dim=1)
        ys: list[torch.Tensor] = []
        for i, (x_i, conv, norm) in enumerate(zip(groups, self.convs, self.norms, strict=True)):
            if i:
                x_i = ys[-1] + x_i if self.fusions is None else self.fusions[i - 1](ys[-1], x_i)
            ys.append(_relu(norm(conv(real(x_i, mask)))))
        y = self.norm3(self.conv3(torch.cat(ys, dim=1)))
        return _relu(y + self.shortcut(x))


class ERes2NetV2(Encoder):
    """Four stages of blocks; each after the first halves frequency and time. The last two are fused at the end.

    Args:
        input_dim: coefficients per frame.
        filters: channels of the first convolution and, before `expansion`, of the first stage.
        blocks: blocks in each of the four stages.
        width: channels of a group, for every 64 channels of a stage.
        scale: groups in each block.
        expansion: a stage puts out so many times its channels.
    """

    stride = 8
    affine_norm = "none"

    def __init__(self, input_dim: int, *, filters: int, blocks: Sequence[int], width: int, scale: int, expansion: int):
        super().__init__()
        self.conv = nn.Conv2d(1, filters, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(filters)
        self.stages, channels = nn.ModuleList(), filters
        for stage, number in enumerate(blocks):
            layers = nn.ModuleList()
            for i in range(number):
                stride = 2 if stage and i == 0 else 1
                options = {"width": width, "scale": scale, "expansion": expansion, "fused": stage in FUSED}
                layers.append(Res2Block(channels, filters * 2**stage, stride, **options))
                channels = filters * 2**stage * expansion
            self.stages.append(layers)
        self.down = nn.Conv2d(channels // 2, channels, 3, 2, padding=1, bias=False)
        self.fusion = Fusion(channels)
        self.output_dim = channels * -(-input_dim // self.stride)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T / 8); mask: (N, 1, T), true on real frames."""
        x = x.transpose(1, 2)[:, None]  # (N, 1, F, T)
        mask = mask if mask is None else mask[:, None]
        x = torch.relu(self.norm(pixelwise(self.conv(real(x, mask)))))
        outputs = []
        for layers in self.stages:
            for block in layers:
                x, mask = block(x, mask), strided(mask, block.stride)
            outputs.append((x, mask))
        third, mask = outputs[2]
        return flat(self.fusion(x, self.down(real(third, mask))))
