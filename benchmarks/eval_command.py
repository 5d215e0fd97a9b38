"""`spkr eval` as a command: 1,000,000 trials, the scores in another order than the list. CPU seconds, imports included.

python benchmarks/eval_command.py [trials]
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MODELS, BAR = 1_000, 2.5


def write(folder: Path, n: int) -> None:
    """A list of MODELS models against n / MODELS utterances, and its scores."""
    rng = np.random.default_rng(1)
    utts = [f"speaker{k % 97:04}-utt{k:06}" for k in range(n // MODELS)]
    with (folder / "trials").open("w") as trials, (folder / "scores").open("w") as scores:
        for m in range(MODELS):
            is_target = rng.random(len(utts)) < 0.05
            values = rng.normal(0, 20, len(utts)) + 60 * is_target
            labels = np.array(["nontarget", "target"])[is_target.astype(int)]
            trials.writelines(f"model{m:04} {u} {label}\n" for u, label in zip(utts, labels, strict=True))
            order = rng.permutation(len(utts))
            scores.writelines(f"model{m:04} {utts[k]} {values[k]:.7g}\n" for k in order)


def cpu_seconds(command: list[str]) -> float:
    """User and system time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the time and the memory."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, n)
        command = [sys.executable, "-c", "from spkr.cli import main; main()", "eval", str(folder / "results")]
        (folder / "lists.yaml").write_text(f"all: {{trials: {folder}/trials, scores: {{plda: {folder}/scores}}}}\n")
        command += [str(folder / "lists.yaml"), "--primary", "plda"]
        seconds = statistics.median(cpu_seconds(command) for _ in range(5))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    bar = BAR * n / 1e6
    verdict = "reached" if seconds <= bar else "MISSED"
    print(f"spkr eval of {n} trials: {seconds:.2f} s of CPU (at most {bar:.2f}: {verdict}), {memory:.2f} GB")


if __name__ == "__main__":
    main()
