"""Channels: which one of a recording is read, or the mean of all.

A config gives a channel as `feats.channel`, a data directory as a line of `reco2channel`: left, right, mix, or a number
from 0, as Kaldi's --channel.
"""

from typing import TYPE_CHECKING, Literal

from spkr.errors import InputError

if TYPE_CHECKING:  # the command line imports this module, without numpy
    import numpy as np

Channel = int | Literal["mix"] | None  # a number from 0, the mean of all, or the only one that there is

NUMBERS = {"left": 0, "right": 1}
NAMES = (*NUMBERS, "mix")
REMEDY = "set --channel, feats.channel in a config, or reco2channel in a data directory, to"
EXPECTED = f"{', '.join(NAMES)}, or a number from 0"


def channel_of(value: str | int | None) -> Channel:
    """A channel as options and data directories give it, as a `Channel`."""
    return value if value is None or value == "mix" else int(NUMBERS.get(value, value))


def check_channel(source: object, channels: int, channel: Channel) -> None:
    """Raise InputError, naming the source, if audio of so many channels does not have this one."""
    if channel is None and channels != 1:
        raise InputError(f"{source}: {channels} channels; expected one; {REMEDY} {EXPECTED}")
    if isinstance(channel, int) and channel >= channels:
        names = {number: f"{name}, " for name, number in NUMBERS.items()}
        has = "1 channel" if channels == 1 else f"{channels} channels"
        raise InputError(
            f"{source}: {has}; expected one of the number {channel} ({names.get(channel, '')}counted from 0); {REMEDY} "
            "one that it has"
        )


def picked(block: "np.ndarray", channel: Channel) -> "np.ndarray":
    """One channel of a block (n, channels), or their mean, as (n,) float32."""
    if channel == "mix" and block.shape[1] > 1:
        return block.mean(axis=1, dtype="float32")
    return block[:, channel if isinstance(channel, int) else 0].astype("float32")
