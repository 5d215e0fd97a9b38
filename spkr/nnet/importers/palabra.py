"""Networks of PalabraAI: ReDimNet2 (redimnet2/redimnet2.py) with the blocks that its release 1.0.0 has in B0 and B2.

Its maps have the bands outermost, as ours, but its images are (N, C, F, T), so that filters are transposed on the way,
and the channels that are pooled change places. A bias before batch norm is subtracted from the mean. Its features are
those of its TFMelBanks. The checkpoint says in model_config what cannot be told from the weights.
"""

from collections.abc import Mapping
from typing import Any

import torch

from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.redimnet import mel_banks
from spkr.nnet.importers import HEAD
from spkr.nnet.importers.network_file import NetworkFile
from spkr.nnet.importers.weights import Weights
from spkr.nnet.redimnet2 import KERNELS

FRONT_END = {"type": "redimnet", "high_freq": 7600, "select_voiced": False, "cmvn": {"type": "utterance"}}
ONLY = {  # other values of these options of model_config cannot be imported
    "feat_type": "tf",
    "hop_length": 160,
    "block_1d_type": "conv+att",
    "block_2d_type": "basic_resnet",
    "causal": "none",
    "group_divisor": 1,
    "dual_agg": False,
    "agg_gnorm": False,
    "use_freq_pos_enc": False,
    "pooling_func": "ASTP",
    "spec_params": {"do_preemph": True, "do_spec_aug": False, "norm_signal": True},
}
BANKS = "spec.torchfbank.2.melbanks_pt"
UNUSED = ("spec.",)  # what `front_end` stands for
SETTINGS = {
    "type": "redimnet2",
    "pooling": "channel_attentive",
    "unbiased_std": True,
    "variance_floor": 1e-7,
    "embedding_norm": "none",
    "head": HEAD,
}
ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "out_proj"}


def front_end(file: NetworkFile) -> dict[str, Any]:
    """The section `feats`; InputError where the file has no filter banks, or others than those of our features."""
    banks = file.state.get(BANKS)
    if banks is None:
        raise InputError(f"weights without {BANKS}; expected a checkpoint with its features, TFMelBanks")
    settings = FRONT_END | {"num_mel_bins": banks.shape[0]}
    ours = mel_banks(make_front_end(settings), torch.device("cpu")).T
    if ours.shape != banks.shape[:2] or not torch.allclose(banks.float().flatten(1), ours, atol=1e-5):
        raise InputError(f"{BANKS}: other filter banks than those from 20 to 7600 Hz for an FFT of 512 samples")
    return settings


def _check(config: Mapping[str, Any]) -> None:
    """Raise InputError where options of the network say that it computes something else than ours."""
    for name, value in ONLY.items():
        if (given := config.get(name, value)) != value:
            raise InputError(f"model_config.{name} {given}; only {value} can be imported")


def redimnet2(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """ReDimNet2; None for another network."""
    if "backbone.stem.0.weight" not in file.state or "backbone.fin_wght1d.w" not in file.state:
        return None
    _check(file.config)
    w = Weights(file.state, UNUSED)
    filters = w.size("backbone.stem.0.weight")
    w.copy("encoder.conv", "backbone.stem.0", "weight", "bias")
    _transpose(w, "encoder.conv.weight")
    w.copy("encoder.norm", "backbone.stem.1", "weight", "bias")
    stages = []
    while f"backbone.stage{len(stages)}.0.w" in file.state:
        channels, before = (stages[-1]["channels"], stages[-1]["by_time"]) if stages else (filters, 1)
        stages.append(_stage(w, len(stages), channels, before))
    w.ours["encoder.sum.w"] = w.take("backbone.fin_wght1d.w").flatten()
    settings = {"filters": filters, "embedding_layers": [w.size("linear.weight")]}
    settings |= {name: [stage[name] for stage in stages] for name in ("blocks", "strides", "time_strides")}
    settings |= {name: [stage[name] for stage in stages] for name in ("expansion", "widths")}
    last = stages[-1]["channels"] if stages else filters
    if "backbone.head.weight" in file.state:
        last = settings["last_filters"] = w.size("backbone.head.weight")
        _linear(w, "encoder.last", "backbone.head")
    _tail(w, last)
    return SETTINGS | settings, w


def _stage(w: Weights, k: int, channels: int, before: int) -> dict[str, int]:
    """Move stage k, which reads images of `channels`; what is before it divides the frames by `before`."""
    ours, theirs, at = f"encoder.stages.{k}", f"backbone.stage{k}", 3
    weights = w.take(f"{theirs}.0.w")
    if k:  # a sum of one map has no weights
        w.ours[f"{ours}.sum.w"] = weights.flatten()
    stride, by_time = (w.size(f"{theirs}.2.weight", axis) for axis in (2, 3))
    wide = w.size(f"{theirs}.2.weight")
    w.copy(f"{ours}.down", f"{theirs}.2", "weight", "bias")
    _transpose(w, f"{ours}.down.weight")
    while f"{theirs}.{at}.conv_block.conv1.weight" in w.left:
        _image_block(w, f"{ours}.images.{at - 3}", f"{theirs}.{at}.conv_block")
        at += 1
    sizes = {"blocks": at - 3, "strides": stride, "time_strides": by_time // before, "by_time": by_time}
    sizes |= {"channels": stride * channels, "expansion": wide // (stride * channels)}
    if f"{theirs}.{at}.0.weight" in w.left:
        w.copy(f"{ours}.narrow.0", f"{theirs}.{at}.0", "weight", "bias")
        w.norm(f"{ours}.narrow.1", f"{theirs}.{at}.1")
        at += 1
    theirs = f"{theirs}.{at + 1}"  # behind the change to vectors
    sizes["widths"] = w.size(f"{theirs}.red_dim_conv.0.weight")
    _context(w, ours, theirs)
    return sizes


def _image_block(w: Weights, ours: str, theirs: str) -> None:
    for i in (0, 1):
        w.copy(f"{ours}.depths.{i}", f"{theirs}.conv{i + 1}", "weight")
        _transpose(w, f"{ours}.depths.{i}.weight")
        w.copy(f"{ours}.points.{i}", f"{theirs}.conv{i + 1}pw", "weight", "bias")
        w.norm(f"{ours}.norms.{i}", f"{theirs}.bn{i + 1}")


def _context(w: Weights, ours: str, theirs: str) -> None:
    """Move the layers over time, with those that reduce and expand a map."""
    _linear(w, f"{ours}.reduce", f"{theirs}.red_dim_conv.0")
    w.copy(f"{ours}.norm", f"{theirs}.red_dim_conv.1", "weight", "bias")
    for i in range(len(KERNELS)):
        layer, block = f"{ours}.context.{i}", f"{theirs}.tcm.{i}"
        w.copy(f"{layer}.depth", f"{block}.dwconvs.0", "weight")
        w.norm(f"{layer}.norm", f"{block}.norm")
        bias = w.take(f"{block}.dwconvs.0.bias")
        if bias.shape == w.ours[f"{layer}.norm.running_mean"].shape:
            w.ours[f"{layer}.norm.running_mean"] = w.ours[f"{layer}.norm.running_mean"] - bias
        _linear(w, f"{layer}.point", f"{block}.pwconv1")
    layer, block = f"{ours}.context.{len(KERNELS)}", f"{theirs}.tcm.{len(KERNELS)}"
    for name, linear in ATTENTION.items():
        w.copy(f"{layer}.{name}", f"{block}.attention.{linear}", "weight", "bias")
    w.copy(f"{layer}.w1", f"{block}.feed_forward.intermediate_dense", "weight", "bias")
    w.copy(f"{layer}.w2", f"{block}.feed_forward.output_dense", "weight", "bias")
    w.copy(f"{layer}.norms.0", f"{block}.layer_norm", "weight", "bias")
    w.copy(f"{layer}.norms.1", f"{block}.final_layer_norm", "weight", "bias")
    _linear(w, f"{ours}.expand", f"{theirs}.exp_dim_conv")


def _tail(w: Weights, channels: int) -> None:
    """Move pooling and embedding, of which our input has the bands outermost and theirs the `channels`."""
    size = w.size("pool.linear2.weight")
    w.attention("pooling", "pool.linear1", size)
    w.copy("pooling.v", "pool.linear2", "weight", "bias")
    w.norm("pooling.norm", "bn")
    w.copy("affine.0", "linear", "weight", "bias")
    if size % channels:
        return  # it will not fit
    order = torch.arange(size).view(channels, -1).T.flatten()
    twice = torch.cat([order, order + size])  # mean and standard deviation
    for name, axis, places in (("w.weight", 1, order), ("context.weight", 1, twice), ("v.weight", 0, order)):
        w.reorder(f"pooling.{name}", places, axis)
    w.reorder("pooling.v.bias", order)
    for part in ("weight", "bias", "running_mean", "running_var"):
        w.reorder(f"pooling.norm.{part}", twice)
    w.reorder("affine.0.weight", twice, axis=1)


def _linear(w: Weights, ours: str, theirs: str) -> None:
    w.copy(ours, theirs, "weight", "bias")
    w.flatten(f"{ours}.weight")


def _transpose(w: Weights, ours: str) -> None:
    """Exchange the axes of bands and frames of a filter that was moved."""
    if w.ours[ours].dim() == 4:
        w.ours[ours] = w.ours[ours].mT


ARCHITECTURES = {"ReDimNet2": redimnet2}
