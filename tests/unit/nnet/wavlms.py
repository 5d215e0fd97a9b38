"""Small WavLMs with random weights, in files of every naming, for the tests."""

import re

import torch
from torch import nn
from torchaudio.models import wavlm_model

from spkr.feats import make_front_end
from tests.unit.nnet.networks import SMALL_OF

LAYERS, WIDTH = 3, 24
MHFA = SMALL_OF["mhfa"] | {"embedding_layers": [12], "head": {"type": "aam", "scale": 30}}


def random_wavlm(large: bool = False, layers: int = LAYERS, seed: int = 1) -> nn.Module:
    """A WavLM in the form of Base or of Large, whose relative positions matter; in evaluation mode."""
    torch.manual_seed(seed)
    model = wavlm_model(
        extractor_mode="layer_norm" if large else "group_norm",
        extractor_conv_layer_config=[(16, 10, 5), *[(16, 3, 2)] * 4, *[(16, 2, 2)] * 2],
        extractor_conv_bias=False,
        encoder_embed_dim=WIDTH,
        encoder_projection_dropout=0.1,
        encoder_pos_conv_kernel=8,
        encoder_pos_conv_groups=4,
        encoder_num_layers=layers,
        encoder_num_heads=4,
        encoder_num_buckets=32,
        encoder_max_distance=800,
        encoder_attention_dropout=0.1,
        encoder_ff_interm_features=32,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.1,
        encoder_layer_norm_first=large,
        encoder_layer_drop=0.1,
        aux_num_out=None,
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or "gru" in name or "bias" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif "rel_attn" in name or "proj" in name or "dense" in name:
                parameter.mul_(10)
    return model.eval()


def hugging_face(model: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    """The state dict as Hugging Face names it."""
    state = {"masked_spec_embed": torch.zeros(WIDTH)}
    for name, tensor in model.state_dict().items():
        if match := re.fullmatch(r"encoder\.transformer\.(.*\.attention)\.attention\.in_proj_(weight|bias)", name):
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                state[f"encoder.{match[1]}.{part}_proj.{match[2]}"] = piece
            continue
        name = name.replace("encoder.feature_projection", "feature_projection")
        name = name.replace("encoder.transformer.", "encoder.").replace(".attention.attention.", ".attention.")
        name = name.replace("parametrizations.weight.original0", "weight_g")
        state[name.replace("parametrizations.weight.original1", "weight_v")] = tensor
    return {prefix + name: tensor.contiguous() for name, tensor in state.items()}


def microsoft(model: nn.Module, large: bool = False) -> dict:
    """The checkpoint as Microsoft has it."""
    renaming = {
        "feature_projection.projection": "post_extract_proj",
        "feature_projection.layer_norm": "layer_norm",
        "encoder.pos_conv_embed.conv": "encoder.pos_conv.0",
        "attention.rel_attn_embed": "self_attn.relative_attention_bias",
        "attention.gru_rel_pos_linear": "self_attn.grep_linear",
        "attention.gru_rel_pos_const": "self_attn.grep_a",
        ".attention.": ".self_attn.",
        "feed_forward.intermediate_dense": "fc1",
        "feed_forward.output_dense": "fc2",
        "masked_spec_embed": "mask_emb",
    }
    state = {}
    for name, tensor in hugging_face(model).items():
        if match := re.fullmatch(r"feature_extractor\.conv_layers\.(\d)\.(conv|layer_norm)\.(\w+)", name):
            place = "0" if match[2] == "conv" else "2.1" if large else "2"
            name = f"feature_extractor.conv_layers.{match[1]}.{place}.{match[3]}"
        else:
            in_layer = re.match(r"encoder\.layers\.\d+\.layer_norm", name)
            for ours, theirs in renaming.items():
                name = name.replace(ours, theirs)
            name = name.replace(".layer_norm.", ".self_attn_layer_norm.") if in_layer else name
        state[name] = tensor
    return {"cfg": {"encoder_layers": LAYERS, "extractor_mode": "default"}, "model": state}


def front_end(file, **changes):
    """The front end of such a file."""
    return make_front_end({"type": "ssl", "file": str(file), "layers": LAYERS, "width": WIDTH, "shards": 1} | changes)
