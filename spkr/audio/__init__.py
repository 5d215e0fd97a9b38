"""Reading audio of any container and rate, and augmenting it.

`EFFECTS` lists the effects that are applied after rooms and noise, in order. To add one, write a function and add an
entry here. The function takes samples (n,) on the scale of 16-bit integers, their rate in Hz and the drawn value, and
returns (n,) samples.
"""

from typing import NamedTuple


class Effect(NamedTuple):
    """An effect that is applied to a kind of augmented copy."""

    word: str  # the name before the value in utt2aug: codec=gsm
    function: str  # module:name
    values: tuple[float, float] | tuple[str, ...]  # a range or a list of names; values are drawn uniformly


EFFECTS = {  # by kind of copy
    "telephone": Effect("codec", "spkr.audio.acoustics:telephone", ("mulaw", "alaw", "gsm")),
}
KINDS = ("reverb", "noise", "music", "babble", *EFFECTS)  # of augmented copies; names of copies end in them
