"""WavLM as the front of a speaker network: from samples to weighted sums of its hidden layers.

Sources: S. Chen et al., "WavLM: Large-scale self-supervised pre-training for full stack speech processing", IEEE
JSTSP 16(6), 2022, for the network, which torchaudio computes; S. Yang et al., "SUPERB: Speech processing universal
performance benchmark", Interspeech 2021, section 3, for the sum with weights that are trained.

A frame is 320 samples. WavLM computes it from 400, so 80 zeros follow the last one: then there are as many frames out
as in. Of a padded batch each utterance goes through the convolutions alone, as the first one normalises over time; in
the attention, padding is masked. So an utterance gives the same alone as in a batch.
"""

from contextlib import nullcontext

import torch
from torch import nn
from torch.nn.functional import layer_norm, pad

BEYOND = 80  # samples after a frame that WavLM computes it from
CHUNKS = 1, 1000  # frames, at least and at most, that are embedded at once: attention grows with their square
INSIDE = "front.wavlm."  # how the names of a WavLM's weights in a model file begin
HASH = "front.sha256"


class WavLM(nn.Module):
    """The hidden layers of a WavLM of torchaudio (Wav2Vec2Model).

    Args:
        model: with its weights.
        normalised: recordings are brought to mean 0 and variance 1, as for WavLM Large.
        sha256: of the file that the weights come from.
    """

    def __init__(self, model: nn.Module, normalised: bool, sha256: bytes):
        super().__init__()
        self.model, self.normalised, self.sha256 = model, normalised, sha256
        transformer = model.encoder.transformer
        self.layers, self.width = len(transformer.layers), transformer.layer_norm.normalized_shape[0]
        self.requires_grad_(False)

    def forward(self, frames: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Hidden layers (N, T, layers + 1, width) of (N, T, 320) on the 16-bit scale; the first is the first's input.

        `lengths` (N,) are the numbers of real frames if the batch is padded.
        """
        encoder, t = self.model.encoder, frames.shape[1]
        counts = [t] * len(frames) if lengths is None else lengths.tolist()
        with torch.no_grad():  # the convolutions are never trained
            local = [self._convolved(row[:n].flatten()) for row, n in zip(frames, counts, strict=True)]
        x = torch.stack([encoder.feature_projection(pad(row, (0, 0, 0, t - len(row)))) for row in local])
        hidden = None if lengths is None else torch.arange(t, device=x.device) >= lengths[:, None]
        x = x if hidden is None else x.masked_fill(hidden[..., None], 0)
        weights = None if hidden is None else torch.zeros(hidden.shape, device=x.device).masked_fill(hidden, -torch.inf)
        transformer = encoder.transformer
        x = x + transformer.pos_conv_embed(x)
        x = transformer.layer_norm(x) if transformer.layer_norm_first else x
        x, position = transformer.dropout(x), None
        found = [x]
        for layer in transformer.layers:
            x, position = layer(x, position_bias=position, key_padding_mask=weights)
            found.append(x)
        return torch.stack(found, dim=2)

    def _convolved(self, samples: torch.Tensor) -> torch.Tensor:
        """The output of the convolutions (T, channels) for (320 T,) samples."""
        wave = samples / 32768
        wave = layer_norm(wave, wave.shape) if self.normalised else wave
        return self.model.feature_extractor(pad(wave, (0, BEYOND))[None], None)[0][0]


class LayerSums(nn.Module):
    """Weighted sums of a WavLM's hidden layers; the weights of each sum are the softmax of trained ones.

    The WavLM's own weights are not in the state dict, which has the hash of their file, unless it `keep`s them: they
    are in it once they differ from the file's.

    Args: sums is how many sums the encoder reads.
    """

    def __init__(self, wavlm: WavLM, sums: int):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(sums, wavlm.layers + 1))
        self.register_buffer("sha256", torch.tensor(list(wavlm.sha256), dtype=torch.uint8))
        self.__dict__["wavlm"] = wavlm.eval()  # not registered, so not in the state
        self.output_dim, self.lr = sums * wavlm.width, 0.0

    @property
    def keeps(self) -> bool:
        """Whether the WavLM's weights are in the state."""
        return "wavlm" in self._modules

    def keep(self) -> "LayerSums":
        """Have the WavLM's weights in the state."""
        if not self.keeps:
            self.wavlm = self.__dict__.pop("wavlm")
        return self

    def train_wavlm(self, lr: float) -> None:
        """Train the WavLM, all but its convolutions, at this part of the learning rate."""
        self.keep()
        self.lr = lr
        encoder = self.wavlm.model.encoder.requires_grad_(True)
        if not encoder.transformer.layer_norm_first:
            encoder.transformer.layer_norm.requires_grad_(False)  # it follows the last layer, and is not used here

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Sums (N, T, output_dim) of (N, T, 320); mask: (N, 1, T), true on real frames, or None if all are."""
        with nullcontext() if self.lr else torch.no_grad():
            hidden = self.wavlm(frames, None if mask is None else mask.sum(dim=2)[:, 0])
        with torch.autocast(hidden.device.type, enabled=False):
            sums = torch.einsum("ntlc,sl->ntsc", hidden.float(), self.shares())
        sums = sums.flatten(2)
        return sums if mask is None else torch.where(mask.transpose(1, 2), sums, 0)

    def shares(self) -> torch.Tensor:
        """The weights of each sum's layers, (sums, layers + 1), which sum to one."""
        return self.weights.softmax(dim=1)

    def train(self, mode: bool = True) -> "LayerSums":
        """Set the mode; a WavLM that is not trained has no dropout."""
        super().train(mode)
        self.wavlm.train(mode and self.lr > 0)
        return self

    def _apply(self, fn, recurse: bool = True) -> "LayerSums":
        if not self.keeps:
            self.wavlm._apply(fn, recurse)  # its device is that of the rest
        return super()._apply(fn, recurse)
