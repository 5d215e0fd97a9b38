import numpy as np
import pytest
import soundfile
import voxceleb_flac

from tests.unit.local.himia_corpus import write_audio

NAMES = [f"aac/id0001{spk}/video/0000{k}" for spk in range(2) for k in range(3)]


@pytest.fixture
def m4a(tmp_path):
    """Files called .m4a. Their content is WAV, which is read whatever a file is called."""
    for k, name in enumerate(NAMES):
        write_audio(tmp_path / f"m4a/{name}.m4a", 1600 + k)
    return tmp_path / "m4a"


def test_files_are_converted_without_loss_and_only_once(m4a, tmp_path):
    flac = tmp_path / "flac"
    voxceleb_flac.main([str(m4a), str(flac), "--shard", "1/2"])
    assert sorted(str(path.relative_to(flac)) for path in flac.rglob("*.*")) == [f"{name}.flac" for name in NAMES[:3]]
    first = (flac / f"{NAMES[0]}.flac").stat().st_mtime_ns
    voxceleb_flac.main([str(m4a), str(flac), "--jobs", "2"])
    for name in NAMES:
        audio, rate = soundfile.read(flac / f"{name}.flac", dtype="int16")
        assert rate == 16000 and np.array_equal(audio, soundfile.read(m4a / f"{name}.m4a", dtype="int16")[0])
    assert (flac / f"{NAMES[0]}.flac").stat().st_mtime_ns == first


def test_a_bad_file_is_named_and_the_others_are_converted(m4a, tmp_path, capsys):
    (m4a / f"{NAMES[1]}.m4a").write_bytes(b"not audio" * 99)
    with pytest.raises(SystemExit, match=rf"1 files cannot be converted; first {m4a}/{NAMES[1]}.m4a: not readable as"):
        voxceleb_flac.main([str(m4a), str(tmp_path / "flac")])
    assert "5 of 6 files of part 1/1 are there" in capsys.readouterr().out
    assert len(list((tmp_path / "flac").rglob("*.*"))) == 5


def test_a_folder_without_m4a_is_named(tmp_path):
    with pytest.raises(SystemExit, match="no .m4a files below it"):
        voxceleb_flac.main([str(tmp_path), str(tmp_path / "flac")])
