"""The speaker network: encoder, pooling, affine layers and head; and the file that carries all of a trained one."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from spkr.files import check_same_keys, replacing
from spkr.nnet.heads import make_head
from spkr.nnet.pooling import Pooling
from spkr.nnet.quartznet import QuartzNet

FORMAT = "spkr model 1"
ENCODER_OPTIONS = ("filters", "kernels", "repeat", "last_filters", "dropout", "separable")


class SpeakerNet(nn.Module):
    """Features of an utterance to a score for each training speaker; the embedding lies on the way.

    Args:
        settings: a config's `model` section (conf/schema.yaml says what it may hold).
        input_dim: coefficients a frame.
        num_speakers: training speakers.

    Raises InputError for a setting that is missing, unknown or out of range.
    """

    def __init__(self, settings: dict[str, Any], input_dim: int, num_speakers: int):
        super().__init__()
        check_same_keys("model", settings, "a network's options", (*ENCODER_OPTIONS, "pooling", "affine", "head"))
        self.encoder = QuartzNet(input_dim, **{k: settings[k] for k in ENCODER_OPTIONS})
        self.pooling = Pooling(settings["pooling"], self.encoder.output_dim)
        dims = [self.pooling.output_dim, *settings["affine"]]
        self.affine = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:], strict=True))
        self.norms = nn.ModuleList(nn.BatchNorm1d(d, affine=False) for d in dims[1:])
        self.head = make_head(settings["head"], dims[-1], num_speakers)
        self.relu = settings["head"]["type"] == "softmax"  # angles want both signs
        self.apply(_xavier)

    def embed(self, feats: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embed (N, T, input_dim) as (N, dim): the first affine layer after batch norm, before ReLU.

        `lengths` (N,) are the real frames of each utterance where the batch is padded.
        """
        mask = None
        if lengths is not None:
            mask = (torch.arange(feats.shape[1], device=feats.device) < lengths[:, None]).unsqueeze(1)
        x = self.encoder(feats, mask)
        with torch.autocast(x.device.type, enabled=False):  # moments of many frames want more than bfloat16's digits
            return self.norms[0](self.affine[0](self.pooling(x.float(), mask)))

    def forward(
        self, feats: torch.Tensor, lengths: torch.Tensor | None = None, speakers: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits (N, num_speakers) of (N, T, input_dim); `speakers` (N,) where the head has a margin to apply."""
        x = self.embed(feats, lengths)
        with torch.autocast(x.device.type, enabled=False):  # and so do angles near zero
            for affine, norm in zip(self.affine[1:], self.norms[1:], strict=True):
                x = norm(affine(torch.relu(x)))
            return self.head(torch.relu(x) if self.relu else x, speakers)


def _xavier(module: nn.Module) -> None:
    """Xavier's uniform initialisation of every weight that is multiplied with an input."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
        elif name == "bias":
            nn.init.zeros_(parameter)


def save_model(
    path: str | Path,
    net: SpeakerNet,
    settings: dict[str, Any],
    front_end: FrontEnd,
    speakers: list[str],
    training: dict[str, Any],
) -> None:
    """Write a model file: weights, network settings, front end, speakers in order, and how it was trained.

    The same content gives the same bytes. Raises InputError where a weight is not finite.
    """
    weights = {name: tensor.cpu() for name, tensor in net.state_dict().items()}
    if wrong := [name for name, tensor in weights.items() if not tensor.isfinite().all()]:
        raise InputError(f"{path}: not written, as {wrong[0]} is not finite; lower train.lr and train again")
    about = {"settings": settings, "front_end": front_end.to_dict(), "speakers": speakers, "training": training}
    about = json.loads(json.dumps(about, sort_keys=True))  # a pickle tells one string twice from two equal strings
    with replacing(path, "wb") as f:
        torch.save({"format": FORMAT} | about | {"weights": weights}, f)


def read_model(path: str | Path) -> dict[str, Any]:
    """What `save_model` wrote, as a dictionary; InputError where it is missing, damaged or something else."""
    try:
        model = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such model; train one, or name the file that `spkr train` wrote") from None
    except Exception as e:  # torch raises whatever the damaged bytes led it to
        raise InputError(f"{path}: not readable as a model ({_first_line(e)}); delete it and train again") from None
    if not isinstance(model, dict) or model.get("format") != FORMAT:
        raise InputError(f"{path}: not a model of spkr (expected format {FORMAT!r})")
    return model


def load_model(path: str | Path) -> tuple[SpeakerNet, FrontEnd, list[str]]:
    """A trained network in evaluation mode, its front end, and its training speakers; InputError as `read_model`."""
    model = read_model(path)
    try:
        front_end = FrontEnd.from_dict(model["front_end"])
        net = SpeakerNet(model["settings"], front_end.dim, len(model["speakers"]))
        net.load_state_dict(model["weights"])
    except (KeyError, TypeError, ValueError, RuntimeError) as e:
        raise InputError(f"{path}: not a network that this version can build ({_first_line(e)}); train again") from None
    return net.eval(), front_end, model["speakers"]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
