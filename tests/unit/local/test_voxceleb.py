import pytest
import voxceleb
import yaml

from spkr.config.loading import read_config
from spkr.config.options import read_options
from spkr.config.schema import merged
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir
from tests.conftest import ROOT
from tests.unit.local.himia_corpus import lines, write_audio
from tests.unit.local.voxceleb_corpus import SPEAKERS, VIDEOS, counts, lists, write_part

SMALL = {"dev_speakers": 2, "dev_utterances": 2, "valid_speakers": 3, "expect": counts()}
ONLY_O = {"test": ["vox1_test"], "lists": ["O", "O_cleaned"]}


@pytest.fixture
def corpus(tmp_path):
    root = tmp_path / "corpus"
    for part in SPEAKERS:
        write_part(root / part, part)
    for name, file in voxceleb.LISTS.items():
        path = root / "lists" / name / file
        path.parent.mkdir(parents=True)
        path.write_text(lists()[file])
    return root


def prepare(corpus, **changed):
    options = read_options(voxceleb.CorpusOptions, SMALL | changed, "corpus.options")
    voxceleb.prepare(corpus, corpus.parent / "data", options, 1)
    return {name: check_data_dir(corpus.parent / "data" / name) for name in ("train", "valid", "dev", "test")}


def fails(corpus, **changed) -> str:
    with pytest.raises(InputError) as e:
        prepare(corpus, **changed)
    assert "\n" not in str(e.value)
    return str(e.value)


def speakers(files) -> set[str]:
    return set(files["utt2spk"].values())


def test_sets_are_what_they_should_be(corpus):
    sets = prepare(corpus)
    assert speakers(sets["train"]) | speakers(sets["dev"]) == set(SPEAKERS["vox2_dev"])
    assert len(speakers(sets["dev"])) == 2 and not speakers(sets["dev"]) & speakers(sets["train"])
    assert len(sets["valid"]["utt2spk"]) == len(speakers(sets["valid"])) == 3
    assert speakers(sets["valid"]) < speakers(sets["train"])
    assert speakers(sets["test"]) == {*SPEAKERS["vox1_dev"], *SPEAKERS["vox1_test"]}
    assert [len(files["utt2spk"]) for files in sets.values()] == [21, 3, 12, 30]
    path = f"vox2_dev/dev/aac/id00012/{VIDEOS[1]}/00002.wav"
    utts = {utt: path for files in sets.values() for utt, path in files["wav.scp"].items()}
    assert utts[f"id00012-{VIDEOS[1]}-00002"] == str(corpus / path)
    assert (corpus.parent / "data/bad_files").read_text() == ""


def test_lists_are_the_published_ones_with_kaldis_names(corpus):
    prepare(corpus)
    data = corpus.parent / "data"
    assert lines(data / "test/trials_O") == [
        f"{a}-{VIDEOS[0]}-00001 {b}-{VIDEOS[1]}-00002 {'' if a == b else 'non'}target"
        for a in SPEAKERS["vox1_test"]
        for b in SPEAKERS["vox1_test"]
    ]
    sizes = {name: len(lines(data / f"test/trials_{name}")) for name in voxceleb.LISTS}
    assert sizes == {"O": 4, "O_cleaned": 3, "E": 25, "E_cleaned": 24, "H": 25, "H_cleaned": 24}


@pytest.mark.parametrize(("most", "total", "targets"), [(2, 6, 2), (10, 15, 6)])
def test_trials_of_dev_are_of_different_videos(corpus, most, total, targets):
    prepare(corpus, dev_utterances=most)
    trials = [line.split() for line in lines(corpus.parent / "data/dev/trials_pairs")]
    assert len(trials) == total and sum(label == "target" for *_, label in trials) == targets
    assert all(a[:19] != b[:19] for a, b, _ in trials)


def test_training_on_both_corpora_leaves_the_list_o(corpus):
    sets = prepare(corpus, train=["vox1_dev", "vox2_dev"], **ONLY_O)
    assert speakers(sets["train"]) | speakers(sets["dev"]) == {*SPEAKERS["vox1_dev"], *SPEAKERS["vox2_dev"]}
    assert speakers(sets["test"]) == set(SPEAKERS["vox1_test"])
    message = fails(corpus, train=["vox1_dev", "vox2_dev"])
    assert message == "corpus.options.train: vox1_dev is in test, too; expected other parts to train on"
    message = fails(corpus, test=["vox1_test"])
    assert message.startswith("corpus.options.lists: E has speakers of all of VoxCeleb1; expected vox1_dev and vox1_te")


def test_one_folder_may_hold_both_parts_of_voxceleb1(corpus):
    for part, other in (("vox1_dev", "vox1_test"), ("vox1_test", "vox1_dev")):
        write_part(corpus / part, other)
    assert speakers(prepare(corpus)["test"]) == {*SPEAKERS["vox1_dev"], *SPEAKERS["vox1_test"]}


def test_the_same_seed_gives_the_same_sets(corpus):
    once, again, other = (prepare(corpus, seed=seed)["dev"]["utt2spk"] for seed in (1, 1, 3))
    assert once == again != other


def test_a_missing_recording_is_found_by_the_count(corpus):
    (corpus / "vox2_dev/dev/aac/id00012" / VIDEOS[0] / "00001.wav").unlink()
    message = fails(corpus)
    assert message.startswith("vox2_dev has [35, 6] (see above); the recipe's config expects [36, 6]")
    prepare(corpus, expect={**counts(), "vox2_dev": None})


def test_another_list_is_found_by_the_count(corpus):
    path = corpus / "lists/E/list_test_all.txt"
    path.write_text("".join(line + "\n" for line in lines(path)[:-1]))
    assert "test/trials_E has [24, 4] (see above); the recipe's config expects [25, 5]" in fails(corpus)


def test_a_repeated_trial_is_expected_twice_and_counts_once(corpus):
    path = corpus / "lists/E/list_test_all.txt"
    path.write_text(path.read_text() + lines(path)[0] + "\n")
    prepare(corpus, expect={**counts(), "test/trials_E": [26, 6]})
    assert len(lines(corpus.parent / "data/test/trials_E")) == 25


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1 id10270/a/1.wav id10270/b/1.wav", "'id10270-a-1' is not a recording of test that can be used"),
        (
            f"1 id10270/{VIDEOS[0]}/00001.wav id10309/{VIDEOS[2]}/00001.wav",
            f"label 1 of id10270-{VIDEOS[0]}-00001 and id10309-{VIDEOS[2]}-00001",
        ),
    ],
)
def test_a_wrong_line_of_a_list_is_named(corpus, line, why):
    path = corpus / "lists/O/veri_test.txt"
    path.write_text(path.read_text() + line + "\n")
    assert fails(corpus, expect={}) == f"{path}:5: {why}"


def test_bad_recordings_are_left_out_up_to_a_share(corpus):
    path = corpus / "vox2_dev/dev/aac/id00012" / VIDEOS[0] / "00001.wav"
    path.write_bytes(b"")
    assert "vox2_dev: 1 of 36 recordings cannot be used, more than a share of 0 (corpus.options.max" in fails(corpus)
    sets = prepare(corpus, max_bad_share=0.1)
    utt = f"id00012-{VIDEOS[0]}-00001"
    assert not any(utt in files["utt2spk"] for files in sets.values())
    assert lines(corpus.parent / "data/bad_files")[0].startswith(f"vox2_dev\t{utt}\tnot readable as audio (the file is")
    (corpus / "vox1_test/wav/id10270" / VIDEOS[0] / "00001.wav").write_bytes(b"")
    assert "veri_test.txt:1: " in fails(corpus, max_bad_share=0.1)  # a trial needs it


def test_two_files_of_one_utterance_are_refused(corpus):
    path = f"id00012/{VIDEOS[0]}/00001"
    write_audio(corpus / f"vox2_dev/dev/aac/{path}.flac")
    assert f"{path}.wav is the same utterance" in (message := fails(corpus)) or f"{path}.flac is the" in message


def test_a_folder_without_recordings_is_named(corpus):
    (corpus / "vox1_dev/wav").rename(corpus / "vox1_dev/video")
    for path in (corpus / "vox1_dev").rglob("*.wav"):
        path.rename(path.with_suffix(".mp4"))
    assert fails(corpus).startswith(
        f"{corpus}/vox1_dev: no files <speaker>/<video>/<number>.wav, .m4a or .flac of vox1"
    )


@pytest.mark.parametrize("names", [(), ("vox12",), ("vox1",)])
def test_the_lists_of_a_config_are_fetched_made_and_scored(names):
    files = [ROOT / f"recipes/voxceleb/{name}.yaml" for name in names]
    without_sounds = {"recipe": "voxceleb", "train": {"on_the_fly": {"fallback": True}}}
    given = merged(*(yaml.safe_load(path.read_text()) for path in files), without_sounds)
    found = read_config(ROOT, given, files).config
    fetched = {name.partition("/")[2] for name in found.corpus.archives if name.startswith("lists/")}
    scored = {name for name, options in found.trials.items() if "test" in options.sets}
    assert fetched == scored == set(found.corpus.options["lists"])
    parts = {name for name in found.corpus.archives if name.startswith("vox")}
    assert parts == {*found.corpus.options["train"], *found.corpus.options["test"]}
    files = {name: found.corpus.archives[f"lists/{name}"].file for name in fetched}
    assert files == {name: voxceleb.LISTS[name] for name in fetched}
