"""Encoders, pooling, the speaker network, and embeddings from it.

`ENCODERS` lists the types of networks: for each, its class of options and its encoder. To add an encoder, write a
module, and add a class of options and an entry here, and a preset in conf/model/.
"""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from spkr.config.model_options import NetworkOptions
from spkr.config.options import Flag, Probability, Size, option, read_options
from spkr.errors import InputError


def _odd(kernels: tuple[int, ...]) -> tuple[int, ...]:
    if even := [kernel for kernel in kernels if kernel % 2 == 0]:
        raise ValueError(f"{even[0]} is even; expected odd numbers of frames")
    return kernels


Kernels = Annotated[tuple[Size, ...], Field(min_length=1), AfterValidator(_odd)]


class QuartzNet(NetworkOptions):
    """QuartzNet, the encoder of NVIDIA NeMo's 2020 speaker-recognition tutorial."""

    type: Literal["quartznet"]
    filters: Size = option(meaning="channels of every block")
    kernels: Kernels = option(meaning="frames of each block's convolutions, odd")
    repeat: Size = option(meaning="convolutions in each block after the first")
    last_filters: Size = option(meaning="channels of the last layer, which is pooled")
    dropout: Probability = option(meaning="after every ReLU but the last")
    separable: Flag = option(meaning="depthwise separable convolutions, not plain ones")
    multi_level: Flag = option(False, "the outputs of all blocks are pooled, not only the last one's")


class TDNN(NetworkOptions):
    """The x-vector network."""

    type: Literal["tdnn"]
    filters: Size = option(meaning="channels of frame1 to frame4")
    last_filters: Size = option(meaning="channels of frame5, which are pooled")


class ECAPA(NetworkOptions):
    """ECAPA-TDNN."""

    type: Literal["ecapa"]
    filters: Size = option(meaning="channels of every block")
    last_filters: Size = option(meaning="channels of the last layer, which is pooled")
    chained: Flag = option(False, "each block reads the block before it, not the sum of all before it")
    padding: Literal["zeros", "reflect"] = option("zeros", "what a convolution sees beyond the ends of an utterance")
    aggregation_norm: Flag = option(False, "batch norm after the ReLU of the last convolution")
    attention_norm: Flag = option(False, "ReLU and batch norm before the tanh of channel_attentive pooling")


class ResNet(NetworkOptions):
    """ResNet of basic blocks."""

    type: Literal["resnet"]
    filters: Size = option(meaning="channels of the first stage")
    blocks: Annotated[tuple[Size, ...], Field(min_length=1)] = option(meaning="blocks in each stage")


class TitaNet(NetworkOptions):
    """TitaNet."""

    type: Literal["titanet"]
    filters: Size = option(meaning="channels of every block")
    kernels: Kernels = option(meaning="frames of the prolog's and of each mega block's convolutions, odd")
    repeat: Size = option(meaning="convolutions in each mega block")
    last_filters: Size = option(meaning="channels of the epilog, which are pooled")
    dropout: Probability = option(meaning="after every ReLU of a mega block")


class CAMPPlus(NetworkOptions):
    """CAM++."""

    type: Literal["campplus"]
    filters: Size = option(meaning="channels of the layer between front-end and blocks")
    growth: Size = option(meaning="channels that each layer of a block adds")
    blocks: tuple[Size, Size, Size] = option(meaning="layers in each of the three blocks")


class ERes2NetV2(NetworkOptions):
    """ERes2NetV2."""

    type: Literal["eres2netv2"]
    filters: Size = option(meaning="channels of the first convolution")
    blocks: tuple[Size, Size, Size, Size] = option(meaning="blocks in each of the four stages")
    width: Size = option(meaning="channels of a group in a block, for every 64 channels of a stage")
    scale: Size = option(meaning="groups of channels in each block")
    expansion: Size = option(meaning="a stage puts out so many times its channels")


Stages = Annotated[tuple[Size, ...], Field(min_length=1)]


class ReDimNet2(NetworkOptions):
    """ReDimNet2."""

    type: Literal["redimnet2"]
    filters: Size = option(meaning="channels of the first convolution")
    blocks: Stages = option(meaning="blocks of images in each stage")
    strides: Stages = option(meaning="by how much each stage divides the bands")
    time_strides: Stages = option(meaning="by how much each stage divides the frames, while it computes")
    expansion: Stages = option(meaning="how many times as many channels the blocks of each stage have")
    widths: Stages = option(meaning="channels of the vectors of each stage, multiples of 4")
    last_filters: Size | None = option(None, "channels of each band that are pooled; null: all")

    @model_validator(mode="after")
    def _check_stages(self):
        for name in ("strides", "time_strides", "expansion", "widths"):
            if (given := len(getattr(self, name))) != len(self.blocks):
                raise InputError(f"{name}: {given} stages; expected {len(self.blocks)}, as in blocks")
        if odd := [width for width in self.widths if width % 4]:
            raise InputError(f"widths: {odd[0]}; expected multiples of 4, the number of heads of the attention")
        return self


class MHFA(NetworkOptions):
    """Multi-head factorised attention over the layers of a WavLM; of feats.type ssl only."""

    type: Literal["mhfa"]
    compression: Size = option(meaning="coefficients of a key, and of a value")
    heads: Size = option(meaning="of the attention")
    pooling: Literal["factorised"] = option(meaning="from frames to one vector per utterance")
    unbiased_std: Literal[False] = option(False, "this pooling has no standard deviation")
    variance_floor: Literal[None] = option(None, "this pooling has no variance")


ENCODERS = {  # by type: the options, and module and class of the encoder
    "quartznet": (QuartzNet, "spkr.nnet.quartznet:QuartzNet"),
    "tdnn": (TDNN, "spkr.nnet.tdnn:TDNN"),
    "ecapa": (ECAPA, "spkr.nnet.ecapa:ECAPA"),
    "resnet": (ResNet, "spkr.nnet.resnet:ResNet"),
    "titanet": (TitaNet, "spkr.nnet.titanet:TitaNet"),
    "campplus": (CAMPPlus, "spkr.nnet.campplus:CAMPPlus"),
    "eres2netv2": (ERes2NetV2, "spkr.nnet.eres2netv2:ERes2NetV2"),
    "redimnet2": (ReDimNet2, "spkr.nnet.redimnet2:ReDimNet2"),
    "mhfa": (MHFA, "spkr.nnet.mhfa:MHFA"),
}
AnyNetwork = Annotated[reduce(or_, (options for options, _ in ENCODERS.values())), Field(discriminator="type")]


def network_options(settings: dict[str, Any], where: str = "model") -> NetworkOptions:
    """Read a network's options from a config's section `model`. Raises InputError, naming `where`, for a wrong one."""
    return read_options(AnyNetwork, settings, where)
