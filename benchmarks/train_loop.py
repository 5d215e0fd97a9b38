"""The training loop with its loader, reading arks, against forward, backward and step on one batch in memory.

    python benchmarks/train_loop.py                 # AN4's default
    python benchmarks/train_loop.py --ensemble 1 --model quartznet3x2 --batch 256 --seconds 3 --workers 8

Frames a second of wall time, on a GPU where there is one; on a processor with the threads that torch takes. Epochs of
a few steps of the loop and as many bare steps take turns, so that a noisy minute is everybody's; with `--workers`,
which would load ahead meanwhile, all bare steps come first. The ratio is the median of the epochs', the first left
out. The loop's figure is the one that it logs: all from one batch to the next, and no evaluation.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `spkr` does

from training import BareStep, TimedRun, Work, write_feats

BAR = 0.95


def main() -> None:
    """Print both speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="quartznet3x1_small", help="a preset of conf/model (default: %(default)s)")
    for name, default in (("--batch", 64), ("--steps", 4), ("--epochs", 11), ("--workers", 0), ("--ensemble", 4)):
        parser.add_argument(name, type=int, default=default, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a crop (default: %(default)s)")
    work = Work(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as name:
        bare = BareStep(work)
        run = TimedRun(Path(name), write_feats(Path(name), work), work)
        bare.beside(run)
    ratios = [a / b for a, b in zip(run.speeds[1:], bare.speeds[1:], strict=True)]
    loop, alone, ratio = map(statistics.median, (run.speeds[1:], bare.speeds[1:], ratios))
    what = f"{work.ensemble} x {work.model}, {work.batch} x {work.seconds:g} s, {run.device}"
    verdict = f"(at least {BAR}: {'reached' if ratio >= BAR else 'MISSED'})"
    print(f"{what}: loop {loop:,.0f} frames/s, bare {alone:,.0f}, ratio {ratio:.3f} {verdict}")


if __name__ == "__main__":
    main()
