"""The speaker network: encoder, pooling, affine layers and head; and the file of a trained one."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from torch import nn

from spkr.config.front_end_options import FrontEnd
from spkr.config.model_options import NetworkOptions
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.files import replacing
from spkr.nnet import ENCODERS, network_options
from spkr.nnet.ensemble import Ensemble
from spkr.nnet.heads import Margin, make_head, margin_share
from spkr.nnet.layers import frame_mask, in_multiples, strided
from spkr.nnet.pooling import Deviation, make_pooling
from spkr.nnet.torch_file import read_torch
from spkr.nnet.wavlm import INSIDE, LayerSums, WavLM
from spkr.nnet.wavlm_file import wavlm_of

FORMAT = "spkr model 2"
OLDER = "spkr model 1"  # the same file, but networks of the types RECOMPUTED gave other numbers
RECOMPUTED = ("quartznet", "tdnn", "titanet")
HEAD = re.compile(r"(members\.\d+\.)?head\.")  # how the names of a head's weights begin

logger = logging.getLogger(__name__)


class SpeakerNet(nn.Module):
    """Maps the features of an utterance to its embedding, and the embedding to a score for each training speaker.

    Args:
        options: the config's section `model`; `make_network` reads its `ensemble`.
        input_dim: coefficients per frame.
        num_speakers: training speakers.
        wavlm: what turns samples into the encoder's input, for feats.type ssl; `input_dim` is then not used.
    """

    def __init__(self, options: NetworkOptions, input_dim: int, num_speakers: int, wavlm: WavLM | None = None):
        super().__init__()
        front = LayerSums(wavlm, resolve_name(ENCODERS[options.type][1]).sums) if wavlm else None
        self.encoder = _make_encoder(options, front.output_dim if front else input_dim)
        deviation = Deviation(options.unbiased_std, options.variance_floor or 0.0)
        self.pooling = make_pooling(
            options.pooling, self.encoder.output_dim, self.encoder.attention_norm, deviation, self.encoder.heads
        )
        dims = [self.pooling.output_dim, *options.embedding_layers]
        self.affine = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:], strict=True))
        self.norm_place = options.embedding_norm or self.encoder.affine_norm
        has_norm = self.norm_place != "none"
        self.norms = nn.ModuleList(nn.BatchNorm1d(d, affine=False) if has_norm else nn.Identity() for d in dims[1:])
        self.head = make_head(options.head, dims[-1], num_speakers)
        self.relu = options.head.type == "softmax"  # before the head; angles need both signs
        self.margin_growth = getattr(options.head, "margin_growth", (0.0, 0.0))
        self.apply(_xavier)
        self.front = front  # whose weights are kept

    def embed(self, feats: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embed (N, T, input_dim) as (N, dim): the first affine layer, and its batch norm if that is before ReLU.

        `lengths` (N,) are the numbers of real frames if the batch is padded. Raises InputError for an utterance
        without frames.
        """
        mask = frame_mask(lengths, feats.shape[1])
        feats = feats if mask is None else torch.where(mask.transpose(1, 2), feats, 0)
        feats = feats if self.front is None else self.front(feats, mask)
        feats, mask = in_multiples(feats, mask, self.encoder.multiple)
        x = self.encoder(feats, mask)
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 has too few digits for moments of many frames
            return self._affine(0, self.pooling(x, strided(mask, self.encoder.stride)))

    def _affine(self, i: int, x: torch.Tensor) -> torch.Tensor:
        """Apply affine layer `i` up to its ReLU."""
        x = self.affine[i](x)
        return self.norms[i](x) if self.norm_place == "before_relu" else x

    def _activate(self, i: int, x: torch.Tensor, relu: bool) -> torch.Tensor:
        """Apply what follows `_affine`: ReLU, and the batch norm after it."""
        x = torch.relu(x) if relu else x
        return self.norms[i](x) if self.norm_place == "after_relu" else x

    def forward(
        self,
        feats: torch.Tensor,
        lengths: torch.Tensor | None = None,
        speakers: torch.Tensor | None = None,
        with_embedding: bool = False,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, num_speakers) of (N, T, input_dim); the head applies its margin if `speakers` (N,) are given.

        `with_embedding` returns the embeddings (N, dim), too, after the logits.
        """
        x = self.embed(feats, lengths)
        logits = self.classify(x, speakers)
        return (logits, x) if with_embedding else logits

    def classify(self, x: torch.Tensor, speakers: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (N, num_speakers) of embeddings (N, dim)."""
        last = len(self.affine) - 1
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 has too few digits for angles near zero, too
            for i in range(last):
                x = self._affine(i + 1, self._activate(i, x, relu=True))
            return self.head(self._activate(last, x, self.relu), speakers)

    def begin_step(self, step: int, total: int) -> None:
        """Set the head's margin for step `step` (from 0) of the `total` of training, if it has one."""
        if isinstance(self.head, Margin):
            self.head.share.fill_(margin_share(step, total, self.margin_growth))


Network = SpeakerNet | Ensemble


def make_network(options: NetworkOptions, input_dim: int, num_speakers: int, wavlm: WavLM | None = None) -> Network:
    """The network of the section `model`; an ensemble if `ensemble` is above 1. The arguments are SpeakerNet's."""
    members = [SpeakerNet(options, input_dim, num_speakers, wavlm) for _ in range(options.ensemble)]
    return members[0] if len(members) == 1 else Ensemble(members)


def _make_encoder(options: NetworkOptions, input_dim: int) -> nn.Module:
    """The encoder, with its own options."""
    own = set(type(options).model_fields) - set(NetworkOptions.model_fields)
    encoder = resolve_name(ENCODERS[options.type][1])
    return encoder(input_dim, **{name: getattr(options, name) for name in own})


def _xavier(module: nn.Module) -> None:
    """Xavier's uniform initialisation of every weight that is multiplied with an input."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
        elif name == "bias":
            nn.init.zeros_(parameter)


def save_model(
    path: str | Path,
    net: Network,
    options: NetworkOptions,
    front_end: FrontEnd,
    speakers: list[str],
    training: dict[str, Any],
) -> None:
    """Write a model file: weights, the network's options, front end, speakers in order, and how it was trained.

    The same content gives the same bytes. Raises InputError if a weight is not finite.
    """
    weights = {name: tensor.cpu() for name, tensor in net.state_dict().items()}
    if wrong := [name for name, tensor in weights.items() if not tensor.isfinite().all()]:
        raise InputError(f"{path}: not written, as {wrong[0]} is not finite; lower train.lr and train again")
    settings = {name: value for name, value in options.to_dict().items() if name != "preset"}
    about = {"settings": settings, "front_end": front_end.to_dict(), "speakers": speakers, "training": training}
    about = json.loads(json.dumps(about, sort_keys=True))  # pickle's bytes depend on which equal strings are one object
    with replacing(path, "wb") as f:
        torch.save({"format": FORMAT} | about | {"weights": weights}, f)


def read_model(path: str | Path) -> dict[str, Any]:
    """What `save_model` wrote, as a dictionary.

    Raises InputError for a file that is missing, damaged, not a model, or of a network that is now computed
    differently.
    """
    expected = "expected the file that `spkr train` wrote"
    missing = "train one, or name the file that `spkr train` wrote"
    model = read_torch(path, path, missing, f"not a model of spkr, or damaged; {expected}, or train again")
    if not isinstance(model, dict) or model.get("format") not in (OLDER, FORMAT):
        raise InputError(f"{path}: not a model of spkr (format {FORMAT!r}); {expected}")
    kind = model.get("settings", {}).get("type")
    if model["format"] == OLDER and kind in RECOMPUTED:
        raise InputError(
            f"{path}: written by an older spkr (format {OLDER!r}); this one computes {kind} networks differently and "
            "would give other embeddings; train it again"
        )
    settings = model.get("settings", {})
    if "affine" in settings:  # the option's name in files written before November 2026
        settings["embedding_layers"] = settings.pop("affine")
    return model


def load_model(path: str | Path) -> tuple[Network, FrontEnd, list[str]]:
    """A trained network in evaluation mode, its front end and training speakers; raises InputError as `read_model`."""
    model = read_model(path)
    with _buildable(path):
        front_end, options = make_front_end(model["front_end"]), network_options(model["settings"])
        weights, speakers = model["weights"], model["speakers"]
    wavlm = wavlm_of(front_end, weights)
    with _buildable(path):
        net = make_network(options, front_end.dim, len(speakers), wavlm)
        load_weights(net, weights)
    return net.eval(), front_end, speakers


@contextmanager
def _buildable(path: str | Path) -> Iterator[None]:
    """Turn the errors of a block into an InputError that says that the file is not such a network."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError) as e:
        raise InputError(f"{path}: not a network that this version can build ({_first_line(e)}); train again") from None


def whole_weights(model: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The weights of what `read_model` returned, with those of its WavLM; InputError as of `load_model`."""
    wavlm = wavlm_of(make_front_end(model["front_end"]), model["weights"])
    inside = {f"{INSIDE}{name}": tensor for name, tensor in wavlm.state_dict().items()} if wavlm else {}
    return inside | model["weights"]


def load_weights(net: Network, weights: dict[str, torch.Tensor], strict: bool = True) -> tuple[list[str], list[str]]:
    """Give a network the weights of a model file; those of a WavLM are kept if they are there.

    Returns the names that are missing and those that are left over, if not `strict`; otherwise they are an error, as
    shapes that differ are.
    """
    if any(name.startswith(INSIDE) for name in weights):
        net.front.keep()
    return net.load_state_dict(weights, strict=strict)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
