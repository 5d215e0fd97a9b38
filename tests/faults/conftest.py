"""Runs to disturb: a whole one is made once, and each fault has a copy of it, taken back to the stage it strikes in."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT

EXP = Path("exp/mini")
CONFIG = ("--configfile", str(ROOT / "tests/faults/faults.yaml"))
MADE_BY = {  # what each stage and those after it leave, in the order in which a run is taken back
    "report": "main/results",
    "calibrate": "main/calibration",
    "score": "main/scores",
    "backend": "main/backend",
    "embed": "main/xvectors",
    "train": "main/model",
    "feats": "feats",
    "data": "data",
    "corpus": "../corpora",
}
REPAIR = f"spkr check --remove {EXP}"


def wait_for(holds: Callable, seconds: float = 300):
    """What `holds` returns, as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.005)
    return found


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def jobs(output: str) -> dict[str, int]:
    """The jobs that Snakemake says it runs, by rule."""
    counts = "".join(re.findall(r"^\d+ jobs?: (.*)$", output, re.M)[-1:])
    return {name: int(n) for n, name in re.findall(r"(\d+) (\w+)", counts) if name != "all"}


def from_on(stage: str) -> list[str]:
    """That stage and those after it."""
    stages = list(MADE_BY)
    return stages[: stages.index(stage) + 1]


class Run:
    """One run in its folder: `exp/mini`, with faults.yaml."""

    def __init__(self, folder: Path, snakemake: Callable, config: tuple[str, ...] = CONFIG):
        self.folder, self._snakemake, self.config = folder, snakemake, config
        self.exp = folder / EXP

    def snakemake(self, *args: str, **options) -> str:
        return self._snakemake(self.folder, *args, *self.config, **options)

    @contextmanager
    def started(self, *args: str) -> Iterator[psutil.Process]:
        """Snakemake at work, with its jobs in a process group of their own, as a terminal gives it."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "-s", str(ROOT / "Snakefile")]
        command += ["--directory", str(self.folder), *args, *self.config]
        env = {k: v for k, v in os.environ.items() if k != "SPKR_CORPORA"}
        with (self.folder / "output").open("w") as output:
            child = subprocess.Popen(command, stdout=output, stderr=output, env=env, start_new_session=True)
        process = psutil.Process(child.pid)
        try:
            yield process
        finally:
            for member in [p for p in psutil.process_iter() if _group(p) == child.pid]:
                member.kill()
            child.wait()

    def output(self) -> str:
        """What the Snakemake that was `started` has said."""
        return (self.folder / "output").read_text()

    def job(self, snakemake: psutil.Process, verb: str, writes: str) -> psutil.Process:
        """A job of that verb, as soon as it runs and there is a file like `writes` below exp/mini."""

        def found() -> list[psutil.Process]:
            running = snakemake.children(recursive=True) if any(self.exp.glob(writes)) else []
            return [p for p in running if {verb, "--log"} <= set(_command(p))]

        return wait_for(found)[0]

    def check(self, *options: str, ok: bool = True) -> str:
        """What `spkr check` says of the run."""
        command = [sys.executable, "-m", "spkr", "check", str(EXP), *options]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def mend(self) -> dict[str, int]:
        """Have damaged files taken away, and type what that prints. Jobs by rule."""
        done = Counter()
        for line in self.check("--remove").splitlines():
            if line.startswith("snakemake --cores all "):
                done.update(jobs(self.snakemake(*line.split()[3:])))
        return dict(done)

    def back_to(self, stage: str) -> None:
        """As if nothing of that stage had been made, nor of those after it."""
        for name in from_on(stage):
            shutil.rmtree(self.exp / MADE_BY[name])

    def back_to_test_features(self) -> None:
        """As if of the features, those of `test` had not been made, nor what is made with a trained network."""
        self.back_to("embed")
        shutil.rmtree(self.one("feats/*/test"))

    def results(self) -> dict[str, bytes]:
        files = [*(self.exp / "main/scores").glob("[!.]*"), self.exp / "main/results/results.tsv"]
        return {str(f.relative_to(self.exp)): f.read_bytes() for f in files}

    def one(self, pattern: str) -> Path:
        (found,) = self.exp.glob(pattern)
        return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended meanwhile
        return []


def _group(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return -1


@pytest.fixture(scope="session")
def undisturbed(snakemake, tmp_path_factory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole"), snakemake)
    run.snakemake()
    return run


@pytest.fixture
def copy(undisturbed, snakemake, tmp_path_factory):
    """A function that copies the undisturbed run, as far from the code as it is: relative paths stay what they are."""

    def copy(folder: Path | None = None) -> Run:
        folder = folder or tmp_path_factory.mktemp("run")
        return Run(shutil.copytree(undisturbed.folder, folder, dirs_exist_ok=True), snakemake)

    return copy


@pytest.fixture
def run(copy) -> Run:
    return copy()


@pytest.fixture
def finish(undisturbed):
    """Bring a run to its end: scores and results are those of the undisturbed one, and all is whole. Jobs by rule."""

    def finish(run: Run, *args: str) -> dict[str, int]:
        output = run.snakemake(*args)
        assert run.results() == undisturbed.results()
        run.check()
        return jobs(output)

    return finish
