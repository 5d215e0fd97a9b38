"""The section `embed`: how the network is run on whole sets."""

from typing import Literal

from spkr.config.options import Options, Positive, Shards, option

Precision = Literal["float32", "bfloat16"]

MAX_CHUNK = 10000  # frames at once, as in Kaldi's extract_xvectors.sh; longer utterances are averaged over chunks
MIN_CHUNK = 25  # frames; shorter ones are padded by repeating their first and last frame


class Embed(Options):
    """How utterances are embedded. Numbers of shards and jobs do not change the embeddings."""

    shards: Shards = option(1, "number of arks per set, and of jobs that write them")
    batch_frames: Positive = option(10_000, "frames in a batch of utterances of similar length, with padding")
    precision: Precision = option(
        "float32", "of the encoder; bfloat16 is faster if the device has it, but with three digits"
    )
    silent: Literal["warn", "refuse"] = option("warn", "what to do about utterances without a voiced frame")
