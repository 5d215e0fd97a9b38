import os
import signal
import subprocess
import sys
import time

import pytest

from spkr import orphan
from spkr.errors import InputError
from spkr.files import replacing

PARENT = """if True:
    import os, subprocess, sys
    from spkr import orphan
    os.environ[orphan.VARIABLE] = orphan.name_of(os.getpid())
    subprocess.run([sys.executable, "-c", {child!r}])
"""
WRITES = """if True:
    import time
    from spkr.files import replacing
    with replacing("out") as f:
        f.write("whole")
        f.flush()
        open("begun", "w").close()
        while not __import__("os").path.exists("go"):
            time.sleep(0.02)
"""
RUNS = """if True:
    import argparse, time
    import spkr.cli
    from spkr.files import replacing

    def run(args):
        with replacing("out"):
            open("begun", "w").close()
            time.sleep(60)

    parsed = argparse.Namespace(log=None, run=run, verb="x")
    spkr.cli.parser = lambda: argparse.Namespace(parse_args=lambda argv: parsed)
    spkr.cli.main([])
"""


def start(folder, child):
    """A workflow with a job that has begun to write."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(child=child)], cwd=folder, stderr=subprocess.PIPE)
    wait_for(lambda: (folder / "begun").exists())
    return parent


def wait_for(happened, seconds=20):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("reaped", [True, False])
def test_an_orphan_cannot_write_under_a_final_name(tmp_path, reaped):
    parent = start(tmp_path, WRITES)
    parent.kill()
    if reaped:
        parent.wait()
    wait_for(lambda: orphan.name_of(parent.pid) is None)
    (tmp_path / "go").touch()
    message = parent.stderr.read().decode()  # until the child has ended, too
    assert "out: not written, as the workflow that started this job is gone" in message
    assert names(tmp_path) == ["begun", "go"]
    parent.wait()


def test_a_job_of_a_living_workflow_writes(tmp_path):
    parent = start(tmp_path, WRITES)
    (tmp_path / "go").touch()
    assert parent.wait() == 0
    assert (tmp_path / "out").read_text() == "whole"


def test_an_orphan_ends_and_leaves_no_temporary_file(tmp_path):
    parent = start(tmp_path, RUNS)
    assert len(names(tmp_path)) == 2
    parent.kill()
    begun = time.monotonic()
    parent.stderr.read()
    assert time.monotonic() - begun < 5
    assert names(tmp_path) == ["begun"]
    parent.wait()


def test_checkpoints_of_orphans_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv(orphan.VARIABLE, f"{orphan.name_of(os.getpid()).rsplit(' ', 2)[0]} {os.getpid()} 1")
    assert orphan.is_orphan()  # the process of that number began at another time
    with pytest.raises(InputError, match="start it again"), replacing(tmp_path / "x"):
        pass
    with replacing(tmp_path / "x", orphaned=True):
        pass
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("name", ["", "another-boot pid:[1] 1 1"])
def test_processes_without_a_workflow_of_this_machine_are_no_orphans(name, monkeypatch):
    monkeypatch.setenv(orphan.VARIABLE, name)
    assert not orphan.is_orphan()


def test_sigterm_ends_a_verb_without_leaving_temporary_files(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", RUNS], cwd=tmp_path)
    wait_for(lambda: (tmp_path / "begun").exists())
    child.send_signal(signal.SIGTERM)
    assert child.wait() == 143
    assert names(tmp_path) == ["begun"]


def test_a_process_that_began_later_has_another_name():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ours, its = orphan.name_of(os.getpid()).split(), orphan.name_of(child.pid).split()
    child.communicate(b"\n")
    assert ours[:-2] == its[:-2]
    assert int(ours[-1]) < int(its[-1])
    assert orphan.name_of(child.pid) is None
