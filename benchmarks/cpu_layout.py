"""How fast a training step is on a processor, by layout in memory and precision.

    python benchmarks/cpu_layout.py [--models quartznet3x2 resnet34 --batch 64 --seconds 2]

Frames a second of wall time of forward, backward and step on one batch in memory, with the threads that torch takes;
medians of steps that take turns. `torch.nn`: convolutions, batch norm and reductions as torch has them, channel by
channel. `ours`: frame by frame (spkr/nnet/conv.py), pooled utterance by utterance (spkr/nnet/moments.py). `ours,
torch's depthwise`: as `ours`, but depthwise convolutions leave their gradient to torch; of networks that have such.
`ours, whole batch`: as `ours`, but the whole batch is pooled at once.
"""

import argparse
import os
import statistics
import time
from contextlib import ExitStack
from unittest.mock import patch

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `spkr` does

import torch
from torch import nn
from training import BareStep, Work

from spkr.nnet import conv
from spkr.nnet.conv import BatchNorm1d, Conv1d, DepthwiseConv1d
from spkr.nnet.memory import keep_freed_memory
from spkr.nnet.moments import of_whole_batch

TORCH, OURS, PLAIN, WHOLE = "torch.nn", "ours", "ours, torch's depthwise", "ours, whole batch"
PEERS = {Conv1d: nn.Conv1d, DepthwiseConv1d: nn.Conv1d, BatchNorm1d: nn.BatchNorm1d}


class Variant:
    """A network in one layout, and the speeds of its steps."""

    def __init__(self, work: Work, layout: str):
        self.layout, self.bfloat16, self.speeds = layout, work.mixed_precision, []
        self.bare = BareStep(work)
        swapped = {TORCH: PEERS, PLAIN: {DepthwiseConv1d: Conv1d}}.get(layout, {})
        for module in self.bare.net.modules():
            module.__class__ = swapped.get(type(module), type(module))

    def step(self) -> None:
        """Learn from the batch once, and note how fast that was."""
        with ExitStack() as stack:
            if self.layout in (TORCH, WHOLE):
                stack.enter_context(patch("spkr.nnet.pooling.mean_and_variance", of_whole_batch))
            if self.layout == TORCH:
                stack.enter_context(patch.object(conv, "_by_frame", lambda x: False))
                stack.enter_context(patch("spkr.nnet.resnet.pixelwise", lambda x: x))
                stack.enter_context(patch("spkr.nnet.campplus.pixelwise", lambda x: x))
            begun = time.monotonic()
            self.bare.step()
            self.speeds.append(self.bare.feats.shape[0] * self.bare.feats.shape[1] / (time.monotonic() - begun))


def main() -> None:
    """Print a line a network."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    models = ["quartznet3x1_small", "quartznet3x2", "tdnn", "ecapa512", "titanet_s", "campplus", "resnet34"]
    parser.add_argument("--models", nargs="+", default=models, help="presets of conf/model (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a crop (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    args = parser.parse_args()
    kinds = [(layout, bfloat16) for bfloat16 in (False, True) for layout in (TORCH, PLAIN, WHOLE, OURS)]
    names = [f"{layout}, {'bfloat16' if bfloat16 else 'float32'}" for layout, bfloat16 in kinds]
    keep_freed_memory()
    print(f"frames/s in batches of {args.batch} x {args.seconds:g} s, {torch.get_num_threads()} threads\n")
    print("| network | " + " | ".join(names) + " | ours in bfloat16 to torch.nn in float32, in bfloat16 |")
    print("|---" * (2 + len(names)) + "|", flush=True)
    for model in args.models:
        variants = [
            Variant(Work(model, args.batch, args.seconds, 1, 1, 0, False, bfloat16), layout)
            for layout, bfloat16 in kinds
        ]
        depthwise = any(isinstance(module, DepthwiseConv1d) for module in variants[-1].bare.net.modules())
        variants = [v for v in variants if depthwise or v.layout != PLAIN]
        for _ in range(2 + args.repeats):  # the first two find their memory
            for variant in variants:
                variant.step()
        speeds = {(v.layout, v.bfloat16): statistics.median(v.speeds[2:]) for v in variants}
        cells = [f"{speeds[kind]:,.0f}" if kind in speeds else "" for kind in kinds]
        ratios = (f"{speeds[OURS, True] / speeds[TORCH, b]:.2f}" for b in (False, True))
        print(f"| {model} | " + " | ".join(cells) + f" | {', '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    main()
