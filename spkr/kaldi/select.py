"""Which utterances a stage uses: those of several sets, filtered by length and speaker, or shuffled by a seed."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from spkr.errors import InputError
from spkr.files import check_same_keys
from spkr.kaldi.fields import count
from spkr.kaldi.maps import read_map

logger = logging.getLogger(__name__)


def read_maps(paths: Sequence[str | Path]) -> dict[str, str]:
    """Read the maps of several sets or shards as one; InputError for a key that is in two of them."""
    together: dict[str, str] = {}
    for path in paths:
        found = read_map(path)
        if shared := sorted(found.keys() & together.keys()):
            first = next(p for p in paths if shared[0] in read_map(p))
            raise InputError(f"{path}: {shared[0]!r} is in {first}, too; each name may be in one file only")
        together |= found
    return together


def filter_utterances(
    utt2spk: Mapping[str, str], num_voiced: Mapping[str, str], min_voiced_frames: int, min_utts_per_speaker: int
) -> dict[str, str]:
    """Drop utterances with too few voiced frames, then speakers with too few utterances; the log says how many.

    Args:
        utt2spk: utterance -> speaker.
        num_voiced: utterance -> number of voiced frames, of the same utterances.

    Raises InputError if the two have different utterances, if a number of frames is malformed, or if fewer than two
    speakers are left.
    """
    check_same_keys("utt2num_voiced", num_voiced, "utt2spk", utt2spk)
    frames = {}
    for utt, number in num_voiced.items():
        try:
            frames[utt] = count(number)
        except ValueError:
            raise InputError(f"utt2num_voiced: {utt} has {number!r}; expected a number of frames") from None
    long_enough = {utt: spk for utt, spk in utt2spk.items() if frames[utt] >= min_voiced_frames}
    utts_of = Counter(long_enough.values())
    kept = {utt: spk for utt, spk in long_enough.items() if utts_of[spk] >= min_utts_per_speaker}
    speakers = set(kept.values())
    logger.info(
        "training on %d of %d utterances and %d of %d speakers: %d utterances have fewer than %d voiced frames, "
        "%d more are of speakers with fewer than %d utterances",
        *(len(kept), len(utt2spk), len(speakers), len(set(utt2spk.values()))),
        *(len(utt2spk) - len(long_enough), min_voiced_frames, len(long_enough) - len(kept), min_utts_per_speaker),
    )
    if len(speakers) < 2:
        raise InputError(
            f"{len(speakers)} of {len(set(utt2spk.values()))} speakers are left to train on; "
            "lower min_voiced_frames or min_utts_per_speaker in the config"
        )
    return kept


def shuffled(seed: int, names: Iterable[str]) -> list[str]:
    """Names in a random order that depends only on the seed and the names, not on Python's version."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).hexdigest())
