"""A confidence interval of the EER from resampling speakers.

The trials of a list are not independent: each speaker is in many of them, and what makes a voice hard makes all its
trials hard. So speakers, not trials, are drawn with replacement, as many as there are. If speakers s and t are drawn
w_s and w_t times, a target trial of s counts w_s times, and a nontarget trial of s and t counts w_s w_t times. The ends
of the interval are quantiles of the EERs of many such draws.

Sources: Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance evaluation, ICASSP 2004, for
the percentile interval; Poh, Martin and Bengio, Performance generalization in biometric authentication using joint
user-specific and sample bootstraps, IEEE Trans. PAMI 29, 2007, for drawing users; Owen, The pigeonhole bootstrap,
Annals of Applied Statistics 1, 2007, for the products of weights.
"""

import math

import numpy as np
from scipy.sparse import csr_array

MOST, FEWEST = 1_000, 100  # resamples
WORK = 500_000_000  # cells in all resamples; limits their number for lists of millions of pairs of speakers
BLOCKS = 64  # of target scores; fewer than the 256 that a byte can tell apart
SPEAKERS = 5  # at least; four have only 35 different draws


def eer_interval(scores, target, enrol, test, level: float = 0.95) -> tuple[float, float]:
    """The ends (0..1) of a confidence interval of Kaldi's EER; the same trials and speakers give the same ends.

    Draws without a target or without a nontarget trial are left out.

    Args: scores (n,), target (n,) bool, and the numbers of the speakers on either side, enrol and test (n,), from 0
    and without gaps. Returns nan and nan if there are fewer than SPEAKERS speakers.
    """
    n_speakers = 1 + int(max(enrol.max(), test.max()))
    if n_speakers < SPEAKERS:
        return math.nan, math.nan
    eer = WeightedEer(scores, target, enrol, test, n_speakers)
    resamples = min(max(WORK // eer.cells.nnz, FEWEST), MOST)
    draws = np.random.default_rng(0).multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), resamples)
    eers = np.array([eer(w) for w in draws])
    low, high = np.quantile(eers[np.isfinite(eers)], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


class WeightedEer:
    """Kaldi's EER of a list in which speaker s counts w[s] times: `WeightedEer(...)(w)`.

    Let there be N_t target and N_n nontarget trials. At the score of target trial i, let m_i targets lie before it and
    f_i nontargets at or above it. All are counted by weight. The search of `eer_kaldi` then ends at

        p = min_i max(m_i, ceil(f_i N_t / N_n))

    and the EER is p / N_t. As m_i rises with i and f_i falls, the minimum lies where they cross. The targets are cut
    into blocks by their rank, and the nontargets by the scores at which these blocks begin. Sums over a block's pairs
    of speakers show which block has the crossing. Only the trials of that block are then counted one by one.
    """

    def __init__(self, scores, target, enrol, test, n_speakers: int):
        scores = np.asarray(scores, np.float32)  # as Kaldi's
        order = np.flatnonzero(target)[np.argsort(scores[target], kind="stable")]
        self.t, self.speaker = scores[order], enrol[order]
        self.first = np.unique(np.linspace(0, len(order), BLOCKS + 1).astype(int))  # (blocks + 1,)
        self.n_blocks, self.n_speakers = len(self.first) - 1, n_speakers
        block = np.repeat(np.arange(self.n_blocks), np.diff(self.first))
        counts = np.bincount(block * n_speakers + self.speaker, minlength=self.n_blocks * n_speakers)
        self.targets = counts.reshape(self.n_blocks, n_speakers)

        # piece 0 has the nontargets below all blocks, piece b + 1 those in block b
        s, a, b = scores[~target], enrol[~target], test[~target]
        piece = np.searchsorted(self.t[self.first[:-1]], s, side="right").astype(np.uint8)
        row = piece * np.int64(n_speakers) + np.minimum(a, b)
        ones = np.ones(len(s), np.int32)
        self.cells = csr_array((ones, (row, np.maximum(a, b))), shape=((self.n_blocks + 1) * n_speakers, n_speakers))
        order = np.argsort(piece, kind="stable")
        self.s, self.a, self.b = s[order], a[order], b[order]
        self.ends = np.cumsum(np.bincount(piece, minlength=self.n_blocks + 1))
        self.found: dict[int, tuple] = {}

    def __call__(self, w: np.ndarray) -> float:
        """The EER (0..1), nan without a trial of either kind, for integer weights (number of speakers,)."""
        missed = np.append(0, np.cumsum(self.targets @ w))
        below = np.cumsum((self.cells @ w).reshape(-1, self.n_speakers) @ w)
        n_t, n_n = missed[-1], below[-1]
        if not (n_t and n_n):
            return math.nan

        def larger(misses, rejected):  # misses or false alarms, the latter scaled to the number of targets
            return np.maximum(misses, -((rejected - n_n) * n_t // n_n))

        at_first = larger(missed[:-1], below[:-1])
        block = max(np.count_nonzero(at_first > missed[:-1]) - 1, 0)  # the last that begins before the crossing
        speaker, a, b, place = self._trials(block)
        misses = missed[block] + np.cumsum(w[speaker]) - w[speaker]
        rejected = below[block] + np.append(0, np.cumsum(w[a] * w[b]))[place]
        return min(at_first.min(), larger(misses, rejected).min(), n_t - 1) / n_t

    def _trials(self, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The speakers of a block's targets, and of its nontargets on either side, by score; each target's place there.

        Most resamples cross in the same few blocks, so each is sorted once.
        """
        if block not in self.found:
            t = slice(*self.first[block : block + 2])
            s = slice(*self.ends[block : block + 2])
            order = s.start + np.argsort(self.s[s], kind="stable")
            place = np.searchsorted(self.s[order], self.t[t], side="left")
            self.found[block] = self.speaker[t], self.a[order], self.b[order], place
        return self.found[block]
