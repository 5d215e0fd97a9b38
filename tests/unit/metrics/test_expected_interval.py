import numpy as np
import pytest
from scipy.special import ndtri

from spkr.metrics.eer import eer_kaldi
from spkr.metrics.expected_interval import SHARE, expected_half_width
from tests.conftest import ROOT
from tests.unit.metrics.speakers import intervals_of


def speakers_of_pairs(n_speakers, utts):
    """The speakers of all pairs of recordings, and which of them are target trials."""
    spk = np.repeat(np.arange(n_speakers), utts)
    i, j = np.triu_indices(len(spk), 1)
    return spk[i], spk[j], spk[i] == spk[j]


def expected(enrol, test, target, eer):
    n = 1 + max(enrol.max(), test.max())
    of_nontargets = np.bincount(enrol[~target], minlength=n) + np.bincount(test[~target], minlength=n)
    return expected_half_width(np.bincount(enrol[target], minlength=n), of_nontargets, eer)


@pytest.mark.parametrize(("n_speakers", "utts", "eer"), [(20, 6, 0.1), (40, 5, 0.03)])
def test_intervals_of_scores_of_the_model_are_as_wide(n_speakers, utts, eer):
    enrol, test, target = speakers_of_pairs(n_speakers, utts)
    widths = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        own, other = rng.normal(size=(2, n_speakers))
        of_target = -2 * ndtri(eer) + np.sqrt(SHARE) * own[enrol]
        of_nontarget = np.sqrt(SHARE / 2) * (other[enrol] + other[test])
        noise = np.sqrt(1 - SHARE) * rng.normal(size=len(target))
        scores = np.where(target, of_target, of_nontarget) + noise
        low, high = intervals_of(scores, target, enrol, test, eer=lambda t, s: eer_kaldi(t, s)[0])["eer"]
        widths.append((high - low) / 2)
    assert np.mean(widths) == pytest.approx(expected(enrol, test, target, eer), rel=0.15)


def test_it_is_what_ten_speakers_of_an4_gave():
    """Half-widths of all pairs in recipes/an4/README.md: 2.65 for an EER of 3.21 %, 3.35 for 6.41 %."""
    assert 100 * expected(*speakers_of_pairs(10, 13), 0.0321) == pytest.approx(2.65, abs=0.6)
    assert 100 * expected(*speakers_of_pairs(10, 13), 0.0641) == pytest.approx(3.35, abs=0.8)


def test_it_is_what_the_docs_say():
    table = (ROOT / "docs/howto/trials.md").read_text().partition("| speakers |")[2].splitlines()
    for n, said in zip(table[0].split("|"), table[2].split("|")[2:], strict=True):
        if n.strip():
            half = expected_half_width(np.full(int(n), 45), np.full(int(n), 100 * (int(n) - 1)), 0.03)
            assert f" 3 ± {100 * half:.1f} " == said


def test_four_times_as_many_speakers_halve_it():
    few, many = (expected_half_width(np.full(n, 10_000), np.full(n, 20_000), 0.03) for n in (10, 40))
    assert few / many == pytest.approx(2, rel=0.01)


def test_independent_trials_of_many_speakers_are_counted_one_by_one():
    n = 1_000_000
    alone = 1.96 * np.sqrt(2 * 0.03 * 0.97 / n / 4)
    assert expected_half_width(np.ones(n), np.full(n, 2), 0.03) == pytest.approx(alone, rel=0.2)


def test_a_speaker_with_most_of_the_trials_makes_it_wider():
    uneven = np.array([910] + [10] * 9)
    assert expected_half_width(uneven, np.full(10, 200), 0.03) > expected_half_width(
        np.full(10, 100), np.full(10, 200), 0.03
    )
