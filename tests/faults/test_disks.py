"""Disks that fill up or cannot be written, clocks that go wrong, folders that go elsewhere."""

import os
import re
import shutil
import subprocess
import tarfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faults.conftest import MADE_BY

pytestmark = pytest.mark.faults
DAY = 86400


@pytest.fixture
def mount():
    """A function that mounts something at a folder, by mount's arguments; the test is skipped where that is refused."""
    mounted = []

    def mount(folder: Path, *args: str) -> None:
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *args, str(folder)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"mount is needed, as root: {done.stderr.strip()}")
        mounted.append(folder)

    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def more_space(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


@pytest.mark.parametrize(("stage", "size"), [("feats", "200k"), ("train", "200k"), ("score", "4k"), ("report", "40k")])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(run, finish, mount, stage, size):
    run.back_to(stage)
    folder = run.exp / MADE_BY[stage]
    mount(folder, "-t", "tmpfs", "-o", f"size={size}", "spkr")
    named = f"error: {folder.relative_to(run.folder)}/.*: cannot be written .No space left on device"
    assert re.search(named, run.snakemake(ok=False))
    more_space(folder)
    run.check()
    finish(run)


def test_a_disk_full_of_everything(copy, finish, mount, tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    mount(folder, "-t", "tmpfs", "-o", "size=64m", "spkr")
    run = copy(folder)
    run.back_to("train")
    of_others = folder / "of others"
    disk = os.statvfs(folder)
    with of_others.open("wb") as f:
        os.posix_fallocate(f.fileno(), 0, disk.f_bavail * disk.f_bsize - 120_000)
    assert "No space left on device" in run.snakemake(ok=False)
    of_others.unlink()
    finish(run)


def test_a_folder_that_cannot_be_written(run, finish, mount):
    run.back_to("score")
    folder = run.exp / "main"
    mount(folder, "--bind", str(folder))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    assert "Read-only file system: 'exp/mini/main/" in run.snakemake(ok=False)
    subprocess.run(["mount", "-o", "remount,bind,rw", str(folder)], check=True)
    finish(run)


class Cutting(SimpleHTTPRequestHandler):
    """Serves a folder, but breaks off in the middle of a file that is asked for from its beginning."""

    def do_GET(self):
        content = Path(self.translate_path(self.path)).read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:] if start else content[: len(content) // 2])


@pytest.fixture
def server(tmp_path):
    """The folder that is served, and its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Cutting(*args, directory=str(tmp_path))) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,)).start()
        yield tmp_path, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_a_download_that_breaks_off_and_a_disk_that_fills_while_it_is_unpacked(run, finish, mount, server):
    folder, url = server
    with tarfile.open(folder / "mini.tar.gz", "w:gz") as tar:
        tar.add(run.folder / "exp/corpora/mini/an4", "an4")
    config = folder / "archive.yaml"
    config.write_text(f"corpus: {{synthesise: null, archives: {{.: {{file: mini.tar.gz, url: {url}/mini.tar.gz}}}}}}")
    run.config += (str(config),)
    run.back_to("corpus")
    size = (folder / "mini.tar.gz").stat().st_size
    mount(run.folder / "exp/corpora", "-t", "tmpfs", "-o", f"size={size + 500_000}", "spkr")
    assert f"broke off after {size // 2} of {size} bytes; run again" in run.snakemake(NO_PROXY="127.0.0.1", ok=False)
    assert "exp/corpora/mini: cannot be written (No space left on device)" in run.snakemake(
        NO_PROXY="127.0.0.1", ok=False
    )
    assert {p.name for p in (run.folder / "exp/corpora").iterdir()} == {"downloads", "mini.log"}
    more_space(run.folder / "exp/corpora")
    finish(run)


def test_a_clock_set_back_a_day(run, finish):
    run.back_to("embed")
    tomorrow = time.time() + DAY
    for path in run.exp.rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    assert "This could indicate a clock skew" in run.snakemake(ok=False)
    subprocess.run("find exp -newermt now -exec touch {} +", shell=True, cwd=run.folder, check=True)
    finish(run)


def test_a_clock_that_was_a_day_slow_when_the_run_ended(run, finish):
    yesterday = time.time() - DAY
    for path in (run.exp / "main").rglob("*"):
        os.utime(path, (yesterday, yesterday))
    assert finish(run) == {}


def test_without_snakemakes_own_notes(run, finish):
    run.back_to("score")
    shutil.rmtree(run.folder / ".snakemake")
    assert finish(run) == {"score": 3, "calibrate": 1, "apply_calibration": 2, "report": 1, "html": 1}


def test_results_moved_to_another_disk_with_a_link_in_their_place(run, finish, tmp_path):
    run.back_to("embed")
    shutil.move(run.folder / "exp", tmp_path / "elsewhere")
    (run.folder / "exp").symlink_to(tmp_path / "elsewhere")
    assert finish(run) == {
        "embed": 3,
        "merge_xvectors": 3,
        "backend": 1,
        "score": 3,
        "calibrate": 1,
        "apply_calibration": 2,
        "report": 1,
        "html": 1,
    }


def test_logs_removed(run, finish):
    shutil.rmtree(run.exp / "main/log")
    assert finish(run) == {}
    run.back_to("score")
    assert finish(run) == {"score": 3, "calibrate": 1, "apply_calibration": 2, "report": 1, "html": 1}
