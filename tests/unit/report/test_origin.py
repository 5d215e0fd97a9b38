"""What is said of the machine and the code."""

import os
import re
import subprocess

import snakemake
import torch

from spkr.report.origin import commit, machine, origin

CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) Processor @ 2.10GHz
flags\t\t: fpu avx2 {flags}

processor\t: 1
model name\t: Intel(R) Xeon(R) Processor @ 2.10GHz
flags\t\t: fpu avx2 {flags}
"""


def test_the_machine_has_a_name_its_bfloat16_and_a_number_of_cores(tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    file.write_text(CPUINFO.format(flags="avx512_bf16 amx_bf16"))
    assert machine(file) == "Intel(R) Xeon(R) Processor @ 2.10GHz with AMX BF16, 2 cores"
    file.write_text(CPUINFO.format(flags="avx512_bf16"))
    assert machine(file) == "Intel(R) Xeon(R) Processor @ 2.10GHz with AVX-512 BF16, 2 cores"
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1})
    file.write_text(CPUINFO.format(flags="sse"))
    assert machine(file) == "Intel(R) Xeon(R) Processor @ 2.10GHz, 1 core"
    assert re.fullmatch(r"\S.*, 1 core", machine(tmp_path / "none"))  # not Linux


def test_the_code_is_a_digest():
    assert re.fullmatch("[0-9a-f]{12}", origin()["code"])


def test_versions_are_those_that_are_installed():
    versions = origin()["versions"]
    assert versions["snakemake"] == snakemake.__version__
    assert torch.__version__.startswith(versions["torch"])


def test_the_corpus_is_a_digest_of_what_the_files_hold(tmp_path):
    for name, text in (("a", "1"), ("b", "2"), ("c", "1")):
        (tmp_path / name).write_text(text)
    a, b, c = (tmp_path / name for name in "abc")
    assert origin([a, b])["corpus"] == origin([c, b])["corpus"] != origin([a, c])["corpus"]
    assert origin()["corpus"] is None


def test_the_commit_says_whether_files_were_changed_since(tmp_path):
    def git(*args):
        names = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        done = subprocess.run(["git", "-C", tmp_path, *names, *args], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    (tmp_path / "below").mkdir()
    (tmp_path / "file").write_text("a")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    assert commit(tmp_path) == git("rev-parse", "--short=12", "HEAD")
    (tmp_path / "file").write_text("b")
    assert commit(tmp_path) == git("rev-parse", "--short=12", "HEAD") + "-dirty"
    assert commit(tmp_path / "below") is None  # the commit of another project says nothing of spkr
