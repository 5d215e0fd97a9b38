import fcntl
import os
import shutil

import pytest

from spkr.audio.fingerprint import fingerprints
from spkr.cli import main
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import write_map
from spkr.manifest import artefacts


@pytest.fixture
def exp(tmp_path, monkeypatch):
    """Two utterances' data directory, and what two stages made of it, the later one first in the alphabet."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_bytes(name.encode() * 20_000)
    wav = {"a": "a.wav", "b": "b.wav"}
    with artefacts("data", {}, "exp/an4/data/test/manifest.json"):
        files = {"wav.scp": wav, "reco2sum": fingerprints(wav), "utt2spk": {"a": "a", "b": "b"}}
        write_data_dir("exp/an4/data/test", files)
    with artefacts("feats", {}, "exp/an4/feats/manifest.1.json"):
        write_map("exp/an4/feats/x.1", {"a": 1})
    with artefacts("embed", {}, "exp/an4/a_later_one/manifest.json"):
        write_map("exp/an4/a_later_one/x", {"a": 1})
    os.utime("exp/an4/a_later_one/manifest.json", (2e9, 2e9))
    return tmp_path / "exp/an4"


def check(capsys, caplog, *args):
    """Exit status, what is logged, what is printed."""
    caplog.set_level("INFO")
    caplog.clear()
    try:
        main(["check", *args])
        status = 0
    except SystemExit as end:
        status = end.code
    return status, caplog.messages, capsys.readouterr().out


def test_all_is_whole(exp, capsys, caplog):
    status, (line,), _ = check(capsys, caplog, "exp/an4")
    assert status == 0
    assert line.startswith("exp/an4: whole: 6 files (0 MB) and 2 recordings, in ")


def test_a_moved_folder_is_whole(exp, capsys, caplog):
    exp.rename(exp.with_name("moved"))
    assert check(capsys, caplog, "exp/moved")[0] == 0


@pytest.mark.parametrize("where", ["exp", "exp/an4", "elsewhere"])
def test_from_any_folder_the_same_is_found(exp, tmp_path, monkeypatch, capsys, caplog, where):
    write_map(exp / "feats/feats.scp", {"a": "exp/an4/feats/feats.1.ark:2"})
    (exp / "feats/feats.1.ark").write_text("a ...")
    (tmp_path / where).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / where)
    path = str(exp) if where == "elsewhere" else {"exp": "an4", "exp/an4": "."}[where]
    status, (line,), _ = check(capsys, caplog, path)
    assert status == 0
    assert line.startswith(f"{path}: whole: 6 files (0 MB) and 2 recordings, in ")
    (exp / "feats/feats.1.ark").unlink()
    (tmp_path / "b.wav").unlink()
    _, lines, printed = check(capsys, caplog, path, "--remove")
    assert f"{exp}/feats/feats.1.ark: missing" in lines[0]
    assert f"{tmp_path}/b.wav: no such audio file" in lines[1]
    assert printed == f"(cd {tmp_path} && snakemake --cores all exp/an4/feats/feats.1.ark)\n"


def test_damage_is_named_and_stays(exp, capsys, caplog):
    (exp / "feats/x.1").write_text("a 2\n")
    (exp / "data/test/spk2utt").unlink()
    status, lines, _ = check(capsys, caplog, "exp/an4")
    assert status == 1
    assert lines[:2] == [
        "exp/an4/data/test/spk2utt: missing; the stage data wrote it",
        "exp/an4/feats/x.1: other bytes than the stage feats wrote",
    ]
    assert "exp/an4: 2 faults (see above); `spkr check --remove exp/an4`" in lines[2]
    assert (exp / "feats/x.1").exists()


def test_damaged_files_are_taken_away_and_the_commands_come_in_the_order_of_the_stages(exp, capsys, caplog):
    (exp / "feats/x.1").write_text("a 2\n")
    (exp / "a_later_one/x").write_text("a 22\n")
    status, lines, printed = check(capsys, caplog, "exp/an4", "--remove")
    assert status == 0
    assert lines[-1] == "exp/an4: 2 faults (see above), all removed"
    assert printed.splitlines() == [
        "snakemake --cores all exp/an4/feats/x.1",
        "snakemake --cores all exp/an4/a_later_one/x",
    ]
    for name in ("feats/x.1", "feats/manifest.1.json", "a_later_one/x", "a_later_one/manifest.json"):
        assert not (exp / name).exists()
    assert (exp / "data/test/manifest.json").exists()
    assert check(capsys, caplog, "exp/an4")[0] == 0


def test_an_ark_that_is_gone_is_missed_without_its_manifest(exp, capsys, caplog):
    write_map(exp / "feats/feats.scp", {"a": "exp/an4/feats/feats.1.ark:2", "b": "exp/an4/feats/feats.1.ark:99"})
    status, lines, _ = check(capsys, caplog, "exp/an4")
    assert status == 1
    assert lines[0] == "exp/an4/feats/feats.1.ark: missing, though a table names it"
    assert check(capsys, caplog, "exp/an4", "--remove")[2] == "snakemake --cores all exp/an4/feats/feats.1.ark\n"


def test_what_a_killed_job_left_goes_and_what_a_job_is_writing_stays(exp, capsys, caplog):
    left, used = exp / "feats/.x.1.abc.tmp", exp / "feats/.x.1.def.tmp"
    left.write_text("half")
    with used.open("w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        status, lines, printed = check(capsys, caplog, "exp/an4", "--remove")
    assert (status, printed) == (0, "")
    assert lines[0] == "exp/an4/feats/.x.1.abc.tmp: left half-written by a job that was killed"
    assert (left.exists(), used.exists()) == (False, True)


def test_a_damaged_manifest_goes(exp, capsys, caplog):
    (exp / "feats/manifest.1.json").write_text("{")
    status, lines, printed = check(capsys, caplog, "exp/an4", "--remove")
    assert status == 0
    assert lines[0].startswith("exp/an4/feats/manifest.1.json: not a manifest (JSONDecodeError: ")
    assert printed == "snakemake --cores all exp/an4/feats/manifest.1.json\n"
    assert not (exp / "feats/manifest.1.json").exists()
    assert (exp / "feats/x.1").exists()


def test_recordings_are_named_and_never_taken_away(exp, tmp_path, capsys, caplog):
    (tmp_path / "a.wav").unlink()
    shutil.copy("b.wav", "other.wav")
    with (tmp_path / "b.wav").open("r+b") as f:
        f.write(b"new")
    status, lines, _ = check(capsys, caplog, "exp/an4", "--remove")
    assert status == 1
    assert lines[0].startswith("a.wav: no such audio file; it existed when the data were prepared: put it back")
    assert lines[1].startswith("b.wav: not the recording that the data were prepared from")
    assert (tmp_path / "b.wav").exists()
    assert (exp / "data/test/manifest.json").exists()
    shutil.copy("other.wav", "b.wav")
    (tmp_path / "a.wav").write_bytes(b"a" * 20_000)
    assert check(capsys, caplog, "exp/an4")[0] == 0


def test_a_change_on_purpose_is_accepted(exp, capsys, caplog):
    (exp / "feats/x.1").write_text("a 2\n")
    assert check(capsys, caplog, "--accept", "exp/an4/feats/x.1")[0] == 0
    assert check(capsys, caplog, "exp/an4")[0] == 0


def test_a_folder_that_cannot_be_read_is_not_left_out(exp, unprivileged):
    (exp / "feats").chmod(0)
    done = unprivileged("from spkr.cli import main; main(['check', 'exp/an4'])")
    (exp / "feats").chmod(0o755)
    assert done.returncode == 1
    assert "spkr check: error: exp/an4/feats: cannot be read (Permission denied)" in done.stderr


@pytest.mark.parametrize(("path", "message"), [("exp/an5", "no such folder"), (".venv", "holds no manifest")])
def test_a_folder_without_artefacts_is_refused(exp, tmp_path, capsys, caplog, path, message):
    (tmp_path / ".venv").mkdir()
    status, (line,), _ = check(capsys, caplog, path)
    assert status == 1
    assert f"{path}: {message}" in line
