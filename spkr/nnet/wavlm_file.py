"""Reading a WavLM: torchaudio's state dict, Microsoft's checkpoint (WavLM-*.pt), or Hugging Face's (microsoft/wavlm-*).

All sizes are those of the tensors; the config says how many layers, of which width, there must be. A file with layer
norm in all convolutions, as WavLM Large, hears recordings of mean 0 and variance 1, and has its layer norms first.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spkr.config.wavlm_checks import locate_wavlm
from spkr.errors import InputError
from spkr.feats import Ssl
from spkr.files import sha256
from spkr.nnet.torch_file import read_torch
from spkr.nnet.wavlm import HASH, INSIDE, WavLM

STRIDES = 5, 2, 2, 2, 2, 2, 2
KERNELS = 10, 3, 3, 3, 3, 2, 2
MAX_DISTANCE = 800  # frames, of the relative positions
DROPOUT = 0.1  # as in the pre-training; only of a WavLM that is trained
EXPECTED = "a WavLM: Microsoft's WavLM-Base.pt, a file of microsoft/wavlm-base on Hugging Face, or torchaudio's"
CONVOLUTION, LAYER = "feature_extractor.conv_layers", r"encoder\.(?:transformer\.)?layers\.(\d+)\."
MICROSOFT = (  # names of Microsoft's checkpoint, as of Hugging Face's
    (r"^(feature_extractor\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"^(feature_extractor\.conv_layers\.\d+)\.2\.(?:1\.)?", r"\1.layer_norm."),
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^encoder\.pos_conv\.0\.", "encoder.pos_conv_embed.conv."),
    (r"\.self_attn\.relative_attention_bias\.", ".attention.rel_attn_embed."),
    (r"\.self_attn\.grep_linear\.", ".attention.gru_rel_pos_linear."),
    (r"\.self_attn\.grep_a$", ".attention.gru_rel_pos_const"),
    (r"\.self_attn\.", ".attention."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)
HUGGING_FACE = (  # and these as torchaudio's
    (r"^wavlm\.", ""),
    (r"^feature_projection\.", "encoder.feature_projection."),
    (r"^encoder\.(pos_conv_embed|layer_norm|layers)\.", r"encoder.transformer.\1."),
    (r"(encoder\.transformer\.layers\.\d+\.attention)\.out_proj\.", r"\1.attention.out_proj."),
)
WEIGHT_NORM = (  # and these as those of newer torch
    (r"\.pos_conv_embed\.conv\.weight_g$", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"\.pos_conv_embed\.conv\.weight_v$", ".pos_conv_embed.conv.parametrizations.weight.original1"),
)
UNUSED = re.compile(
    r"(wavlm\.)?(mask_emb|masked_spec_embed)$|aux\.|lm_head\.|quantizer\.|project_|final_proj|label_embs"
)


def wavlm_of(front_end: Any, weights: Mapping[str, torch.Tensor] | None = None) -> WavLM | None:
    """The WavLM of a front end; None if it has another type than ssl.

    Args: weights of a model file that was trained with it: the WavLM is in it, or the hash of its file is.
    Raises InputError for a file that is missing, damaged, no WavLM, of another size, or another one than in training.
    """
    if not isinstance(front_end, Ssl):
        return None
    known = bytes(weights[HASH].tolist()) if weights and HASH in weights else None
    inside = {k.removeprefix(f"{INSIDE}model."): v for k, v in (weights or {}).items() if k.startswith(INSIDE)}
    if inside:
        return _built("the network's file", inside, front_end, known or bytes(32))
    try:
        path = locate_wavlm(front_end.file, os.environ.get("SPKR_MODELS"))
    except InputError as e:
        raise InputError(f"feats.file: {e}") from None
    digest = bytes.fromhex(sha256(path))
    if known not in (None, digest):
        raise InputError(
            f"{path}: sha256 {digest.hex()}, and the network was trained with another WavLM, {known.hex()}; give it "
            "that file"
        )
    return _built(path, as_torchaudio(_state(path), path), front_end, digest)


def _state(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a file."""
    damaged = f"damaged, or not a file of weights; expected {EXPECTED}"
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError:
            raise InputError(f"{path}: {damaged}") from None
    found = read_torch(path, path, f"expected {EXPECTED}", damaged)
    found = found.get("model", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(_is_weight(*item) for item in found.items()):
        raise InputError(f"{path}: not a state dict; expected {EXPECTED}")
    return found


def _is_weight(name: Any, value: Any) -> bool:
    """Whether an entry of a state dict is a name and real numbers."""
    plain = isinstance(value, torch.Tensor) and value.layout == torch.strided and value.device.type == "cpu"
    return isinstance(name, str) and plain and not value.is_complex()


def as_torchaudio(state: Mapping[str, torch.Tensor], path: str | Path) -> dict[str, torch.Tensor]:
    """A state dict under torchaudio's names. Raises InputError if it is not a WavLM's."""
    state = {name: tensor for name, tensor in state.items() if not UNUSED.match(name)}
    microsoft = f"{CONVOLUTION}.0.0.weight" in state
    ours = any(name.startswith("encoder.transformer.") for name in state)
    renaming = (MICROSOFT if microsoft else ()) + (() if ours else HUGGING_FACE) + WEIGHT_NORM
    state = _joined({_renamed(name, renaming): tensor for name, tensor in state.items()})
    if not any(name.endswith("rel_attn_embed.weight") for name in state):
        raise InputError(f"{path}: not a WavLM: its attention has no relative positions; expected {EXPECTED}")
    return state


def _renamed(name: str, renaming: tuple[tuple[str, str], ...]) -> str:
    for pattern, new in renaming:
        name = re.sub(pattern, new, name)
    return name


def _joined(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The projections of query, key and value of each layer as one, as in torch's attention."""
    joined = {name: tensor for name, tensor in state.items() if not re.search(r"\.attention\.[qkv]_proj\.", name)}
    for name in state:
        if match := re.fullmatch(r"(.*\.attention)\.q_proj\.(weight|bias)", name):
            parts = [state.get(f"{match[1]}.{part}_proj.{match[2]}") for part in "qkv"]
            if all(part is not None for part in parts):
                joined[f"{match[1]}.attention.in_proj_{match[2]}"] = torch.cat(parts)
    return joined


def _built(path: str | Path, state: dict[str, torch.Tensor], front_end: Ssl, digest: bytes) -> WavLM:
    """A WavLM with these weights; InputError where its size is not the front end's, or weights are not right."""
    layers = 1 + max((int(match[1]) for name in state if (match := re.match(LAYER, name))), default=-1)
    norm = state.get("encoder.transformer.layer_norm.weight")
    width = 0 if norm is None else norm.numel()
    if (layers, width) != (front_end.layers, front_end.width):
        raise InputError(
            f"{path}: a WavLM of {layers} layers of {width}; the config says feats.layers {front_end.layers} and "
            f"feats.width {front_end.width}: name the preset of this file, wavlm_base, wavlm_base_plus or wavlm_large"
        )
    normalised = f"{CONVOLUTION}.1.layer_norm.weight" in state
    try:
        model = _network(state, layers, width, normalised)
    except (KeyError, IndexError, RuntimeError, ValueError, AssertionError, ZeroDivisionError) as e:
        raise InputError(
            f"{path}: a tensor is missing, or has an odd shape ({_first_line(e)}); expected {EXPECTED}"
        ) from None
    own = model.state_dict()
    wrong = [f"{name} is missing" for name in own if name not in state]
    wrong += [f"{name} is left over" for name in state if name not in own]
    wrong += [
        f"{name} has the shape {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    wrong += [f"{name} holds values that are not finite" for name in own if not state.get(name, norm).isfinite().all()]
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise InputError(f"{path}: {wrong[0]}{more}; download it again; expected {EXPECTED}")
    model.load_state_dict(state)
    return WavLM(model.float(), normalised, digest)


def _network(state: Mapping[str, torch.Tensor], layers: int, width: int, normalised: bool) -> nn.Module:
    """torchaudio's network of the sizes of these weights, with random weights."""
    from torchaudio.models import wavlm_model

    first, position = "encoder.transformer.layers.0", "encoder.transformer.pos_conv_embed.conv"
    buckets, heads = state[f"{first}.attention.rel_attn_embed.weight"].shape
    kernel = state[f"{position}.parametrizations.weight.original1"]
    channels = [state[f"{CONVOLUTION}.{i}.conv.weight"].shape[0] for i in range(len(STRIDES))]
    with torch.random.fork_rng(devices=[]):
        return wavlm_model(
            extractor_mode="layer_norm" if normalised else "group_norm",
            extractor_conv_layer_config=list(zip(channels, KERNELS, STRIDES, strict=True)),
            extractor_conv_bias=f"{CONVOLUTION}.0.conv.bias" in state,
            encoder_embed_dim=width,
            encoder_projection_dropout=DROPOUT,
            encoder_pos_conv_kernel=kernel.shape[2],
            encoder_pos_conv_groups=width // kernel.shape[1],
            encoder_num_layers=layers,
            encoder_num_heads=heads,
            encoder_num_buckets=buckets,
            encoder_max_distance=MAX_DISTANCE,
            encoder_attention_dropout=DROPOUT,
            encoder_ff_interm_features=state[f"{first}.feed_forward.intermediate_dense.bias"].numel(),
            encoder_ff_interm_dropout=0.0,
            encoder_dropout=DROPOUT,
            encoder_layer_norm_first=normalised,
            encoder_layer_drop=0.0,
            aux_num_out=None,
        )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
