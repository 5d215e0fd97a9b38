"""Reading audio of any container and rate, and augmenting it.

`EFFECTS` has what is done to a recording after rooms and noise, in this order. A new effect is a function of samples
(n,) on the scale of 16-bit integers, their rate in Hz and the drawn value, which gives (n,) samples, and an entry in
`EFFECTS`.
"""

from typing import NamedTuple


class Effect(NamedTuple):
    """What a kind of augmented copy has done to it."""

    word: str  # of a line of utt2aug, before the value: codec=gsm
    function: str  # module and name
    values: tuple[float, float] | tuple[str, ...]  # the range of a number, or names: one is drawn, each as likely


EFFECTS = {  # by kind of copy
    "telephone": Effect("codec", "spkr.audio.acoustics:telephone", ("mulaw", "alaw", "gsm")),
}
KINDS = ("reverb", "noise", "music", "babble", *EFFECTS)  # of augmented copies, which are so named
