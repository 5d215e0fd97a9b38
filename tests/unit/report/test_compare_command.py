import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spkr.cli import main
from tests.unit.report.made_up_runs import DATA, DRAWS, write_data, write_run

LIST = f"{DATA}/trials_pairs"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    root, both = tmp_path_factory.mktemp("runs"), ("trials_pairs", "trials_more")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr("spkr.metrics.bootstrap.MOST", DRAWS)
        write_data(root, lists=both)
        write_run(root, "main", {"plda": 3, "cosine": 0.5}, lists=both, ratios=True)
        write_run(root, "large", {"cosine": 3.1, "plda": 1}, lists=both, seed=2, ratios=True)
        write_run(root, "poor", {"plda": 0.5}, seed=3)
    return root


@pytest.fixture
def corpus(made_once, tmp_path, monkeypatch):
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spkr.metrics.bootstrap.MOST", DRAWS)
    return tmp_path


def rows(capsys, *args):
    capsys.readouterr()
    main(["compare", *map(str, args), "--format", "tsv"])
    head, *lines = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    return [dict(zip(head, line, strict=True)) for line in lines]


def refused(caplog, *args):
    with pytest.raises(SystemExit) as end:
        main(["compare", *map(str, args)])
    assert end.value.code == 1
    return caplog.text


def test_runs_are_compared_by_their_primary_back_ends_on_the_lists_that_they_share(corpus, capsys):
    found = rows(capsys, "exp/an4/main", "exp/an4/large")
    lists = ("trials_pairs", "trials_more")
    of_each = [(name, m) for name in lists for m in ("eer", "mindcf_0.01", "cllr")]
    assert [(row["trials"], row["measure"]) for row in found] == of_each
    assert {(row["a"], row["b"]) for row in found} == {("exp/an4/main", "exp/an4/large")}
    results = json.loads(Path("exp/an4/large/results/results.json").read_text())["results"]
    known = next(row["eer"] for row in results if row["primary"] == "yes")
    assert round(float(found[0]["value_b"]), 3) == known
    with_poor = rows(capsys, "exp/an4/main", "exp/an4/large/results/", "exp/an4/poor")
    assert len(with_poor) == 3 * 2 and {row["trials"] for row in with_poor} == {"trials_pairs"}
    assert {row["measure"] for row in with_poor} == {"eer", "mindcf_0.01"}  # poor is not calibrated


def test_the_back_ends_of_one_run_are_compared_with_each_other(corpus, capsys):
    main(["compare", "exp/an4/main", "--trials", "trials_pairs", "--measures", "eer"])
    text = capsys.readouterr().out
    assert text.startswith("trials_pairs: 36 target and 594 nontarget trials of 12 speakers\n")
    assert "  EER %  plda is better than cosine: " in text and " draws of speakers, the same for both" in text


def test_another_back_end_can_be_chosen(corpus, capsys):
    more = ("--trials", "trials_pairs", "--measures", "eer")
    [one] = rows(capsys, "exp/an4/main", "exp/an4/large", "--backend", "plda", *more)
    assert one["better"] == "exp/an4/main"
    found = rows(capsys, "exp/an4/main", "exp/an4/large", "--backend", "plda", "cosine", *more)
    assert len(found) == 6 and found[0]["a"] == "exp/an4/main plda" and found[0]["b"] == "exp/an4/main cosine"


def test_score_files_are_compared_as_runs_are(corpus, capsys):
    files = ("exp/an4/main/scores/trials_pairs.plda", "exp/an4/large/scores/trials_pairs.cosine")
    of_files = rows(capsys, *files, "--trials", LIST, "--utt2spk", f"{DATA}/utt2spk", "--llr")
    of_runs = rows(capsys, "exp/an4/main", "exp/an4/large", "--trials", "trials_pairs")
    names = {"a": files[0], "b": files[1], "trials": LIST}
    assert of_files == [row | names for row in of_runs]
    main(["compare", *files, "--trials", LIST, "--utt2spk", f"{DATA}/utt2spk"])
    assert "Cllr" not in capsys.readouterr().out


def test_runs_of_another_folder_are_found_there(corpus, capsys, monkeypatch):
    expected = rows(capsys, "exp/an4/main", "exp/an4/large")
    (corpus / "elsewhere").mkdir()
    monkeypatch.chdir(corpus / "elsewhere")
    found = rows(capsys, "../exp/an4/main", corpus / "exp/an4/large")
    assert [row["p"] for row in found] == [row["p"] for row in expected]


def test_different_trials_are_refused_with_both_files_and_hashes(corpus, caplog):
    path = Path("exp/an4/large/results/results.json")
    content = json.loads(path.read_text())
    digest = content["results"][0]["trials_sha256"]
    path.write_text(path.read_text().replace(digest, "f" * 64))
    text = refused(caplog, "exp/an4/main", "exp/an4/large")
    assert (
        f"trials_pairs is not the same list in exp/an4/main/results/results.json (sha256 {digest[:12]}) and in "
        f"exp/an4/large/results/results.json (ffffffffffff)"
    ) in text


def test_a_list_that_was_changed_since_is_refused(corpus, caplog):
    lines = Path(LIST).read_text().splitlines(keepends=True)
    Path(LIST).write_text("".join(reversed(lines)))
    assert f"{LIST}: sha256 " in refused(caplog, "exp/an4/main", "exp/an4/large")
    assert "changed since; run `snakemake -R report` again" in caplog.text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("exp/an4/main exp/an4/nosuch", "exp/an4/nosuch: no such file or folder"),
        ("exp/an4/main exp/an4/data", "exp/an4/data: no results/results.json"),
        (f"exp/an4/main {LIST}", "exp/an4/main: is a folder, but others are not"),
        ("exp/an4/poor", "one system only"),
        ("exp/an4/main exp/an4/main/results", "one system only"),
        ("exp/an4/main exp/an4/poor --trials trials_more", "poor/results/results.json: no list 'trials_more'"),
        ("exp/an4/main exp/an4/poor --backend cosine", "poor/results/results.json: no back-end 'cosine'"),
        ("exp/an4/main exp/an4/poor --llr", "--llr is for score files"),
        ("exp/an4/main exp/an4/poor --utt2spk x", "--utt2spk is for score files"),
        ("exp/an4/main exp/an4/poor --measures der", "no measure 'der'; expected eer, "),
        ("exp/an4/main exp/an4/poor --measures cllr", "need log-likelihood ratios"),
        (f"{LIST} {LIST} --trials {LIST} --utt2spk {DATA}/utt2spk", "one system only"),
        (f"{LIST} {DATA}/utt2spk --trials {LIST}", "score files need --trials LIST"),
        (f"{LIST} {DATA}/utt2spk --utt2spk {DATA}/utt2spk", "score files need --trials LIST"),
        (f"{LIST} {DATA}/utt2spk --trials {LIST} --utt2spk x --backend plda", "--backend is for runs"),
    ],
)
def test_a_wrong_command_is_refused(corpus, caplog, args, message):
    assert message in refused(caplog, *args.split())


def test_a_measure_that_one_list_lacks_is_said(corpus, capsys, caplog):
    path = Path("exp/an4/main/results/lists.json")
    lists = json.loads(path.read_text())
    lists["trials_more"]["llrs"] = {}
    path.write_text(json.dumps(lists))
    found = rows(capsys, "exp/an4/main", "exp/an4/large", "--measures", "cllr")
    assert [row["trials"] for row in found] == ["trials_pairs"]
    assert "trials_more: not compared by cllr: not all systems are calibrated" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "lists.json").unlink(), "lists.json: no such file; it names the scores"),
        (lambda folder: (folder / "lists.json").write_text("{}"), "lists.json: no scores of trials_pairs by plda"),
        (lambda folder: (folder.parent / "scores/trials_pairs.plda").unlink(), "trials_pairs.plda: "),
    ],
)
def test_what_a_run_lacks_is_named(corpus, caplog, change, message):
    change(Path("exp/an4/main/results"))
    assert message in refused(caplog, "exp/an4/main", "exp/an4/poor")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("verb", ["compare", "results"])
def test_torch_and_matplotlib_are_not_loaded(corpus, verb):
    code = (
        f"import sys; from spkr.cli import main; main(['{verb}', 'exp/an4/main', 'exp/an4/poor']); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "matplotlib"} & set(done.stdout.split())
