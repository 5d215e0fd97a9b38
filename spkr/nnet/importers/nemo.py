"""Networks of NVIDIA NeMo: TitaNet and SpeakerNet (QuartzNet) of its .nemo archives.

Sources: nemo/collections/asr/modules/conv_asr.py, parts/submodules/jasper.py and tdnn_attention.py, and
parts/preprocessing/features.py (NeMo 2.5). The config in the archive says what the front end is.
"""

from typing import Any

import torch

from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.fbank import fft_size
from spkr.feats.logmel import slaney_banks
from spkr.nnet.importers import HEAD
from spkr.nnet.importers.network_file import NetworkFile
from spkr.nnet.importers.weights import Weights

UNUSED = ("decoder.final.", "preprocessor.", "loss.")  # the classifier, and what `front_end` checks
WINDOWS = {"hann": "hanning", "hamming": "hamming", "blackman": "blackman"}
ONLY = {  # what `logmel` does: other values of these options cannot be imported
    "normalize": "per_feature",
    "frame_splicing": 1,
    "preemph": 0.97,
    "log": True,
    "log_zero_guard_type": "add",
    "log_zero_guard_value": 2**-24,
    "mag_power": 2.0,
    "mel_norm": "slaney",
    "exact_pad": False,
    "n_window_size": None,
    "n_window_stride": None,
}
PREPROCESSOR = "AudioToMelSpectrogramPreprocessor"


def front_end(file: NetworkFile) -> dict[str, Any]:
    """The section `feats` of the archive's config; InputError where `logmel` does not compute such features."""
    options = file.config.get("preprocessor")
    if not isinstance(options, dict):
        raise InputError("weights without the section preprocessor of model_config.yaml; expected the .nemo archive")
    if not str(options.get("_target_", PREPROCESSOR)).endswith(PREPROCESSOR):
        raise InputError(f"preprocessor {options['_target_']}; only {PREPROCESSOR} can be imported")
    for name, value in ONLY.items():
        if options.get(name, value) != value:
            raise InputError(f"preprocessor.{name} {options[name]}; only {value} can be imported")
    if (window := options.get("window", "hann")) not in list(WINDOWS):
        raise InputError(f"preprocessor.window {window}; only {', '.join(WINDOWS)} can be imported")
    settings = {
        "type": "logmel",
        "framing": "nemo2",
        "sample_frequency": options.get("sample_rate", 16000),
        "frame_length": 1000 * _number("preprocessor.window_size", options.get("window_size", 0.02)),
        "frame_shift": 1000 * _number("preprocessor.window_stride", options.get("window_stride", 0.01)),
        "window_type": WINDOWS[window],
        "num_mel_bins": options.get("features", 64),
        "low_freq": options.get("lowfreq", 0),
        "high_freq": options.get("highfreq") or 0,
        "select_voiced": False,
        "cmvn": {"type": "utterance", "norm_vars": True},
    }
    _check_fft(options, settings)
    _check_bands(file, settings)
    return settings


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} {value!r}; expected a number")
    return value


def _check_fft(options: dict[str, Any], settings: dict[str, Any]) -> None:
    """Raise InputError unless the FFT has the next power of two above the window, as ours has."""
    ours = fft_size(make_front_end(settings))
    if (given := options.get("n_fft")) not in (None, ours):
        raise InputError(f"preprocessor.n_fft {given}; only {ours} can be imported, for this window")


def _check_bands(file: NetworkFile, settings: dict[str, Any]) -> None:
    """Raise InputError unless the filter banks in the weights, if there are any, are those of our features."""
    theirs = file.state.get("preprocessor.featurizer.fb")
    if theirs is not None:
        ours, theirs = slaney_banks(make_front_end(settings), torch.device("cpu")).T, theirs.squeeze(0)
        digits = torch.finfo(theirs.dtype).eps if theirs.is_floating_point() else 0.0
        if theirs.shape != ours.shape or not torch.allclose(theirs.float(), ours, rtol=digits, atol=1e-5):
            raise InputError("preprocessor.featurizer.fb: other filter banks than those of the archive's config")


def titanet(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """TitaNet: blocks with squeeze and excitation, and an attention for each channel; None for another network."""
    if "decoder._pooling.attention_layer.0.conv_layer.weight" not in file.state:
        return None
    w, settings = _encoder(file)
    last = settings["last_filters"]
    w.attention("pooling", "decoder._pooling.attention_layer.0.conv_layer", last)
    w.norm("pooling.before_tanh.1", "decoder._pooling.attention_layer.0.bn")
    w.copy("pooling.v", "decoder._pooling.attention_layer.2", "weight", "bias")
    w.norm("pooling.norm", "decoder.emb_layers.0.0")
    settings["embedding_layers"] = [w.size("decoder.emb_layers.0.1.weight")]
    w.copy("affine.0", "decoder.emb_layers.0.1", "weight", "bias")
    w.flatten("affine.0.weight")
    return settings | {"type": "titanet", "pooling": "channel_attentive"}, w


def speakernet(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """SpeakerNet: QuartzNet's blocks, mean and standard deviation of the frames; None for another network."""
    if "encoder.encoder.0.mconv.0.conv.weight" not in file.state or "decoder.emb_layers.0.0.weight" not in file.state:
        return None
    w, settings = _encoder(file)
    settings["embedding_layers"] = [w.size("decoder.emb_layers.0.0.weight")]
    w.copy("affine.0", "decoder.emb_layers.0.0", "weight", "bias")
    w.norm("norms.0", "decoder.emb_layers.0.1", affine=False)
    settings |= {"type": "quartznet", "separable": True, "pooling": "xvector", "unbiased_std": True}
    return settings | {"variance_floor": 1e-10}, w


def _encoder(file: NetworkFile) -> tuple[Weights, dict[str, Any]]:
    """The blocks of an encoder: the weights, and the options that QuartzNet and TitaNet share."""
    w, kernels, repeat, at = Weights(file.state, UNUSED), [], 1, 0
    while (block := f"encoder.encoder.{at}.mconv") + ".0.conv.weight" in file.state:
        kernels.append(w.size(f"{block}.0.conv.weight", axis=2))
        found = [name for name in file.state if name.startswith(block) and name.endswith(".running_mean")]
        repeat = max(repeat, len(found))
        _block(w, f"encoder.blocks.{at}", block, len(found))
        at += 1
    first, last = "encoder.encoder.0.mconv.1.conv.weight", f"encoder.encoder.{at - 1}.mconv.1.conv.weight"
    sizes = {"filters": w.size(first), "last_filters": w.size(last), "kernels": kernels[:-1], "repeat": repeat}
    return w, sizes | {"dropout": _dropout(file), "head": HEAD}


def _dropout(file: NetworkFile) -> float:
    """The largest dropout of the config's blocks; only a fine-tuning uses it."""
    encoder = file.config.get("encoder")
    blocks = encoder.get("jasper") if isinstance(encoder, dict) else None
    if blocks and not (isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)):
        raise InputError("encoder.jasper in model_config.yaml; expected a list of blocks")
    return max((_number("encoder.jasper: dropout", block.get("dropout", 0.0)) for block in blocks or ()), default=0.0)


def _block(w: Weights, ours: str, theirs: str, repeat: int) -> None:
    """A block: `repeat` times depthwise and pointwise convolution and batch norm, with ReLU and dropout between them.

    A depthwise convolution of one frame is a scale of each channel, and becomes part of the pointwise one.
    """
    for i in range(repeat):
        depth, point = (w.take(f"{theirs}.{5 * i + k}.conv.weight") for k in (0, 1))
        if depth.shape[1:] == (1, 1) and point.shape[1:] == (len(depth), 1):
            w.ours[f"{ours}.convs.{i}.conv.weight"] = point * depth.flatten()[:, None]
        else:
            w.ours[f"{ours}.convs.{i}.conv.0.weight"] = depth
            w.ours[f"{ours}.convs.{i}.conv.1.weight"] = point
        w.norm(f"{ours}.norms.{i}", f"{theirs}.{5 * i + 2}")
    squeeze = f"{theirs}.{5 * repeat - 2}.fc"
    if f"{squeeze}.0.weight" in w.left:
        for k in (1, 2):
            w.copy(f"{ours}.squeeze.w{k}", f"{squeeze}.{2 * (k - 1)}", "weight")
    residual = theirs.replace(".mconv", ".res.0")
    if f"{residual}.0.conv.weight" in w.left:
        w.copy(f"{ours}.residual.0", f"{residual}.0.conv", "weight")
        w.norm(f"{ours}.residual.1", f"{residual}.1")


ARCHITECTURES = {"TitaNet": titanet, "SpeakerNet": speakernet}
