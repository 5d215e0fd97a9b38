"""The runtime alone: an environment in which only the extra `runtime` is installed."""

import json
import shutil
import subprocess
import sys

import pytest

from spkr.packed.packing import pack
from tests.conftest import ROOT

pytest.importorskip("onnxscript")


@pytest.mark.slow
def test_an_environment_without_torch_uses_a_packed_model(in_run, tmp_path):
    pack("exp/mini/main", tmp_path / "mini.spkr", onnx=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    binaries = tmp_path / "venv/bin"
    source = tmp_path / "source"  # a build leaves files in its folder
    shutil.copytree(ROOT / "spkr", source / "spkr")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([binaries / "pip", "install", "--quiet", f"{source}[runtime]"], check=True)
    absent = "import importlib.util as u; print([n for n in ('torch', 'pandas', 'kaldiio', 'onnx') if u.find_spec(n)])"

    def output(*command, status=(0,)):
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, env={"PATH": str(binaries)}, cwd=in_run
        )
        assert done.returncode in status, done.stderr
        return done.stdout

    assert output(binaries / "python", "-c", absent).strip() == "[]"
    spkr, model, store = binaries / "spkr", tmp_path / "mini.spkr", tmp_path / "v.voices"
    assert json.loads(output(spkr, "verify", model, "audio/s16-0.wav", "audio/s16-1.wav", "--json", status=(0, 1)))
    output(spkr, "enrol", model, store, "ann", "audio/s16-0.wav", "audio/s16-1.wav", "--force")
    assert output(spkr, "identify", model, store, "audio/s16-2.wav", status=(0, 1))
    output(spkr, "embed-files", model, "audio", "-o", tmp_path / "e.npy")
    assert (tmp_path / "e.npy").stat().st_size > 1000
    found = output(spkr, "selfcheck", model, "--json")
    assert json.loads(found)["same"] is True
