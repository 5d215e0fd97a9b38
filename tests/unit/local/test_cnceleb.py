import cnceleb
import pytest

from spkr.config.options import read_options
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.maps import read_spk2utt
from tests.unit.local.himia_corpus import lines, wav

SESSIONS = ("interview-01", "singing-01", "vlog-02")


def write(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav(1600 + number, 16000, 1))  # libsndfile reads the content, whatever the name says


@pytest.fixture
def corpus(tmp_path):
    first, second = tmp_path / "corpus/cn1/CN-Celeb_flac", tmp_path / "corpus/cn2/CN-Celeb2_flac"
    of = {first: ("id00000", "id00001", "id00799", "id00800", "id00801"), second: ("id10000", "id11999")}
    for root, speakers in of.items():
        for spk in speakers:
            for k, session in enumerate(SESSIONS):
                write(root / f"data/{spk}/{session}-001.flac", 10 * int(spk[-3:]) + k)
    for spk in ("id00800", "id00801"):
        write(first / f"eval/test/{spk}-singing-01-002.flac", int(spk[-3:]))
    (first / "eval/lists").mkdir()
    (first / "eval/lists/enroll.map").write_text(
        "".join(f"{s}-enroll {s}/interview-01-001.wav {s}/vlog-02-001.wav\n" for s in ("id00800", "id00801"))
    )
    (first / "eval/lists/trials.lst").write_text(
        "id00800-enroll test/id00800-singing-01-002.wav 1\nid00800-enroll test/id00801-singing-01-002.wav 0\n"
    )
    (first / "dev").mkdir()
    (first / "dev/dev.lst").write_text("id00000\nid00001\nid00799\n")
    (second / "spk.lst").write_text("id10000\nid11999\n")
    return tmp_path / "corpus"


def prepare(corpus, **changed):
    options = read_options(cnceleb.CorpusOptions, {"dev_speakers": 2, "valid_speakers": 1} | changed, "corpus.options")
    cnceleb.prepare(corpus, corpus.parent / "data", options, 1)
    return {name: check_data_dir(corpus.parent / "data" / name) for name in ("train", "valid", "dev", "test")}


def test_sets_and_lists_are_what_they_should_be(corpus):
    sets = prepare(corpus, expect={"cn1": [9, 3], "cn2": [6, 2], "eval": [6, 2], "test/trials_eval": [2, 1]})
    assert {name: len(files["utt2spk"]) for name, files in sets.items()} == {
        "train": 8,
        "valid": 1,
        "dev": 6,
        "test": 6,
    }
    test = corpus.parent / "data/test"
    assert lines(test / "trials_eval") == [
        "id00800-enroll id00800-singing-01-002 target",
        "id00800-enroll id00801-singing-01-002 nontarget",
    ]
    models = read_spk2utt(test / "models_eval")
    assert models["id00801-enroll"] == ["id00801-interview-01-001", "id00801-vlog-02-001"]
    assert {utt for utts in models.values() for utt in utts} < sets["test"]["utt2spk"].keys()
    assert len(lines(corpus.parent / "data/dev/trials_pairs")) == 15


@pytest.mark.parametrize(
    ("file", "line", "why"),
    [
        ("dev/dev.lst", "id00555", "dev/dev.lst:4: no files data/id00555/"),
        (
            "eval/lists/trials.lst",
            "id00801-enroll test/id00800-singing-01-002.wav 1",
            "trials.lst:3: label 1 of id00801-en",
        ),
        (
            "eval/lists/trials.lst",
            "id00801-enroll test/id00800-x.wav 1",
            "trials.lst:3: 'id00800-x' is not a model of enr",
        ),
    ],
)
def test_a_wrong_line_is_named(corpus, file, line, why):
    path = corpus / "cn1/CN-Celeb_flac" / file
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=why):
        prepare(corpus)
