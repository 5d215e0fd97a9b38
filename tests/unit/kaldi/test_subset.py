import pytest

from spkr.errors import InputError
from spkr.kaldi import subset
from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.maps import write_map
from spkr.kaldi.subset import split_data_dir, subset_data_dir
from tests.unit.kaldi.data_dirs import COUNTS, FILES, UTT2SPK, contents


def chosen(path, tmp_path, how):
    subset_data_dir(path, tmp_path / "out", how)
    return list(check_data_dir(tmp_path / "out")["utt2spk"])


def test_first_last_and_shortest(data, tmp_path):
    utts = sorted(UTT2SPK)
    assert chosen(data, tmp_path, subset.first(4)) == utts[:4]
    assert chosen(data, tmp_path, subset.last(4)) == utts[-4:]
    by_length = sorted(utts, key=lambda utt: int(FILES["utt2dur"][utt]))
    assert chosen(data, tmp_path, subset.shortest(5)) == sorted(by_length[:5])
    write_map(data / "utt2num_frames", {utt: 100 - i for i, utt in enumerate(utts)})
    assert chosen(data, tmp_path, subset.shortest(5)) == utts[-5:]


def test_utterances_of_each_speaker_are_spread(data, tmp_path):
    assert chosen(data, tmp_path, subset.per_speaker(2)) == ["a-0", "a-1", "b-0", "b-2", "c-0", "c-1", "d-0", "d-3"]
    assert chosen(data, tmp_path, subset.per_speaker(1)) == ["a-0", "b-0", "c-0", "d-0"]
    assert chosen(data, tmp_path, subset.per_speaker(9)) == sorted(UTT2SPK)


def test_random_choice_depends_on_the_seed_alone(data, tmp_path):
    for how in (subset.at_random, subset.whole_speakers):
        choices = {seed: tuple(chosen(data, tmp_path, how(5, seed))) for seed in range(5)}
        assert len(set(choices.values())) > 2
        assert choices[1] == tuple(chosen(data, tmp_path, how(5, 1)))
    assert len(chosen(data, tmp_path, subset.at_random(5, 1))) == 5


def test_whole_speakers_until_there_are_enough(data, tmp_path):
    for seed in range(5):
        utts = chosen(data, tmp_path, subset.whole_speakers(6, seed))
        counts = {spk: sum(UTT2SPK[utt] == spk for utt in utts) for spk in {UTT2SPK[utt] for utt in utts}}
        assert counts == {spk: COUNTS[spk] for spk in counts}
        assert 6 <= len(utts) < 6 + max(COUNTS.values())


def test_lists_name_what_is_kept(data, tmp_path):
    (tmp_path / "list").write_text("d\na more text\n")
    assert chosen(data, tmp_path, subset.of_speakers(tmp_path / "list")) == [u for u in UTT2SPK if UTT2SPK[u] in "ad"]
    (tmp_path / "list").write_text("b-1\na-2\n")
    assert chosen(data, tmp_path, subset.of_list(tmp_path / "list")) == ["a-2", "b-1"]
    for how, what in ((subset.of_list, "utterance"), (subset.of_speakers, "speaker")):
        (tmp_path / "list").write_text("a\na-1\n" if what == "speaker" else "a-1\na\n")
        with pytest.raises(InputError, match=f"list:2: 'a(-1)?' is no {what} of the data directory"):
            chosen(data, tmp_path, how(tmp_path / "list"))


def test_every_file_is_cut_to_the_subset(data, segmented, tmp_path):
    chosen(data, tmp_path, subset.first(2))
    files = check_data_dir(tmp_path / "out")
    assert {name: list(table) for name, table in files.items()} == {
        **dict.fromkeys(("wav.scp", "utt2spk", "utt2dur", "utt2mic"), ["a-0", "a-1"]),
        **dict.fromkeys(("spk2utt", "spk2gender"), ["a"]),
    }
    assert files["spk2utt"] == {"a": "a-0 a-1"}
    chosen(segmented, tmp_path, subset.last(2))
    files = check_data_dir(tmp_path / "out")
    assert list(files["wav.scp"]) == list(files["reco2dur"]) == ["rd"]
    assert list(files["segments"]) == ["d-4", "d-5"]
    assert not {"utt2mic", "spk2gender"} & files.keys()  # of the subset that was there before


def test_trials_and_models_go_along_where_they_are_whole(data, tmp_path, caplog):
    caplog.set_level("INFO")
    (data / "trials_pairs").write_text("a-0 a-1 target\na-0 d-0 nontarget\n")
    (data / "trials_ab").write_text("a-0 a-1 target\n")
    (data / "trials_voxceleb").write_text("1 a-0 a-1\n")
    (data / "models_m").write_text("ma a-0 a-1\n")
    (data / "trials_m").write_text("ma a-2 target\n")
    (data / "models_n").write_text("na a-0 d-1\n")
    (data / "trials_n").write_text("na a-2 target\n")
    for n, copied in (
        (3, ["models_m", "trials_ab", "trials_m", "trials_voxceleb"]),
        (2, ["models_m", "trials_ab", "trials_voxceleb"]),
    ):
        chosen(data, tmp_path, subset.first(n))
        out = tmp_path / "out"
        assert sorted(p.name for p in out.iterdir() if p.name[:6] in ("trials", "models")) == copied
        assert all((out / name).read_text() == (data / name).read_text() for name in copied)
    assert "trials_pairs: left out, as 1 of its names are not in the subset, first 'd-0'" in caplog.text
    assert "models_n: left out, as 1 of its names are not in the subset, first 'd-1'" in caplog.text
    assert "trials_n: left out, as 1 of its names are not in the subset, first 'na'" in caplog.text
    assert "trials_m: left out, as 1 of its names are not in the subset, first 'a-2'" in caplog.text


def test_nothing_is_written_where_a_list_is_malformed(data, tmp_path):
    (data / "trials_x").write_text("a-0 a-1 target more\n")
    with pytest.raises(InputError, match="trials_x:1: expected"):
        chosen(data, tmp_path, subset.first(3))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "how, message",
    [
        (subset.first(17), "data: 17 utterances are asked for; the data directory has 16"),
        (subset.at_random(17, 1), "17 utterances are asked for"),
        (lambda files: [], "no utterance is chosen"),
    ],
)
def test_a_subset_that_cannot_be_is_refused(data, tmp_path, how, message):
    with pytest.raises(InputError, match=message):
        chosen(data, tmp_path, how)
    assert not (tmp_path / "out").exists()


def test_a_subset_does_not_replace_its_source(data):
    before = contents(data)
    with pytest.raises(InputError, match="is the data directory itself"):
        subset_data_dir(data, data / ".." / "data", subset.first(2))
    assert contents(data) == before


@pytest.mark.parametrize("n, speakers", [(1, ["abcd"]), (2, ["ab", "cd"]), (3, ["a", "bc", "d"]), (4, list("abcd"))])
def test_parts_are_of_whole_speakers_and_like_sizes(data, n, speakers):
    outs = split_data_dir(data, n)
    assert outs == [data / f"split{n}" / str(i + 1) for i in range(n)]
    parts = [check_data_dir(out)["utt2spk"] for out in outs]
    assert [set(part.values()) for part in parts] == [set(s) for s in speakers]
    assert {utt: spk for part in parts for utt, spk in part.items()} == UTT2SPK


def test_parts_of_utterances_differ_by_one_at_most(data, segmented):
    for path in (data, segmented):
        parts = [check_data_dir(out) for out in split_data_dir(path, 5, per_utt=True)]
        assert [len(part["utt2spk"]) for part in parts] == [4, 3, 3, 3, 3]
        assert [utt for part in parts for utt in part["utt2spk"]] == sorted(UTT2SPK)
    assert (data / "split5utt/5/wav.scp").exists()


def test_too_many_parts_are_refused(data):
    with pytest.raises(InputError, match="4 speakers do not make 5 parts"):
        split_data_dir(data, 5)
    with pytest.raises(InputError, match="16 utterances do not make 17 parts"):
        split_data_dir(data, 17, per_utt=True)
