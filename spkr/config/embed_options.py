"""The section `embed`: how the network is run on whole sets."""

from typing import Literal

from spkr.config.options import Options, Positive, Shards, option


class Embed(Options):
    """How utterances are embedded. Shards and jobs change no number."""

    shards: Shards = option(1, "arks a set, and jobs that write them")
    batch_frames: Positive = option(10_000, "frames in a batch of utterances of like length, padding included")
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "of the encoder; bfloat16 has three digits, and is faster"
    )
    silent: Literal["warn", "refuse"] = option("warn", "what to do about utterances without a voiced frame")
