"""Mending, cutting and joining data directories, and the checks of `spkr data validate`."""

import re
import shlex

import numpy as np
import pytest
import soundfile

from spkr.audio.check import Heard, listen
from spkr.cli import main, parser
from spkr.errors import InputError
from spkr.kaldi import subset
from spkr.kaldi.combine import combine_data_dirs
from spkr.kaldi.datadir import check_data_dir, read_map, write_data_dir, write_map
from spkr.kaldi.fix import fix_data_dir
from spkr.kaldi.subset import split_data_dir, subset_data_dir
from spkr.kaldi.validate import validate

RATE = 16000
VERBS = ["validate", "fix", "subset", "split", "combine", "info"]
COUNTS = {"a": 3, "b": 5, "c": 2, "d": 6}
UTT2SPK = {f"{spk}-{i}": spk for spk, n in COUNTS.items() for i in range(n)}
FILES = {
    "wav.scp": {utt: f"{utt}.wav" for utt in UTT2SPK},
    "utt2spk": UTT2SPK,
    "utt2dur": {utt: str(1 + i * 7 % 16) for i, utt in enumerate(UTT2SPK)},
    "utt2mic": dict.fromkeys(UTT2SPK, "near"),
    "spk2gender": dict(zip(COUNTS, "fmfm", strict=True)),
}
SEGMENTED = {
    "wav.scp": {f"r{spk}": f"{spk}.wav" for spk in COUNTS},
    "reco2dur": {f"r{spk}": "100" for spk in COUNTS},
    "segments": {utt: f"r{spk} {i} {i + 1}" for i, (utt, spk) in enumerate(UTT2SPK.items())},
    "utt2spk": UTT2SPK,
}


@pytest.fixture
def data(tmp_path):
    write_data_dir(tmp_path / "data", FILES)
    return tmp_path / "data"


@pytest.fixture
def segmented(tmp_path):
    write_data_dir(tmp_path / "segmented", SEGMENTED)
    return tmp_path / "segmented"


def contents(path):
    return {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}


# Mending


def test_a_good_directory_is_left_alone(data, caplog):
    caplog.set_level("INFO")
    before = contents(data)
    fix_data_dir(data)
    assert contents(data) == before
    assert sorted(p.name for p in data.iterdir()) == sorted(before)
    assert f"{data}: kept all 16 utterances; nothing to mend" in caplog.text


def test_unsorted_and_repeated_lines_are_mended_and_said(data, caplog):
    caplog.set_level("INFO")
    good = contents(data)
    for name in ("wav.scp", "utt2spk", "utt2dur"):
        lines = (data / name).read_text().splitlines()
        (data / name).write_text("\n".join(lines[::-1]))  # nor does the last line end
    with (data / "wav.scp").open("a") as f:
        f.write("\na-1 another.wav\n\nb-1\n")
    spoilt = contents(data)
    fix_data_dir(data)
    assert contents(data) == good
    assert contents(data / ".backup") == spoilt
    assert "wav.scp: 2 malformed lines dropped, first '' (line 18)" in caplog.text
    assert "wav.scp: 1 lines of keys that stand before dropped, first 'a-1' (line 17)" in caplog.text
    assert all(f"{name}: sorted" in caplog.text for name in ("wav.scp", "utt2spk", "utt2dur"))


@pytest.mark.parametrize(
    "name, lost, kept",
    [
        ("wav.scp", {"a-1", "b-0"}, set(UTT2SPK) - {"a-1", "b-0"}),
        ("utt2spk", {"a-1"}, set(UTT2SPK) - {"a-1"}),
        ("text", {"c-0", "c-1"}, set(UTT2SPK) - {"c-0", "c-1"}),
        ("feats.scp", {"d-5"}, set(UTT2SPK) - {"d-5"}),
        ("utt2num_frames", {"d-5"}, set(UTT2SPK) - {"d-5"}),
        ("spk2gender", {"b"}, {utt for utt in UTT2SPK if UTT2SPK[utt] != "b"}),
        ("vad.scp", {"a-1"}, set(UTT2SPK)),
        ("utt2mic", {"a-1"}, set(UTT2SPK)),
    ],
)
def test_what_all_files_have_is_kept_as_kaldi_has_it(data, caplog, name, lost, kept):
    caplog.set_level("INFO")
    for optional in ("text", "feats.scp", "vad.scp", "utt2num_frames"):
        write_map(data / optional, dict.fromkeys(UTT2SPK, "1"))
    write_map(data / name, {key: value for key, value in read_map(data / name).items() if key not in lost})
    fix_data_dir(data)
    assert read_map(data / "utt2spk").keys() == kept
    if name in ("vad.scp", "utt2mic"):  # cut down, never a reason to drop an utterance
        assert f"mend by hand: {data}/{name}: 1 of 16 entries of {data}/utt2spk missing, first 'a-1'" in caplog.text
    else:
        check_data_dir(data)
        dropped = len(UTT2SPK) - len(kept)
        assert f"kept {16 - dropped} utterances" in caplog.text
        assert name == "utt2spk" or f"{name}: {dropped} utterances of utt2spk" in caplog.text


def test_values_that_are_none_are_as_good_as_missing(data):
    durations = {**FILES["utt2dur"], "a-0": "0", "b-0": "nan", "c-0": "long"}
    write_map(data / "utt2dur", durations)
    fix_data_dir(data)
    assert read_map(data / "utt2spk").keys() == set(UTT2SPK) - {"a-0", "b-0", "c-0"}
    check_data_dir(data)


def test_segments_and_recordings_go_together(segmented):
    wav = {reco: path for reco, path in SEGMENTED["wav.scp"].items() if reco != "rb"}
    write_map(segmented / "wav.scp", wav | {"rx": "x.wav"})
    write_map(segmented / "segments", {**SEGMENTED["segments"], "c-0": "rc 3 2", "c-1": "rc 5"})
    fix_data_dir(segmented)
    assert read_map(segmented / "utt2spk").keys() == {utt for utt, spk in UTT2SPK.items() if spk in "ad"}
    assert list(read_map(segmented / "wav.scp")) == list(read_map(segmented / "reco2dur")) == ["ra", "rd"]
    check_data_dir(segmented)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("wav.scp", "x x.wav\n", "no utterance remains"),
        ("utt2spk", None, "utt2spk: no such file"),
        ("utt2spk", "a-0 b\na-1 a\na-2 a\n", "utterance 'a-1' comes after 'a-0', but its speaker 'a' before 'b'"),
        ("utt2mic", b"\xff", "utt2mic: cannot be read as UTF-8 text"),
        ("segments", "a-0 ra 0 1\n", "segments: .*|no utterance remains"),
    ],
)
def test_what_cannot_be_mended_is_left_as_it_was(data, name, content, message):
    (data / "spk2gender").unlink()
    (data / name).unlink(missing_ok=True)
    if content:
        (data / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = contents(data)
    with pytest.raises(InputError, match=message):
        fix_data_dir(data)
    assert contents(data) == before
    assert not (data / ".backup").exists()


# Subsets


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
    (data / "models_m").write_text("ma a-0 a-1\n")
    (data / "trials_m").write_text("ma a-2 target\n")
    (data / "models_n").write_text("na a-0 d-1\n")
    (data / "trials_n").write_text("na a-2 target\n")
    for n, copied in ((3, ["models_m", "trials_ab", "trials_m"]), (2, ["models_m", "trials_ab"])):
        chosen(data, tmp_path, subset.first(n))
        out = tmp_path / "out"
        assert sorted(p.name for p in out.iterdir() if p.name[:6] in ("trials", "models")) == copied
        assert all((out / name).read_text() == (data / name).read_text() for name in copied)
    assert "trials_pairs: left out, as 1 of its names are not in the subset, first 'd-0'" in caplog.text
    assert "models_n: left out, as 1 of its names are not in the subset, first 'd-1'" in caplog.text
    assert "trials_n: left out, as 1 of its names are not in the subset, first 'na'" in caplog.text
    assert "trials_m: left out, as 1 of its names are not in the subset, first 'a-2'" in caplog.text


@pytest.mark.parametrize(
    "how, message",
    [
        (subset.first(17), "data: 17 utterances wanted; the data directory has 16"),
        (subset.at_random(17, 1), "17 utterances wanted"),
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


# Splitting


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


# Joining


def other(path, **files):
    utts = {"e-0": "e", "e-1": "e"}
    write_data_dir(path, {"utt2spk": utts, "wav.scp": {utt: f"{utt}.wav" for utt in utts}, **files})
    return path


def test_combined_parts_are_the_whole(data, tmp_path):
    combine_data_dirs(tmp_path / "out", split_data_dir(data, 3))
    assert contents(tmp_path / "out") == contents(data)


def test_what_not_all_have_is_left_out_and_said(data, tmp_path, caplog):
    e = other(tmp_path / "e", utt2dur={"e-0": 2, "e-1": 2}, utt2aug={"e-0": "speed=0.9", "e-1": "speed=1"})
    combine_data_dirs(tmp_path / "out", [data, e])
    files = check_data_dir(tmp_path / "out")
    assert sorted(files) == ["spk2utt", "utt2aug", "utt2dur", "utt2spk", "wav.scp"]
    assert files["utt2aug"] == dict.fromkeys(sorted(UTT2SPK), "speed=1") | {"e-0": "speed=0.9", "e-1": "speed=1"}
    assert f"left out utt2mic, which {e} lacks" in caplog.text
    assert f"left out spk2gender, which {e} lacks" in caplog.text


def test_utterances_without_segments_are_made_segments(segmented, tmp_path):
    e = other(tmp_path / "e", utt2dur={"e-0": 2, "e-1": 2.5}, utt2uniq={"e-0": "x", "e-1": "y"})
    combine_data_dirs(tmp_path / "out", [segmented, e])
    files = check_data_dir(tmp_path / "out")
    assert {files["segments"][utt] for utt in ("a-0", "e-0", "e-1")} == {"ra 0 1", "e-0 0 2", "e-1 0 2.5"}
    assert files["wav.scp"].keys() == {*SEGMENTED["wav.scp"], "e-0", "e-1"}
    assert (files["utt2uniq"]["a-0"], files["utt2uniq"]["e-0"]) == ("a-0", "x")
    with pytest.raises(InputError, match="f/utt2dur: no such file; expected the durations"):
        combine_data_dirs(tmp_path / "out2", [segmented, other(tmp_path / "f")])


def test_conflicts_name_both(data, tmp_path):
    again = {name: {"a-0": FILES[name]["a-0"]} for name in ("utt2spk", "utt2dur", "utt2mic")}
    write_data_dir(tmp_path / "e", {**again, "wav.scp": {"a-0": "other.wav"}, "spk2gender": {"a": "f"}})
    with pytest.raises(InputError, match="e/wav.scp: 'a-0' is 'other.wav', but 'a-0.wav' in .*data/wav.scp; rename"):
        combine_data_dirs(tmp_path / "out", [data, tmp_path / "e"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="data: is one of the directories to combine"):
        combine_data_dirs(data, [tmp_path / "e", data])


# Checking


@pytest.fixture
def recordings(tmp_path):
    """Three recordings of a second, in two speakers' data directory."""
    rng = np.random.default_rng(0)
    for name in ("a-0", "a-1", "b-0"):
        soundfile.write(tmp_path / f"{name}.wav", rng.normal(0, 0.1, RATE), RATE)
    utts = {"a-0": "a", "a-1": "a", "b-0": "b"}
    wav = {utt: f"{tmp_path}/{utt}.wav" for utt in utts}
    write_data_dir(tmp_path / "data", {"utt2spk": utts, "wav.scp": wav, "utt2dur": dict.fromkeys(utts, 1)})
    return tmp_path / "data"


def command(caplog, *args):
    """Exit status, and what the command logged."""
    caplog.clear()
    caplog.set_level("INFO")
    try:
        main(["data", *map(str, args)])
        status = 0
    except SystemExit as e:
        status = e.code
    return status, caplog.text


def test_good_recordings_are_found_good(recordings, caplog):
    status, said = command(caplog, "validate", recordings, "--nj", 2)
    assert (status, len(caplog.records)) == (0, 1)
    assert "3 utterances, well-formed" in said


def test_recordings_are_listened_to(recordings, caplog):
    folder = recordings.parent
    rng = np.random.default_rng(0)
    whole = (folder / "a-0.wav").read_bytes()
    for content, message in (
        (None, "data/wav.scp:1: a-0: .*a-0.wav: no such audio file"),
        (b"text", "data/wav.scp:1: a-0: .*not readable as audio"),
        (whole[:44], "data/wav.scp:1: a-0: .*cut short|no samples"),
        (whole[:-100], "data/wav.scp:1: a-0: .*cut short after 15950 samples"),
        ((rng.normal(0, 0.1, (RATE, 2)), RATE), "data/wav.scp:1: a-0: .*2 channels; expected one"),
        ((rng.normal(0, 0.1, 8000), 8000), "wav.scp:1: a-0 is sampled at 8000 Hz, 2 of 3 recordings at 16000 Hz"),
        ((rng.normal(0, 0.1, 7999), RATE), "data/utt2dur:1: a-0 has 1 s; its audio has 0.500 s"),
    ):
        (folder / "a-0.wav").unlink(missing_ok=True)
        if isinstance(content, bytes):
            (folder / "a-0.wav").write_bytes(content)
        elif content:
            soundfile.write(folder / "a-0.wav", *content)
        status, said = command(caplog, "validate", recordings)
        assert status == 1
        assert re.search(message, said)
        assert command(caplog, "validate", recordings, "--no-audio")[0] == 0


def test_clipping_and_silence_are_warned_of(recordings, caplog):
    tone = np.sin(np.arange(RATE) / 10)
    soundfile.write(recordings.parent / "a-0.wav", np.clip(1.1 * tone, -1, 1), RATE)
    soundfile.write(recordings.parent / "b-0.wav", tone * (np.arange(RATE) < 6400) / 2, RATE)
    status, said = command(caplog, "validate", recordings)
    assert status == 0
    assert "warning: " in said
    assert "wav.scp:1: a-0 is clipped: 2" in said
    assert "wav.scp:3: b-0 is silent below -70 dB for 60 % of its time" in said
    _, said = command(caplog, "validate", recordings, "--max-clipped", 0.3, "--max-silent", 0.7)
    assert "warning" not in said


def test_segments_are_inside_what_is_heard(recordings, caplog):
    wav = {"ra": f"{recordings.parent}/a-0.wav", "rb": f"cat {recordings.parent}/b-0.wav |"}
    files = {"utt2spk": {"a-0": "a", "a-1": "a", "b-0": "b"}, "wav.scp": wav}
    segments = {"a-0": "ra 0 0.5", "a-1": "ra 0.5 1.4", "b-0": "rb 0 -1"}
    write_data_dir(recordings, {**files, "segments": segments})
    assert command(caplog, "validate", recordings, "--allow-pipes")[0] == 0
    status, said = command(caplog, "validate", recordings)
    assert status == 1
    assert "wav.scp:2: rb: cat" in said and "--allow-pipes" in said
    write_data_dir(recordings, {**files, "segments": {**segments, "a-1": "ra 0.5 1.6"}})
    status, said = command(caplog, "validate", recordings, "--allow-pipes")
    assert status == 1
    assert "segments:2: a-1: " in said and "its segment from 0.5 to 1.6 s is not inside" in said


def test_ten_faults_of_a_kind_are_shown_and_the_rest_counted(data):
    write_map(data / "utt2dur", dict.fromkeys(UTT2SPK, "0"))
    (data / "spk2utt").write_text("a a-0\nb b-0\nc c-0 c-1\nd d-0\n")
    faults = validate(data).faults
    assert sum("utt2dur:" in fault for fault in faults) == 10
    assert "... and 6 more such" in faults
    assert sum("spk2utt:" in fault for fault in faults) == 3


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("utt2dur", "a-0 1\na-1\n", "utt2dur:2: expected '<key> <value>', found 'a-1'"),
        ("wav.scp", "a-1 x\na-0 x\n", "wav.scp:2: 'a-0' is out of order"),
        ("wav.scp", "a-0 x\na-1 x\nb-0 x", "wav.scp: the last line does not end"),
        ("wav.scp", "a-0 x\na-1 x\r\nb-0 x\n", "wav.scp:2: a carriage return"),
        ("spk2utt", None, "spk2utt: no such file"),
        ("wav.scp", None, "wav.scp: no such file"),
        ("utt2mic", "", "utt2mic: the file is empty"),
    ],
)
def test_a_malformed_file_fails_the_command(recordings, caplog, name, content, message):
    (recordings / name).unlink(missing_ok=True)
    if content is not None:
        (recordings / name).write_bytes(content.encode())
    status, said = command(caplog, "validate", recordings)
    assert status == 1
    assert message in said
    assert "spkr data validate: error: " in said


def test_kaldis_directories_without_audio_or_prefixes_can_be_checked(data, caplog):
    (data / "wav.scp").unlink()
    assert command(caplog, "validate", data)[0] == 1
    assert command(caplog, "validate", data, "--no-wav")[0] == 0
    (data / "utt2spk").write_text("".join(f"{utt} x\n" for utt in UTT2SPK))
    (data / "spk2utt").write_text(f"x {' '.join(UTT2SPK)}\n")
    (data / "spk2gender").write_text("x f\n")
    assert command(caplog, "validate", data, "--no-wav")[0] == 1
    status, said = command(caplog, "validate", data, "--no-wav", "--no-spk-sort")
    assert status == 0
    assert "all utterances are of one speaker, 'x'" in said


# The command line


def test_info_says_what_is_there(recordings, capsys):
    (recordings / "trials_x").write_text("a-0 b-0 nontarget\n")
    (recordings / "spk2gender").write_text("a f\nb m\n")
    (recordings.parent / "b-0.wav").unlink()
    main(["data", "info", str(recordings)])
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "utterances 3",
        "speakers 2 (1 f, 1 m)",
        "utterances a speaker 1 to 2, mean 1.5",
        "hours 0.00",
        "seconds an utterance 1.00 to 1.00, mean 1.0",
        "seconds a speaker 1.0 to 2.0, mean 1.5",
        "recordings 3: 2 at 16000 Hz, 1 unusable (spkr data validate says why)",
        "files utt2spk spk2utt spk2gender utt2dur wav.scp",
        "others trials_x",
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_an_example_that_parses(verb, capsys):
    with pytest.raises(SystemExit) as end:
        main(["data", verb, "--help"])
    assert end.value.code == 0
    example = shlex.split(capsys.readouterr().out.partition("example:\n")[2])
    assert example[:3] == ["spkr", "data", verb]
    assert parser().parse_args(example[1:]).verb == f"data {verb}"


def test_the_verbs_do_what_their_options_say(data, tmp_path, caplog):
    out = tmp_path / "out"
    for args, utts in (
        (["--first", 2], ["a-0", "a-1"]),
        (["--last", 1], ["d-5"]),
        (["--per-spk", 1], ["a-0", "b-0", "c-0", "d-0"]),
        (["--shortest", 1], ["a-0"]),
        (["--num-utt", 3, "--seed", 7], None),
        (["--speakers", 3, "--seed", 7], None),
    ):
        assert command(caplog, "subset", data, out, *args)[0] == 0
        assert utts is None or list(read_map(out / "utt2spk")) == utts
    for option, line in (("--spk-list", "c"), ("--utt-list", "c-1")):
        (tmp_path / "list").write_text(f"{line}\n")
        assert command(caplog, "subset", data, out, option, tmp_path / "list")[0] == 0
        assert set(read_map(out / "utt2spk")) == {"c-0", "c-1"} - ({"c-0"} if option == "--utt-list" else set())
    assert command(caplog, "split", data, 2)[0] == command(caplog, "split", "--per-utt", data, 2)[0] == 0
    assert command(caplog, "combine", out, data / "split2/1", data / "split2utt/2")[0] == 0
    assert command(caplog, "fix", out)[0] == 0
    (out / "manifest.json").unlink()
    assert contents(out) == contents(data)
    assert command(caplog, "subset", data, out, "--first", 0)[0] == 2
    assert command(caplog, "subset", data, out)[0] == 2


def test_the_level_of_the_last_and_shorter_block_is_its_own(tmp_path):
    tone = 1.3 * 10 ** (-70 / 20) * np.sqrt(2) * np.sin(np.arange(0.15 * RATE))  # 2 dB above what is silent
    soundfile.write(tmp_path / "x.wav", tone, RATE, subtype="FLOAT")
    assert listen(str(tmp_path / "x.wav")) == Heard(RATE, 2400, clipped=0, silent=0)
    soundfile.write(tmp_path / "x.wav", tone / 2, RATE, subtype="FLOAT")
    assert listen(str(tmp_path / "x.wav")) == Heard(RATE, 2400, clipped=0, silent=1)


def test_malformed_segments_are_found_with_all_else(segmented):
    (segmented / "segments").write_text((segmented / "segments").read_text().replace("ra 0 1", "ra zero 1"))
    (segmented / "spk2utt").write_text("a a-0\nb b-0\nc c-0 c-1\nd d-0\n")
    faults = validate(segmented).faults
    assert len(faults) == 4
    assert "segments:1: a-0 has 'ra zero 1'; expected '<recording> <start> <end>' in seconds" in faults[0]
