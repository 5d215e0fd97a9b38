"""How many files `spkr embed-files` embeds a second on one core, from WAV to an array, with AN4's four networks.

    python benchmarks/embed_files.py [--files 1000] [--broken 3]

The files are of 3 s, of noise in syllables; some are cut short. The networks have AN4's architecture, and the weights
with which a training begins, which change no speed. Seconds are CPU seconds of the command, with one thread; those to
start are measured with one file, and said apart. It also prints the largest memory, and the cosine of embeddings in
bfloat16 to those in float32. That is no cost in EER: weights that were not trained do not tell speakers apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
import yaml
from embed import preset
from training import CONF

from spkr.feats import make_front_end
from spkr.nnet import network_options
from spkr.packed.container import as_arrays, write_container

RATE, SECONDS, VOICES = 16_000, 3, 50
BAR = 100  # files a second


def main() -> None:
    """Print speeds, memory and deviation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--broken", type=int, default=3, help="of them (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is printed (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder / "audio", args.files, args.broken)
        write_model(folder / "four.spkr")
        precisions = ("float32", "bfloat16")
        for precision in precisions:
            compare(folder, precision, args)
        a, b = (np.load(folder / f"{precision}.npy") for precision in precisions)
        cosines = np.vecdot(a, b) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        print(f"cosine of bfloat16 to float32: at least {cosines.min():.6f}, mean {cosines.mean():.6f}")


def compare(folder: Path, precision: str, args: argparse.Namespace) -> None:
    """Print the speed in one precision."""
    rounds = range(args.rounds)
    start = median([command(folder, folder / f"audio/{args.broken:05}.wav", precision, 1, 0)[0] for _ in rounds])
    runs = [command(folder, folder / "audio", precision, args.files, args.broken) for _ in rounds]
    seconds, memory = median([one for one, _ in runs]), max(one for _, one in runs)
    speed = args.files / (seconds - start)
    verdict = "reached" if speed >= BAR else "MISSED"
    print(f"{precision}: {seconds:.1f} CPU seconds, {start:.1f} of them to start: {speed:.0f} files a second (at least "
          f"{BAR}: {verdict}), {memory / 1e6:.2f} GB")  # fmt: skip


def write_files(folder: Path, files: int, broken: int) -> None:
    """Recordings of 2 to 4 s, 3 s on average; the first `broken` ones are cut short."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for k in range(files):
        samples = np.arange(int(RATE * (SECONDS + k % VOICES * 2 / (VOICES - 1) - 1)))
        rhythm = np.maximum(np.sin(2 * np.pi * (2 + k % 5) * samples / RATE), 0.01)
        path = folder / f"{k:05}.wav"
        soundfile.write(path, (3000 * rhythm * rng.standard_normal(len(samples))).astype(np.int16), RATE)
        if k < broken:
            path.write_bytes(path.read_bytes()[: 10_000 * (k > 0)])


def write_model(path: Path) -> None:
    """A packed model of AN4's architecture, scored by cosine."""
    net = preset("quartznet3x1_small", ensemble=4)
    model = yaml.safe_load((CONF / "model/quartznet3x1_small.yaml").read_text())["model"] | {"ensemble": 4}
    feats = yaml.safe_load((CONF / "feats/fbank80_utt.yaml").read_text())["feats"]
    weights = {name: one.numpy() for name, one in net.state_dict().items() if ".head." not in name}
    about = {
        "name": "benchmark", "made_by": {}, "network": network_options(model).to_dict(), "trials": "none",
        "front_end": make_front_end(feats).to_dict(), "precision": "float32", "trained_on": {"corpus": "none"},
        "dim": 4 * model["embedding_layers"][0], "backend": {"name": "cosine", "chain": "cosine"},
    }  # fmt: skip
    write_container(path, about, {"weights.safetensors": as_arrays(weights), "backend.safetensors": as_arrays({})})


def command(folder: Path, source: Path, precision: str, files: int, broken: int) -> tuple[float, int]:
    """CPU seconds and kilobytes of the command."""
    verb = ["embed-files", folder / "four.spkr", source, "-o", folder / f"{precision}.npy", "--precision", precision]
    words = [sys.executable, "-m", "spkr", *verb, "--threads", "1", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    summary = json.loads(printed)
    assert process.returncode == (3 if broken else 0), printed
    assert (summary["embedded"], len(summary["failed"])) == (files - broken, broken), printed
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


if __name__ == "__main__":
    main()
