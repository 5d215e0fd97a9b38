import numpy as np
import pytest

from spkr.errors import InputError
from spkr.metrics.paired import holm
from spkr.report.comparison import ScoreFile, SharedList, compare, measures_named
from spkr.report.comparison_text import as_text, as_tsv, sentence
from tests.unit.report.made_up_runs import DATA, write_data, write_scores

EER = measures_named(["eer"])


@pytest.fixture
def shared(tmp_path):
    """A function that scores a list by systems of these margins."""

    def make(margins, n_speakers=12, llr=False, seeds=None):
        write_data(tmp_path, n_speakers)
        trials, files = tmp_path / DATA / "trials_pairs", {}
        for k, (name, margin) in enumerate(margins.items()):
            write_scores(tmp_path / name, trials, margin, k if seeds is None else seeds[k])
            files[name] = ScoreFile(tmp_path / name, tmp_path / name if llr else None)
        return SharedList("trials_pairs", trials, tmp_path / DATA / "utt2spk", None, files)

    return make


def test_equal_systems_cannot_be_told_apart(shared):
    _, [one] = compare(shared({"a": 2, "b": 2}, seeds=(1, 1)), EER)
    assert (one.value, one.interval, one.p, one.p_holm, one.better) == (0, (0, 0), 1, 1, None)


def test_a_system_that_is_better_on_every_speaker_is_better(shared):
    of_list = shared({"bad": 0.5, "good": 3})
    measured, found = compare(of_list, measures_named(["eer", "mindcf_0.05"]))
    assert [one.measure for one in found] == ["eer", "mindcf_0.05"]
    for one in found:
        assert one.better == 1 and one.p_holm < 0.02 and one.interval[0] > 0
        assert one.systems == ("bad", "good") and one.values[0] > one.values[1]
        assert one.value == measured.values["bad"][one.measure] - measured.values["good"][one.measure]
    reverse = SharedList(*(*vars(of_list).values(),)[:4], dict(reversed(of_list.systems.items())))
    _, [one] = compare(reverse, EER)
    assert one.better == 0 and one.interval == tuple(-end for end in reversed(found[0].interval))


def test_pairs_make_the_interval_narrow(shared):
    measured, [one] = compare(shared({"a": 2, "b": 2.1}), EER)
    a, b = (measured.in_draws[name]["eer"] for name in "ab")
    unpaired = a - np.random.default_rng(1).permutation(b)
    assert np.ptp(one.interval) < 0.6 * np.ptp(np.quantile(unpaired, [0.025, 0.975]))


def test_three_systems_are_three_pairs_with_holms_correction(shared):
    _, found = compare(shared({"a": 1, "b": 1.3, "c": 4}), EER)
    assert [one.systems for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [one.p_holm for one in found] == holm([one.p for one in found])
    assert found[1].p_holm == pytest.approx(3 * found[1].p)


def test_many_systems_have_draws_enough_for_their_pairs(shared):
    _, found = compare(shared({f"s{k}": 4 * (k == 7) for k in range(8)}), EER)
    assert len(found) == 28 and {one.draws for one in found} == {2_800}
    assert [one.systems[1] for one in found if one.better == 1] == ["s7"] * 7


def test_four_speakers_are_too_few(shared):
    measured, [one] = compare(shared({"a": 0, "b": 3}, n_speakers=4), EER)
    assert np.isnan([one.p, one.p_holm, *one.interval]).all() and one.better is None
    text = as_text([(measured, [one])], EER)
    assert "a and b are not compared, as 4 speakers are fewer than 5: " in text
    assert "Intervals need 5 speakers." in text and "nan" not in text


def test_measures_of_ratios_are_compared_where_all_systems_have_them(shared):
    table = measures_named(["cllr", "mincllr", "eer"])
    of_list = shared({"a": 1, "b": 3}, llr=True)
    assert [one.measure for one in compare(of_list, table)[1]] == ["cllr", "mincllr", "eer"]
    of_list.systems["b"] = ScoreFile(of_list.systems["b"].scores, None)
    assert [one.measure for one in compare(of_list, table)[1]] == ["mincllr", "eer"]


def test_any_prior_makes_a_measure_but_no_other_name_does():
    assert list(measures_named(["mindcf_0.2", "actdcf_0.005", "eer"])) == ["mindcf_0.2", "actdcf_0.005", "eer"]
    for name in ("mindcf_1.5", "mindcf_", "mindcf_0", "mindcf_0.0", "dcf_0.2", "eer_lo", "mindcf_0.010"):
        with pytest.raises(InputError, match=f"no measure '{name}'; expected eer, "):
            measures_named([name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, a: t.write_text("".join(x for x in t.open() if " target" in x)), "trials_pairs: no nontarget trial"),
        (lambda t, a: t.write_text("".join(x for x in t.open() if "nontarget" in x)), "trials_pairs: no target trial"),
        (
            lambda t, a: a.write_text(a.read_text().partition("\n")[2]),
            "/a: 1 of 630 trials have no score, first 's00-0",
        ),
        (lambda t, a: a.write_text("x " + a.read_text()), "/a:1: "),
        (lambda t, a: a.write_text(a.read_text().replace("s00-0 s00-1 ", "s00-0 s00-1 inf #")), "/a:1: "),
        (lambda t, a: a.write_text("s00-0 s00-1 inf\n" + a.read_text().partition("\n")[2]), "/a:1: .*inf"),
        (lambda t, a: a.write_text("s00-0 s00-1 nan\n" + a.read_text().partition("\n")[2]), "/a:1: .*nan"),
    ],
)
def test_wrong_files_are_named_with_their_line(shared, change, message):
    of_list = shared({"a": 1, "b": 2})
    change(of_list.trials, of_list.systems["a"].scores)
    with pytest.raises(InputError, match=message):
        compare(of_list, EER)


def test_the_sentence_has_the_better_system_first(shared):
    _, [one] = compare(shared({"bad": 0.5, "good": 3}), EER)
    text = sentence(one, EER["eer"], 12)
    low, high = one.interval
    assert text == (
        f"good is better than bad: {one.values[1]:.2f} and {one.values[0]:.2f}, difference {-one.value:.2f} "
        f"({-high:.2f} to {-low:.2f}, too narrow with 12 speakers), p = {one.p_holm:.2g}"
    )
    assert "too narrow" not in sentence(one, EER["eer"], 20)


def test_a_sentence_never_says_minus_zero(shared):
    _, [one] = compare(shared({"a": 2, "b": 2}, seeds=(1, 1)), EER)
    assert "difference 0.00 (0.00 to 0.00, " in sentence(one, EER["eer"], 12)


def test_tsv_has_the_numbers_of_every_pair(shared):
    measured, found = compare(shared({"a": 1, "b": 1.3, "c": 4}), EER)
    head, *rows = (line.split("\t") for line in as_tsv([(measured, found)]).splitlines())
    assert head[:4] == ["trials", "measure", "a", "b"] and len(rows) == 3
    for row, one in zip((dict(zip(head, row, strict=True)) for row in rows), found, strict=True):
        assert (row["a"], row["b"], row["n_speakers"], row["draws"]) == (*one.systems, "12", str(one.draws))
        assert float(row["difference"]) == pytest.approx(one.value, rel=1e-5)
        assert float(row["p_holm"]) == pytest.approx(one.p_holm, rel=1e-5)
        assert row["better"] == ("-" if one.better is None else one.systems[one.better])
