import csv
import json

import numpy as np
import pytest

from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.maps import write_map, write_spk2utt
from spkr.kaldi.trial_speakers import read_sides, speakers_of_trials
from spkr.kaldi.trials import all_pairs, read_trials, write_trials
from spkr.report.lists import ScoredList
from spkr.report.results import report
from spkr.report.slices import measure_slices, read_attributes

SPEAKERS = ["a", "b", "c", "d", "e", "f"]
SEX = dict(zip(SPEAKERS, "ffffmm", strict=True))
OF_RUN = {"name": "x", "run": "main", "model": "m", "seed": 1, "primary": "plda"}


@pytest.fixture
def data(tmp_path):
    """Six speakers, each four times: near and far, by microphones 1 and 2; where both are far, scores are wrong."""
    utt2spk = {f"{spk}-{point}-{mic}": spk for spk in SPEAKERS for point in ("far", "near") for mic in (1, 2)}
    write_map(tmp_path / "utt2spk", utt2spk)
    write_map(tmp_path / "utt2point", {utt: utt.split("-")[1] for utt in utt2spk})
    write_map(tmp_path / "utt2mic", {utt: utt.split("-")[2] for utt in utt2spk})
    write_map(tmp_path / "utt2speed", dict.fromkeys(utt2spk, "N"))
    write_map(tmp_path / "spk2gender", SEX)
    write_scored(tmp_path, "pairs", all_pairs(utt2spk))
    return tmp_path


def write_scored(folder, name, trials):
    write_trials(folder / f"trials_{name}", trials)
    scores = [(a, b, target != ("far" in a and "far" in b)) for a, b, target in trials]
    (folder / f"{name}.plda").write_text("".join(f"{a} {b} {int(score)}\n" for a, b, score in scores))


def scored(folder, name, models=None):
    """The list of that name, alone, with its speakers."""
    files = {"utt2spk": f"{folder}/utt2spk", "models": f"{folder}/{models}" if models else None}
    return {name: without_speakers(folder, name).replace(**files)}


def without_speakers(folder, name):
    return ScoredList(trials=f"{folder}/trials_{name}", scores={"plda": f"{folder}/{name}.plda"})


def write_models(data):
    """A model of both microphones at each place, and one of two places, against single recordings."""
    models = {f"{spk}-{point}": [f"{spk}-{point}-1", f"{spk}-{point}-2"] for spk in "ab" for point in ("far", "near")}
    models["c-both"] = ["c-far-1", "c-near-1"]
    write_spk2utt(data / "models_array", models)
    tests = [f"{spk}-{point}-{mic}" for spk in "abc" for point in ("far", "near") for mic in (1, 2)]
    write_scored(data, "array", [(m, t, m[0] == t[0]) for m in models for t in tests])


def slices_of(folder):
    with (folder / "results/slices.tsv").open() as f:
        return list(csv.DictReader(f, delimiter="\t"))


def test_slices_are_of_the_trials_that_have_a_value(data):
    by = ["utt2point", "utt2mic", "utt2speed", "spk2gender"]
    report(scored(data, "pairs"), data / "results", **OF_RUN, by=by)
    rows = slices_of(data)
    assert list(rows[0]) == [
        "trials",
        "backend",
        *("attribute", "value", "n_target", "n_nontarget", "eer", "mindcf_0.01"),
        *("eer_lo", "eer_hi", "mindcf_0.01_lo", "mindcf_0.01_hi"),
    ]
    found = {(row["attribute"], row["value"]): row for row in rows}
    assert list(found) == [
        *(("enrol_point", "far"), ("enrol_point", "near"), ("test_point", "far"), ("test_point", "near")),
        *(("enrol_mic", "1"), ("enrol_mic", "2"), ("test_mic", "1"), ("test_mic", "2")),
        *(("gender", "f"), ("gender", "m")),  # there is one speed only
    ]
    trials = [line.split() for line in (data / "trials_pairs").read_text().splitlines()]
    for attribute, value, chosen in (
        ("enrol_mic", "2", [t for t in trials if t[0].endswith("2")]),
        ("test_point", "near", [t for t in trials if "near" in t[1]]),
        ("gender", "f", [t for t in trials if SEX[t[0][0]] == SEX[t[1][0]] == "f"]),
        ("gender", "m", [t for t in trials if SEX[t[0][0]] == SEX[t[1][0]] == "m"]),
    ):
        n_target = sum(t[2] == "target" for t in chosen)
        counts = [found[attribute, value][kind] for kind in ("n_target", "n_nontarget")]
        assert counts == [str(n_target), str(len(chosen) - n_target)]
    assert (found["test_point", "near"]["eer"], found["test_point", "near"]["mindcf_0.01"]) == ("0.000", "0.0000")
    assert float(found["test_point", "far"]["eer"]) > 20
    assert {(row["trials"], row["backend"]) for row in rows} == {("pairs", "plda")}


def test_an_averaged_model_has_the_value_that_all_its_utterances_have(data):
    write_models(data)
    report(scored(data, "array", "models_array"), data / "results", **OF_RUN, by=["utt2point", "utt2mic"])
    counts = {
        (row["attribute"], row["value"]): int(row["n_target"]) + int(row["n_nontarget"]) for row in slices_of(data)
    }
    assert counts == {  # nothing by the enrolment's microphone, as models are of both
        **{("enrol_point", point): 2 * 12 for point in ("far", "near")},  # without the model of both places
        **{("test_point", point): 5 * 6 for point in ("far", "near")},
        **{("test_mic", mic): 5 * 6 for mic in "12"},
    }
    found = json.loads((data / "results/results.json").read_text())
    assert found["identification"]["array"]["plda"]["n"] == 12


def test_a_value_without_trials_of_both_kinds_has_counts_but_no_error_rates(data):
    trials = [("a-near-1", "a-near-2", True), ("a-near-1", "b-far-2", False), ("a-near-1", "a-far-2", True)]
    write_scored(data, "few", trials)
    report(scored(data, "few"), data / "results", **OF_RUN, by=["utt2point"])
    far, near = slices_of(data)
    assert list(far.values())[2:] == ["test_point", "far", "1", "1", "0.000", "0.0000", *["nan"] * 4]
    assert list(near.values())[2:] == ["test_point", "near", "1", "0", *["nan"] * 6]


def test_the_interval_is_in_the_results_and_in_the_table_and_repeats_to_the_byte(data):
    for out in ("results", "again"):
        table = report(scored(data, "pairs"), data / out, **OF_RUN)
    header, row = (line.split("\t") for line in (data / "results/results.tsv").read_text().splitlines())
    low, eer, high = (float(row[header.index(column)]) for column in ("eer_lo", "eer", "eer_hi"))
    assert 0 < low <= eer <= high < 50
    assert f" {eer:.2f} ({low:.1f}-{high:.1f}) " in table.splitlines()[2]
    assert (data / "results/results.tsv").read_bytes() == (data / "again/results.tsv").read_bytes()
    assert not (data / "results/slices.tsv").exists()


def test_lists_without_speakers_keep_nan_beside_lists_with_them(data):
    report(
        {"other": without_speakers(data, "pairs")} | scored(data, "pairs"), data / "results", **OF_RUN, by=["utt2mic"]
    )
    lines = (data / "results/results.tsv").read_text().splitlines()
    assert [line.split("\t")[10] == "nan" for line in lines[1:]] == [True, False]
    assert {row["trials"] for row in slices_of(data)} == {"pairs"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models_array": "a-far a-far-1 b-far-1\n"}, "models_array:1: model 'a-far' has utterances of 'a' and 'b'"),
        ({"models_array": "a-far a-far-1\nb b-9\n"}, "models_array:2: 'b-9' of model 'b' is not in .*utt2spk"),
        ({"models_array": "a-far a-far-1\n"}, "trials_array:13: 'a-near' is not a model of .*models_array or an utt"),
        (
            {"trials_array": "a-far a-far-1 target\na-far b-far-1 target\n"},
            "trials_array:2: a target trial .* 'a' and 'b'",
        ),
        ({"trials_array": "a-far a-far-1 nontarget\na-far a-far-2 target\n"}, "trials_array:1: a nontarget trial"),
        ({"utt2mic": "a-far-1 1\n"}, "utt2mic: no line for 'a-far-2'"),
        ({"spk2gender": "a f\nb f\n"}, "spk2gender: no line for 'c'"),
    ],
)
def test_what_contradicts_the_list_is_refused_with_its_line(data, change, message):
    write_models(data)
    for name, text in change.items():
        (data / name).write_text(text)
    trials = read_trials(data / "trials_array")
    with pytest.raises(InputError, match=message):
        sides = read_sides(trials, data / "trials_array", data / "utt2spk", data / "models_array")
        speakers_of_trials(trials, data / "trials_array", sides)
        read_attributes(trials, sides, [data / "utt2mic", data / "spk2gender"])


@pytest.mark.parametrize(
    ("by", "utt2spk", "message"),
    [("wav.scp", True, "wav.scp: expected a file utt2<attribute>"), ("utt2x", True, "utt2x: no such file"),
     ("utt2mic", False, "results by utt2mic need the utt2spk")],
)  # fmt: skip
def test_files_that_are_no_attributes_are_refused_before_anything_is_written(data, by, utt2spk, message):
    of_list = scored(data, "pairs") if utt2spk else {"pairs": without_speakers(data, "pairs")}
    with pytest.raises(InputError, match=message):
        report(of_list, data / "results", **OF_RUN, by=[by])
    assert not (data / "results").exists()


def test_the_command_takes_speakers_models_and_attributes(data, capsys):
    write_models(data)
    lists = scored(data, "pairs") | scored(data, "array", "models_array")
    (data / "lists.json").write_text(json.dumps({name: files.to_dict() for name, files in lists.items()}))
    main(["eval", f"{data}/results", f"{data}/lists.json", "--primary", "plda", "--by", "spk2gender", "utt2mic"])
    assert "who is speaking? array: plda" in capsys.readouterr().out
    assert {(row["trials"], row["attribute"]) for row in slices_of(data)} == {
        *(("pairs", "gender"), ("pairs", "enrol_mic"), ("pairs", "test_mic"), ("array", "test_mic")),
    }


def test_slices_of_two_values_add_up_to_the_whole(data):
    trials = read_trials(data / "trials_pairs")
    sides = read_sides(trials, data / "trials_pairs", data / "utt2spk")
    attributes, speakers = read_attributes(trials, sides, [data / "utt2mic"]), speakers_of_trials(trials, "", sides)
    rows = measure_slices(trials, np.arange(len(trials)), attributes, speakers)
    for attribute in ("enrol_mic", "test_mic"):
        assert sum(r["n_target"] + r["n_nontarget"] for r in rows if r["attribute"] == attribute) == len(trials)
