"""Orders of an epoch's utterances, each drawn with the random generator that is passed."""

from collections.abc import Sequence

import numpy as np

from spkr.train.arks import Stretch

POOL = 8  # batches that are sorted by length together


def balanced(rng: np.random.Generator, speakers: np.ndarray, in_epoch: int, in_batch: int) -> np.ndarray:
    """The same number of utterances from each speaker, in groups from one speaker each.

    An utterance is repeated only if its speaker has fewer than `in_epoch`. The groups come in rounds of one group per
    speaker. So all groups of a batch are from different speakers, unless a round ends within it.

    Args:
        speakers: (utterances,) the speaker of each.
        in_epoch: utterances of each speaker.
        in_batch: utterances of a group; `in_epoch` is a multiple of it.

    Returns: (speakers * in_epoch,) indices of utterances.
    """
    drawn = []
    for utts in np.split(np.argsort(speakers, kind="stable"), np.cumsum(np.bincount(speakers))[:-1]):
        turns = -(-in_epoch // len(utts))
        drawn.append(np.concatenate([rng.permutation(utts) for _ in range(turns)])[:in_epoch])
    groups = np.stack(drawn).reshape(len(drawn), -1, in_batch)  # (speakers, rounds, in_batch)
    return np.concatenate([rng.permutation(groups[:, i]) for i in range(groups.shape[1])]).ravel()


def buffered(rng: np.random.Generator, stretches: Sequence[Stretch], size: int) -> tuple[np.ndarray, list[Stretch]]:
    """Every utterance once, in the order of a shuffle buffer of `size` utterances that is filled by stretches.

    Returns: (utterances,) their indices, and the stretches in the order in which they are read.
    """
    reading = [stretches[i] for i in rng.permutation(len(stretches))]
    utts = np.concatenate([stretch.utts for stretch in reading])
    buffer, rest = utts[:size].tolist(), utts[size:].tolist()
    out = []
    for place, utt in zip(rng.integers(len(buffer), size=len(rest)).tolist(), rest, strict=True):
        out.append(buffer[place])
        buffer[place] = utt
    return np.array(out + rng.permutation(buffer).tolist()), reading


def by_length(order: np.ndarray, num_frames: np.ndarray, batch_size: int, group: int) -> list[np.ndarray]:
    """Batches of utterances of similar length: in each pool of batches, groups are sorted by their longest utterance.

    Returns: for each pool, (batches, batch_size) indices of utterances.
    """
    pools = np.split(order, range(POOL * batch_size, len(order), POOL * batch_size))
    groups = [pool.reshape(-1, group) for pool in pools]
    in_order = [pool[np.argsort(num_frames[pool].max(axis=1), kind="stable")] for pool in groups]
    return [pool.reshape(-1, batch_size) for pool in in_order]
