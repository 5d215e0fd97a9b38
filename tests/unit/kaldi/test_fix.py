import pytest

from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.fix import fix_data_dir
from spkr.kaldi.maps import read_map, write_map
from tests.unit.kaldi.data_dirs import FILES, SEGMENTED, UTT2SPK, command, contents


def test_a_good_directory_is_left_alone(data, caplog):
    caplog.set_level("INFO")
    before = contents(data)
    fix_data_dir(data)
    assert contents(data) == before
    assert sorted(p.name for p in data.iterdir()) == sorted(before)
    assert f"{data}: kept all 16 utterances; nothing to fix" in caplog.text


def test_empty_transcripts_are_kept(data):
    (data / "text").write_text("".join(f"{utt}\n" for utt in sorted(UTT2SPK)))
    before = contents(data)
    fix_data_dir(data)
    assert contents(data) == before


def test_byte_order_marks_are_removed_and_said(data, caplog):
    caplog.set_level("INFO")
    good = (data / "utt2spk").read_bytes()
    (data / "utt2spk").write_bytes(b"\xef\xbb\xbf" + good)
    fix_data_dir(data)
    assert (data / "utt2spk").read_bytes() == good
    assert "utt2spk: 1 byte order marks removed" in caplog.text


def test_the_command_fails_where_faults_are_left(data, caplog):
    write_map(data / "wav.scp", {utt: "~/x.wav" for utt in UTT2SPK})
    status, said = command(caplog, "fix", data)
    assert status == 1
    assert "cannot be fixed here: " in said and "wav.scp:1: a-0 has '~/x.wav'; expected a path without ~" in said
    assert "data: faults are left (see above)" in said


def test_unsorted_and_repeated_lines_are_fixed_and_said(data, caplog):
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
    assert "wav.scp: 1 lines of keys that occur before dropped, first 'a-1' (line 17)" in caplog.text
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
    if name in ("vad.scp", "utt2mic"):  # cut down, never a reason to drop an utterance
        with pytest.raises(InputError, match="faults are left"):
            fix_data_dir(data)
        fault = f"{data}/{name}: 1 of 16 entries of {data}/utt2spk missing, first 'a-1'"
        assert f"cannot be fixed here: {fault}" in caplog.text
        assert read_map(data / "utt2spk").keys() == kept
    else:
        fix_data_dir(data)
        assert read_map(data / "utt2spk").keys() == kept
        check_data_dir(data)
        dropped = len(UTT2SPK) - len(kept)
        assert f"kept {16 - dropped} utterances" in caplog.text
        assert name == "utt2spk" or f"{name}: {dropped} utterances of utt2spk" in caplog.text


def test_values_that_are_none_are_as_good_as_missing(data):
    durations = {**FILES["utt2dur"], "a-0": "0", "b-0": "nan", "c-0": "1_0"}
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
def test_what_cannot_be_fixed_is_left_as_it_was(data, name, content, message):
    (data / "spk2gender").unlink()
    (data / name).unlink(missing_ok=True)
    if content:
        (data / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = contents(data)
    with pytest.raises(InputError, match=message):
        fix_data_dir(data)
    assert contents(data) == before
    assert not (data / ".backup").exists()
