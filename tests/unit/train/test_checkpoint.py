import errno
import logging
import os
import resource
import subprocess
import sys

import pytest
import torch

from spkr.errors import InputError
from spkr.train.arks import Arks
from spkr.train.checkpoint import RunFolder, fingerprint

IDENTITY = {"seed": 1, "settings": {"lr": 0.1}}


def folder(tmp_path, identity=IDENTITY):
    return RunFolder(tmp_path, identity, Arks([]))


def steps(run):
    return sorted(p.name for p in run.path.glob("step-*"))


def test_a_fingerprint_depends_on_what_is_said_and_not_on_its_order():
    a, b = {"x": 1, "y": {"p": 2, "q": [3, 4]}}, {"y": {"q": [3, 4], "p": 2}, "x": 1}
    assert fingerprint(a) == fingerprint(b)
    assert fingerprint(a) != fingerprint(a | {"x": 2})
    assert fingerprint(a) != fingerprint({"x": 1, "y": {"p": 2, "q": [4, 3]}})


def test_the_newest_checkpoint_is_taken_and_the_last_two_are_kept(tmp_path):
    run = folder(tmp_path)
    assert run.latest() is None
    for step in (9, 10, 100):
        run.save(step, {"step": step, "net": {"w": torch.full((3,), step)}})
    assert steps(run) == ["step-10.pt", "step-100.pt"]
    assert run.latest()["step"] == 100
    assert torch.equal(run.latest()["net"]["w"], torch.full((3,), 100))


@pytest.mark.parametrize("left", [0, 10, 600])
def test_a_checkpoint_cut_short_is_named_and_the_one_before_it_taken(tmp_path, caplog, left):
    run = folder(tmp_path)
    for step in (5, 10):
        run.save(step, {"step": step, "net": {"w": torch.zeros(100)}})
    whole = (run.path / "step-10.pt").read_bytes()
    (run.path / "step-10.pt").write_bytes(whole[:left])
    with caplog.at_level(logging.WARNING):
        assert run.latest()["step"] == 5
    assert "step-10.pt is damaged" in caplog.text
    assert steps(run) == ["step-5.pt"]
    (run.path / "step-5.pt").write_bytes(b"")
    assert run.latest() is None


def test_a_checkpoint_is_whole_or_absent(tmp_path):
    run = folder(tmp_path)
    run.save(1, {"step": 1})
    with pytest.raises(Exception, match="cannot be pickled|can't pickle|cannot pickle"):
        run.save(2, {"step": 2, "bad": (x for x in ())})
    assert steps(run) == ["step-1.pt"]
    assert not list(run.path.glob(".*.tmp"))


def test_what_a_killed_trainer_was_writing_is_swept_away(tmp_path):
    run = folder(tmp_path)
    run.save(3, {"step": 3})
    (run.path / ".step-4.pt.x1y2.tmp").write_bytes(b"half")
    again = folder(tmp_path)
    assert not list(again.path.glob(".*.tmp"))
    assert again.latest()["step"] == 3


def test_other_settings_have_another_folder(tmp_path):
    one, other = folder(tmp_path), folder(tmp_path, IDENTITY | {"seed": 2})
    one.save(3, {"step": 3})
    assert other.path != one.path
    assert other.latest() is None
    assert '"seed": 2' in (other.path / "settings.json").read_text()


def test_a_finished_run_is_cleared_when_its_folder_is_taken_again(tmp_path):
    run = folder(tmp_path)
    run.save(3, {"step": 3})
    (run.path / "tensorboard").mkdir()
    (run.path / "tensorboard/events").write_text("x")
    run.finish()
    assert run.latest()["step"] == 3
    again = folder(tmp_path)
    assert again.path == run.path
    assert again.latest() is None
    assert {p.name for p in again.path.iterdir()} == {".lock", "settings.json", "arks.json"}


def test_two_trainers_cannot_share_a_folder(tmp_path):
    run = folder(tmp_path)
    second = f"""if True:
        from spkr.train.arks import Arks
        from spkr.train.checkpoint import RunFolder
        RunFolder({str(tmp_path)!r}, {IDENTITY!r}, Arks([]))
    """
    held = subprocess.run([sys.executable, "-c", second], capture_output=True, text=True)
    assert f"{run.path}: another trainer is running here" in held.stderr
    run.finish()
    assert subprocess.run([sys.executable, "-c", second], capture_output=True).returncode == 0


def test_the_lock_is_not_kept_by_a_process_that_the_trainer_forked(tmp_path):
    """As a loader's worker is, which lives on for seconds after its trainer was killed."""
    script = f"""if True:
        import os, sys, time
        from spkr.train.arks import Arks
        from spkr.train.checkpoint import RunFolder
        RunFolder({str(tmp_path)!r}, {IDENTITY!r}, Arks([]))
        if os.fork() == 0:
            time.sleep(60)
        os.kill(os.getpid(), 9)
    """
    trainer = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    trainer.wait()
    try:
        assert folder(tmp_path, IDENTITY).latest() is None
    finally:
        subprocess.run(["kill", "-9", "--", f"-{trainer.pid}"], check=True)


def test_a_disk_that_takes_no_more_keeps_the_last_checkpoint_and_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # what is imported beyond the limit leaves a part of a .pyc
    run = folder(tmp_path)
    run.save(1, {"step": 1, "net": {"w": torch.zeros(100)}})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
    try:
        with pytest.raises(InputError) as error:
            run.save(2, {"step": 2, "net": {"w": torch.zeros(100_000)}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    reason = f"step-2.pt: cannot be written ({os.strerror(errno.EFBIG)}); nothing half-written is left: make room, and"
    assert str(error.value).startswith(f"{run.path / reason}")
    assert steps(run) == ["step-1.pt"]
    assert not list(run.path.glob(".*.tmp"))
    assert run.latest()["step"] == 1
