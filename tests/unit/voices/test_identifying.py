"""Who is speaking: names, unknown voices, thresholds and margins."""

import math

import pytest

from spkr.errors import InputError
from spkr.voices.enrolment import Terms, enrol
from spkr.voices.identifying import MARGIN, enrolled_voices, identify
from spkr.voices.store import VoiceStore
from tests.unit.voices.toy_model import hum, toy_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return toy_model(tmp_path_factory.mktemp("identifying") / "toy.spkr")


@pytest.fixture(scope="module")
def voices(model):
    path = model.container.path.with_name("s")
    for name in ("ann", "bob", "carl"):
        enrol(model, path, name, [hum(name, seed=i) for i in range(3)], Terms(model.rule()))
    return enrolled_voices(VoiceStore(path, model.sha256, model.dim))


@pytest.fixture
def who(model, voices):
    def call(voice, prior=None, margin=None, top=5, seed=9, **threshold):
        rule = model.rule(prior, **threshold)
        return identify(model, voices, [[model.hear(hum(voice, seed=seed))]], rule, margin, top)[0]

    return call


def test_an_enrolled_voice_is_named(who):
    found = who("bob")
    assert (found.name, found.shown) == ("bob", "bob")
    assert [one.name for one in found.best][0] == "bob" and len(found.best) == 3
    llrs = [one.comparison.llr for one in found.best]
    assert llrs == sorted(llrs, reverse=True) and found.margin == llrs[0] - llrs[1] > MARGIN
    assert found.why.startswith("'bob' is the likeliest: LLR ")


def test_the_ratio_is_that_of_the_model(who, model):
    enrol_side = [model.hear(hum("bob", seed=i)) for i in range(3)]
    expected = model.compare(enrol_side, [model.hear(hum("bob", seed=9))])
    found = who("bob").best[0].comparison
    assert (found.llr, found.score) == pytest.approx((expected.llr, expected.score))


def test_a_voice_that_is_not_enrolled_is_unknown(who):
    found = who("eve")
    assert (found.name, found.shown) == (None, "unknown")
    assert "below the threshold 4.60, Bayes' threshold at a prior of 0.01" in found.why


def test_a_voice_between_two_is_unknown_unless_the_margin_allows(who):
    found = who("ann+bob")
    assert all(one.comparison.same for one in found.best[:2])
    assert found.name is None and found.margin < MARGIN and f"expected a margin of {MARGIN:.2f} or more" in found.why
    assert who("ann+bob", margin=0.0).name in ("ann", "bob")
    assert who("ann", margin=1000).name is None


def test_the_prior_moves_the_threshold(who):
    found = who("ann+bob", margin=0)
    llr = found.best[0].comparison.llr
    assert who("ann+bob", prior=1 / (1 + math.exp(llr + 1)), margin=0).name is None
    assert who("ann+bob", prior=1 / (1 + math.exp(llr - 1)), margin=0).name == found.name
    assert who("ann+bob", threshold=llr + 0.1, margin=0).name is None


def test_as_many_voices_are_shown_as_were_asked_for(who):
    assert [len(who("ann", top=n).best) for n in (1, 2, 5)] == [1, 2, 3]
    assert who("ann", top=1).margin == who("ann").margin


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"margin": -1.0}, "margin -1; expected 0 or more"), ({"top": 0}, "top 0; expected 1 or more")],
)
def test_a_wrong_margin_or_number_is_refused(who, wrong, message):
    with pytest.raises(InputError, match=message):
        who("ann", **wrong)


def test_with_one_voice_there_is_no_margin(model, voices):
    (found,) = identify(model, voices[:1], [[model.hear(hum("ann", seed=9))]], model.rule())
    assert (found.name, found.margin) == ("ann", None) and "no other voice is enrolled" in found.why


def test_several_recordings_of_a_side_are_averaged(model, voices):
    sides = [[model.hear(hum("ann", seed=9)), model.hear(hum("ann", seed=8))], [model.hear(hum("carl", seed=9))]]
    first, second = identify(model, voices, sides, model.rule())
    assert (first.name, second.name) == ("ann", "carl") and len(first.heard) == 2
    expected = model.compare([model.hear(hum("ann", seed=i)) for i in range(3)], sides[0])
    assert first.best[0].comparison.llr == pytest.approx(expected.llr)


def test_an_empty_store_says_to_enrol(tmp_path, model):
    (tmp_path / "s").touch()
    with pytest.raises(InputError, match="no voice is enrolled; enrol one with `spkr enrol`"):
        enrolled_voices(VoiceStore(tmp_path / "s", model.sha256, model.dim))


def test_without_a_calibration_scores_decide(tmp_path):
    model = toy_model(tmp_path / "plain.spkr", calibrated=False)
    rule = model.rule(threshold=0.6)
    for name in ("ann", "bob"):
        enrol(model, tmp_path / "s", name, [hum(name)], Terms(rule))
    voices = enrolled_voices(VoiceStore(tmp_path / "s", model.sha256, model.dim))
    known, unknown = identify(model, voices, [[model.hear(hum(v, seed=9))] for v in ("bob", "eve")], rule)
    assert (known.name, unknown.name, known.least_margin) == ("bob", None, 0.0)
    assert known.why.startswith("'bob' is the likeliest: score 1.00")
