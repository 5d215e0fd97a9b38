"""Identification: which of the enrolled speakers an utterance is from, if any.

The answer for a test utterance is the speaker whose model scores highest, among those it is tried against. All models
of a speaker count as one, with the highest of their scores. Equal scores count against the system.

*Closed set.* Each test utterance is from one of the speakers. Its rank is 1 + the number of other speakers whose score
is not below its own speaker's. Top k is the share of the utterances with a rank of at most k.

*Open set.* An utterance may be from somebody else, and is answered only if the highest score is above a threshold:

    FAR(theta) = share of the utterances of speakers without a model whose highest score is above theta
    DIR(theta) = share of the utterances of speakers with a model of rank 1 whose score is above theta

The detection and identification rate (DIR) is given at the lowest theta that keeps a false-alarm rate (FAR). A list may
have no utterance of a speaker without a model. Then each utterance counts in FAR as well, without the models of its own
speaker.

Sources: P. J. Phillips, P. Grother and R. Micheals, "Evaluation methods in face recognition", in Handbook of Face
Recognition, Springer, 2005, for the rates; E. Singer and D. Reynolds, "Analysis of multitarget detection for speaker
and language recognition", Odyssey 2004, for the task with speakers.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.trials import Trials
from spkr.metrics.bootstrap import SPEAKERS, draw_speakers, ends

TOP = (1, 5)
FALSE_ALARM_RATES = (0.05, 0.01, 0.001)  # of the open set


@dataclass(frozen=True)
class Identified:
    """What was found for the test utterances of a list; n of them are from a speaker who has a model."""

    rank: np.ndarray  # (n,) of the own speaker, from 1
    score: np.ndarray  # (n,) the own speaker's
    speaker: np.ndarray  # (n,) the own speaker's number
    taken_for: np.ndarray  # (n,) the speaker with the highest score above the own speaker's; -1 if no score is
    alarms: np.ndarray  # (m,) the highest scores of other speakers, for utterances whose own speaker has no model
    alarm_speaker: np.ndarray  # (m,) the number of the utterance's own speaker; -1: not known
    left_out: bool  # each own speaker's models were left out for `alarms`
    n_enrolled: int  # speakers who have a model
    most_tried: int  # speakers that an utterance is tried against

    def shares(self, w: np.ndarray | None = None) -> dict[str, float]:
        """Top k, and DIR at each rate, from 0 to 1. A share that the list cannot tell is left out.

        Args: w, int (number of speakers,): how often each speaker counts.
        """
        weights = (np.ones(len(who), int) if w is None else w[who] for who in (self.speaker, self.alarm_speaker))
        of_own, of_alarms = weights
        if not (n := of_own.sum()):
            return {}
        found = {f"top{k}": float(of_own[self.rank <= k].sum() / n) for k in TOP if k < max(self.most_tried, 2)}
        alarms, so_far = self.alarms, np.cumsum(of_alarms)
        for rate in FALSE_ALARM_RATES:
            if len(alarms) * rate >= 1 and so_far[-1]:
                allowed = round(rate * int(so_far[-1]), 6)
                theta = alarms[np.searchsorted(so_far, allowed, side="right")]
                found[f"dir_{rate:g}"] = float(of_own[(self.rank == 1) & (self.score > theta)].sum() / n)
        return found

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of the 95 % interval of each share, from drawing the test utterances' speakers; models stay.

        Empty for fewer than SPEAKERS speakers, and if one is not known.
        """
        both = np.concatenate([self.speaker, self.alarm_speaker])
        known, number = np.unique(both, return_inverse=True)
        if known[0] < 0 or len(known) < SPEAKERS:
            return {}
        own, alarm = np.split(number, [len(self.speaker)])
        renumbered = replace(self, speaker=own, alarm_speaker=alarm)
        draws = [renumbered.shares(w) for w in draw_speakers(len(known), len(both))]
        return {
            name: ends(np.array([draw.get(name, math.nan) for draw in draws]), share, len(known))
            for name, share in self.shares().items()
        }


def identify(trials: Trials, scores: np.ndarray, speakers: tuple[np.ndarray, np.ndarray] | None = None) -> Identified:
    """Compare each test utterance of a labelled list with the speakers that it is tried against.

    Args:
        scores: (number of trials,) in the order of the list.
        speakers: the numbers of the enrolled and of the test speaker of each trial, (number of trials,) both, from 0;
            if they are not known, each model is a speaker, and has the number of its name.
    Raises InputError if no trial is a target trial, or a score is not finite.
    """
    if not np.isfinite(scores).all():
        raise InputError("a score is not finite; identification needs an order")
    if not trials.target.any():
        raise InputError("no target trial; identification needs test utterances of enrolled speakers")
    who, n_tests = trials.enrol if speakers is None else speakers[0], len(trials.test_names)
    keys, places = np.unique(trials.test * (int(who.max()) + 1) + who.astype(np.int64), return_inverse=True)
    test, candidate = np.divmod(keys, int(who.max()) + 1)
    best, own = np.full(len(keys), -np.inf), np.zeros(len(keys), bool)
    np.maximum.at(best, places, scores)
    own[places[trials.target]] = True

    own_score = np.full(n_tests, -np.inf)
    np.maximum.at(own_score, test[own], best[own])
    rank = 1 + np.bincount(test[~own & (best >= own_score[test])], minlength=n_tests)
    speaker = np.full(n_tests, -1)
    if speakers is None:
        speaker[test[own][::-1]] = candidate[own][::-1]  # of several target models, the first
    else:
        speaker[trials.test] = speakers[1]
    rival, rival_score = _best_of(test, candidate, best, ~own, n_tests)
    closed = np.isfinite(own_score)
    left_out = not (outside := ~closed & (rival >= 0)).any()
    alarms = np.flatnonzero(closed & (rival >= 0) if left_out else outside)
    alarms = alarms[np.argsort(-rival_score[alarms], kind="stable")]
    return Identified(
        rank[closed], own_score[closed], speaker[closed], np.where(rival_score > own_score, rival, -1)[closed],
        rival_score[alarms], speaker[alarms], left_out, len(np.unique(who)), int(np.bincount(test).max()),
    )  # fmt: skip


def _best_of(test, candidate, score, chosen: np.ndarray, n_tests: int) -> tuple[np.ndarray, np.ndarray]:
    """The best of the chosen candidates of each test utterance, the first of equals, and its score; -1 without one."""
    at = np.flatnonzero(chosen)
    at = at[np.lexsort((candidate[at], -score[at], test[at]))]
    of_tests, first = np.unique(test[at], return_index=True)
    found, scores = np.full(n_tests, -1), np.full(n_tests, -np.inf)
    found[of_tests], scores[of_tests] = candidate[at[first]], score[at[first]]
    return found, scores


def confusions(found: Identified, most: int = 10) -> list[tuple[int, int, int, int]]:
    """The ordered pairs of speakers that are most often confused: (own, taken for, how often, of how many utterances).

    A tie with the own speaker is no confusion. Pairs with equal counts are in the order of the speakers' numbers.
    """
    wrong = found.taken_for >= 0
    pairs, counts = np.unique(np.stack([found.speaker, found.taken_for])[:, wrong], axis=1, return_counts=True)
    of = np.bincount(found.speaker)
    order = np.argsort(-counts, kind="stable")[:most]
    return [(int(a), int(b), int(n), int(of[a])) for (a, b), n in zip(pairs.T[order], counts[order], strict=True)]
