"""What tests share: the repository's root, running Snakemake on it, and the real corpora where they are at hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Threads of OpenMP spin while they wait, and so take the cores from other processes; set before torch is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="session")
def snakemake():
    """Run Snakemake in a folder of its own and return the completed process; `ok=False` expects it to fail."""

    def run(directory: Path, *args: str, snakefile: str = "Snakefile", ok: bool = True, **env: str):
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "-s", str(ROOT / snakefile)]
        result = subprocess.run(
            [*command, "--directory", str(directory), *args],
            capture_output=True,
            text=True,
            env={k: v for k, v in os.environ.items() if k not in ("SPKR_CORPORA", "SPKR_MODELS")} | env,
        )
        output = result.stdout + result.stderr
        if (result.returncode == 0) != ok:
            pytest.fail(f"snakemake {' '.join(args)} exited with {result.returncode}:\n{output[-4000:]}")
        return output

    return run


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the real corpora; the test is skipped where there is none."""
    path = os.environ.get("SPKR_CORPORA")
    if not path or not (Path(path) / "an4_sphere.tar.gz").exists():
        pytest.skip("SPKR_CORPORA names no folder with an4_sphere.tar.gz")
    return Path(path)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The site, built with pictures of no run."""
    pytest.importorskip("zensical")
    folder = tmp_path_factory.mktemp("site")
    (folder / "results").mkdir()
    for name in ("det_trials_pairs.svg", "training.svg"):
        (folder / "results" / name).write_text('<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600"/>')
    (folder / "results/report.html").write_text("<!doctype html><title>The report</title>")
    command = [sys.executable, "-m", "docs.site", str(folder / "site"), "--run", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder / "site"
