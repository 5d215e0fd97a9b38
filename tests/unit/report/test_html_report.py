"""The HTML report as text; tests/browser opens it."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from spkr.cli import main
from spkr.metrics.eer import eer_kaldi
from spkr.nnet import ENCODERS
from spkr.report.html.citations import bibtex
from spkr.report.html.job_costs import duration, stage_costs
from spkr.report.html.run_results import read_list, read_results
from spkr.report.html.worst_trials import hard_speakers, worst_trials
from tests.conftest import ROOT
from tests.made_up_run import COMMAND, ODD, make_run

CITED = ["--citation", str(ROOT / "CITATION.cff")]


class Elements(HTMLParser):
    """All elements of a page; each is closed."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    make_run(folder)
    return folder


@pytest.fixture
def make(run, monkeypatch):
    """Make the page with options; returns its text."""
    monkeypatch.chdir(run)

    def make(*options: str) -> str:
        main([*COMMAND, *options])
        return (run / "page.html").read_text()

    return make


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page)[1])


def test_the_page_needs_nothing_else_and_no_name_becomes_an_element(make):
    page = make()
    assert not re.search(r"https?:|@import|url\((?!#)", page)
    found = Elements(page).found
    assert not {"img", "link", "iframe"} & {tag for tag, _ in found}
    assert all("onerror" not in attributes for _, attributes in found)
    assert page.count("<script") == 2 and page.count("</script") == 2
    assert ODD.replace("<", "&lt;").replace(">", "&gt;") in page
    assert len(page) < 2_000_000


def test_ids_are_unique_and_what_they_refer_to_is_there(make):
    page = make()
    ids = [attributes["id"] for _, attributes in Elements(page).found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([\w.:-]+)', page)) <= set(ids)


def test_pictures_have_a_text_and_tables_a_caption(make):
    page = make()
    pictures = [attributes for tag, attributes in Elements(page).found if tag == "svg"]
    assert len(pictures) > 12 and all(p["role"] == "img" and len(p["aria-label"]) > 20 for p in pictures)
    assert page.count("<table") == page.count("<caption>")


def test_it_has_warnings_what_was_left_out_costs_and_how_to_make_and_cite_it(make):
    page = make(*CITED)
    for text in ("3 trials of &lt;b&gt;one", "a &lt;b&gt;.wav", "1 min 30 s", "snakemake --cores 8 -s Snakefile"):
        assert text in page, text
    assert "@misc{spkr," in page and "@inproceedings{tdnn," in page
    assert any(ODD in label for _, _, label in data_of(page)["points"]["map-test-tsne"])


def test_the_same_run_gives_the_same_page_but_for_its_date(make):
    first, second = (re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d [+-]\d{4}", "", make()) for _ in range(2))
    assert first == second


def test_audio_only_where_it_is_asked_for(make):
    assert data_of(make())["audio"] == {}
    page = make("--audio", "--no-map", "--worst", "3")
    audio = data_of(page)["audio"]
    assert 6 <= len(audio) <= 24 and all(uri.startswith("data:audio/flac;base64,") for uri in audio.values())
    assert 'id="map"' not in page


def test_worst_trials_and_hard_speakers_are_those_of_the_scores(run, monkeypatch):
    monkeypatch.chdir(run)
    one = read_list("trials_pairs", read_results("results").lists["trials_pairs"])
    targets, nontargets = one.both(one.scores["plda"])
    worst = worst_trials(one, "plda", 2)
    assert [trial.score for trial in worst["false acceptances"]] == sorted(nontargets, reverse=True)[:2]
    assert worst["false acceptances"][0].wrong and worst["false acceptances"][0].enrol.seconds >= 1
    assert worst["false rejections"][0].score == targets.min()
    speakers = hard_speakers(one, "plda")
    assert sum(speaker.n_target for speaker in speakers) == len(targets)
    assert sum(speaker.n_nontarget for speaker in speakers) == 2 * len(nontargets)  # a trial counts for both
    assert [s.hardness for s in speakers] == sorted((s.hardness for s in speakers), reverse=True)
    rate, _ = eer_kaldi(targets, nontargets)
    assert np.isclose(sum(speaker.rejected for speaker in speakers) / len(targets), rate)


@pytest.mark.parametrize("content", ["[]", "{}", '{"results": [], "made_by": {}}', "nonsense"])
def test_a_folder_that_is_not_of_results_is_refused(run, tmp_path, content, caplog, monkeypatch):
    monkeypatch.chdir(run)
    (tmp_path / "results.json").write_text(content)
    (tmp_path / "lists.json").write_text((run / "results/lists.json").read_text())
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path), str(tmp_path / "page.html")])
    assert f"{tmp_path}/results.json: " in caplog.text and not (tmp_path / "page.html").exists()


def test_the_paper_of_every_encoder_is_found():
    for kind in ENCODERS:
        entry = bibtex(None, {"model": {"type": kind}})
        assert re.fullmatch(r"@inproceedings\{\w+,\n(  \w+ = \{.+\},\n){4}\}", entry), entry
    assert bibtex(None, {"model": "exp/an4/main/model/final.pt"}) == ""


def test_costs(run):
    (cost,) = stage_costs([run])
    assert (cost.stage, cost.jobs, cost.seconds, cost.max_mb) == ("train", 1, 90.5, 800)
    assert [duration(seconds) for seconds in (4.24, 200, 7500)] == ["4.2 s", "3 min 20 s", "2 h 5 min"]
