"""The section `embed`: how the network is run on whole sets."""

from typing import Literal

from spkr.config.options import Options, Positive, Shards, option


class Embed(Options):
    """How utterances are embedded. Numbers of shards and jobs do not change the embeddings."""

    shards: Shards = option(1, "number of arks per set, and of jobs that write them")
    batch_frames: Positive = option(10_000, "frames in a batch of utterances of similar length, with padding")
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "of the encoder; bfloat16 is faster, but has only three digits"
    )
    silent: Literal["warn", "refuse"] = option("warn", "what to do about utterances without a voiced frame")
