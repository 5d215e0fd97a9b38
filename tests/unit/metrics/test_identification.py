import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.trials import Trials
from spkr.metrics.bootstrap import SPEAKERS, draw_speakers, ends
from spkr.metrics.identification import FALSE_ALARM_RATES, confusions, identify


def identified(*rows, speakers=None):
    enrol, test, target, scores = zip(*rows, strict=True)
    return identify(Trials.of(enrol, test, target), np.array(scores, float), speakers)


def full(scores, n_outside=0):
    """All test utterances against all models; utterance i is of speaker i % n, the last ones of nobody enrolled."""
    n_tests, n = scores.shape
    who = np.array([i % n if i < n_tests - n_outside else n + i for i in range(n_tests)])
    rows = [(f"m{m}", f"t{i}", bool(who[i] == m), scores[i, m]) for i in range(n_tests) for m in range(n)]
    enrol, test = np.tile(np.arange(n), n_tests), np.repeat(who, n)
    return identified(*rows, speakers=(enrol, test))


def test_identification_takes_the_best_model_of_each_test_utterance():
    a = [("A", "a1", True, 3), ("B", "a1", False, 2), ("C", "a1", False, -1)]
    b = [("A", "b1", False, 5), ("B", "b1", True, 4)]
    assert identified(*a).shares() == {"top1": 1}
    for rows in ([*a, *b], [*b, *a[::-1]]):
        found = identified(*rows)
        assert (found.shares(), len(found.rank), found.n_enrolled) == ({"top1": 0.5}, 2, 3)


def test_identification_counts_a_tie_with_a_wrong_model_as_wrong():
    found = identified(("A", "a1", True, 3), ("B", "a1", False, 3))
    assert found.shares() == {"top1": 0}
    assert confusions(found) == []


def test_ties_everywhere_identify_nobody():
    found = full(np.zeros((60, 6)))
    assert found.shares() == {"top1": 0, "top5": 0, "dir_0.05": 0}
    assert found.intervals()["top1"] == (0, 0)


def test_identification_leaves_out_utterances_of_nobody_enrolled():
    found = identified(("A", "a1", True, 3), ("B", "a1", False, 2), ("A", "x1", False, 9))
    assert (found.shares()["top1"], len(found.rank)) == (1, 1)
    with pytest.raises(InputError, match="no target trial"):
        identified(("A", "x1", False, 9))


@pytest.mark.parametrize("score", [np.inf, np.nan])
def test_a_score_that_is_not_finite_is_refused(score):
    with pytest.raises(InputError, match="not finite"):
        identified(("A", "a1", True, score), ("B", "a1", False, 3))


def test_models_of_one_speaker_are_one():
    rows = [("A1", "a1", True, 1), ("A2", "a1", True, 3), ("B1", "a1", False, 2), ("B2", "a1", False, 2.5)]
    found = identified(*rows, speakers=(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0])))
    assert (found.rank.tolist(), found.n_enrolled, found.most_tried) == ([1], 2, 2)
    tests = [(m, t, m[0] == t[0].upper(), s) for t, s in (("b1", 0), ("b2", 1)) for m, s in (("A1", 5), ("B1", s))]
    found = identified(*rows, *tests, speakers=(np.array([0, 0, 1, 1, 0, 1, 0, 1]), np.array([0] * 4 + [1] * 4)))
    assert found.rank.tolist() == [1, 2, 2]
    assert confusions(found) == [(1, 0, 2, 2)]


def test_the_top_five_need_more_than_five_speakers():
    scores = np.zeros((6, 6))
    for i in range(6):
        scores[i, (i + 1 + np.arange(i)) % 6] = 2  # i other speakers score higher
        scores[i, i] = 1
    found = full(scores)
    assert found.rank.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.shares() == {"top1": pytest.approx(1 / 6), "top5": pytest.approx(5 / 6)}
    assert "top5" not in full(scores[:5, :5]).shares()


def test_open_set_with_utterances_of_nobody_enrolled():
    scores = np.zeros((120, 4))
    scores[np.arange(20), np.arange(20) % 4] = np.arange(20) - 0.55  # their own, of rank 1 but for the first
    scores[19, 0] = 30  # and the last
    scores[20:, 0] = np.arange(100) / 10  # 0 to 9.9: five are above 9.4, one is above 9.8
    found = full(scores, n_outside=100)
    assert (found.left_out, len(found.alarms)) == (False, 100)
    assert found.shares() == {"top1": 18 / 20, "dir_0.05": 9 / 20, "dir_0.01": 8 / 20}


def test_without_such_utterances_each_counts_without_its_own_models():
    scores = np.zeros((40, 4))
    scores[np.arange(40), np.arange(40) % 4] = 5
    scores[np.arange(40), (np.arange(40) + 1) % 4] = np.arange(40) / 10  # the best of the others: 0 to 3.9
    scores[:10, :] -= 2  # own: 3; two of 40 may be above 3.7
    found = full(scores)
    assert (found.left_out, len(found.alarms)) == (True, 40)
    assert found.shares() == {"top1": 1, "dir_0.05": 30 / 40}


def test_the_interval_is_from_drawing_the_speakers_of_the_utterances():
    scores = np.zeros((100, 10))
    right = np.arange(100) % 10 < 7  # three speakers of ten are never found
    scores[np.arange(100), np.arange(100) % 10] = np.where(right, 1, -1)
    values = draw_speakers(10, 200)[:, :7].sum(axis=1) / 10  # 100 utterances, each twice
    assert full(scores).intervals()["top1"] == pytest.approx(ends(values, 0.7, 10))
    assert full(scores[:, : SPEAKERS - 1]).intervals() == {}


@given(
    st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(1, 60), st.integers(0, 40), st.sampled_from([1, 2, 40])
)
def test_shares_are_those_of_a_count(seed, n, n_inside, n_outside, levels):
    scores = np.random.default_rng(seed).integers(levels, size=(n_inside + n_outside, n)).astype(float)
    inside = [(row[i % n], [s for m, s in enumerate(row) if m != i % n]) for i, row in enumerate(scores[:n_inside])]
    alarms = [max(row) for row in scores[n_inside:]] or [max(others) for _, others in inside]
    shares = full(scores, n_outside).shares()
    for k in (1, 5):
        right = sum(sum(s >= own for s in others) < k for own, others in inside)
        assert shares.get(f"top{k}") == (pytest.approx(right / n_inside) if k == 1 or n > 5 else None)
    for rate in FALSE_ALARM_RATES:
        allowed = rate * len(alarms) + 1e-9
        thetas = [theta for theta in alarms if sum(a > theta for a in alarms) <= allowed]
        found = sum(own > max(others) and own > min(thetas) for own, others in inside) / n_inside
        assert shares.get(f"dir_{rate:g}") == (pytest.approx(found) if allowed >= 1 else None)
