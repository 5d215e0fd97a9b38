"""How fast each network trains from arks on disk on one GPU, and how far that is from what its memory allows.

    python benchmarks/gpu_train.py                                          # all presets of conf/model
    python benchmarks/gpu_train.py --models quartznet3x2 --compile
    python benchmarks/gpu_train.py --models quartznet3x1_mini --batch 4 --steps 2 --epochs 3 --workers 0   # no GPU

A line a network: frames a second of the training loop, its share of the bare step's, memory, how busy nvidia-smi finds
the GPU, the share of the memory-bandwidth bound, hours for 25 epochs of 400 hours (HI-MIA's, as the tutorial counts
them), and how many times as fast two GPUs would be.

The bound is for layers that are not fused: each reads its input and writes its output, and in the backward pass reads
the output's gradient and the saved input and writes the input's gradient; then AdamW reads and writes the weights.
Bytes are counted as a batch goes through and divided by the bandwidth that a copy reaches on this device. Two GPUs are
a calculation: each takes such a batch, and the gradients are exchanged after the step, not during it, at `--link` GB/s.
"""

import argparse
import gc
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import torch
from training import CONF, BareStep, TimedRun, Work, write_feats

BAR, HOURS, EPOCHS = 2_000_000, 400, 25  # frames a second of QuartzNet 3x2 on an H200; of HI-MIA
OPTIMIZER = 7 * 4  # bytes a weight: AdamW reads weight, gradient and two moments and writes three of them, in float32


def bandwidth(device: torch.device, repeats: int = 10) -> float:
    """Bytes a second that a copy reads and writes."""
    source = torch.zeros(2**30 if device.type == "cuda" else 2**26, dtype=torch.uint8, device=device)
    target = source.clone()
    begun = wait(device)
    for _ in range(repeats):
        target.copy_(source)
    return repeats * 2 * source.numel() / (wait(device) - begun)


def wait(device: torch.device) -> float:
    """The time when all work on the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic()


def bytes_of_step(bare: BareStep) -> float:
    """Bytes that a step moves at least, if no layers are fused."""
    moved = []

    def count(module, args, output):
        x, y = (t.numel() * t.element_size() for t in (args[0], output))
        moved.append(3 * x + 2 * y)

    leaves = [m for m in bare.net.modules() if not any(m.children()) and not isinstance(m, torch.nn.Identity)]
    hooks = [leaf.register_forward_hook(count) for leaf in leaves]
    with torch.no_grad(), torch.autocast(bare.device.type, torch.bfloat16):
        bare.net(bare.feats, None, bare.speakers)
    for hook in hooks:
        hook.remove()
    return sum(moved) + OPTIMIZER * sum(p.numel() for p in bare.net.parameters())


def busy(device: torch.device) -> float:
    """Percent of the last moments in which the GPU worked."""
    if device.type != "cuda":
        return float("nan")
    gpu = f"--id=GPU-{torch.cuda.get_device_properties(device).uuid}"
    query = ["nvidia-smi", gpu, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    said = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    return float(said) if said.isdigit() else float("nan")


def measure(work: Work, rate: float, link: float) -> str:
    """A line of the table; `rate` and `link` in bytes a second."""
    bare, used = BareStep(work), []
    moved = bytes_of_step(bare)
    with tempfile.TemporaryDirectory() as name:
        run = TimedRun(Path(name), write_feats(Path(name), work), work, lambda: used.append(busy(bare.device)))
        bare.beside(run)
    memory = torch.cuda.max_memory_allocated() / 1e9 if run.device.type == "cuda" else float("nan")
    loop, alone = (statistics.median(speeds[1:]) for speeds in (run.speeds, bare.speeds))
    seconds = work.batch * bare.feats.shape[1] / loop  # a step
    exchange = 4 * sum(p.numel() for p in bare.net.parameters()) / link
    cells = [
        *(work.model, f"{loop:,.0f}", f"{loop / alone:.2f}", f"{memory:.1f}", f"{statistics.median(used[1:]):.0f}"),
        *(f"{moved / rate / seconds:.2f}", f"{EPOCHS * HOURS * 360_000 / loop / 3600:.1f}"),
        f"{2 * seconds / (seconds + exchange):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    presets = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
    parser.add_argument("--models", nargs="+", default=presets, choices=presets, metavar="PRESET")
    for name, default in (("--batch", 256), ("--steps", 40), ("--epochs", 6), ("--workers", 8)):
        parser.add_argument(name, type=int, default=default, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a crop (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--link", type=float, default=50, help="GB/s between two GPUs (default: %(default)s)")
    args = vars(parser.parse_args())
    models, link = args.pop("models"), args.pop("link") * 1e9
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rate = bandwidth(device)
    named = torch.cuda.get_device_name() if device.type == "cuda" else f"no GPU, {platform.machine()}"
    print(f"{named}, torch {torch.__version__}, {date.today()}; a copy moves {rate / 1e9:,.0f} GB/s")
    print(
        f"batches of {args['batch']} x {args['seconds']:g} s; the bar for quartznet3x2 on an H200: {BAR:,} frames/s\n"
    )
    print("| network | frames/s | of bare step | GB | busy % | of bandwidth bound | hours | two GPUs |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for model in models:
        gc.collect()  # the run before
        torch.compiler.reset()
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        print(measure(Work(model, **args), rate, link), flush=True)


if __name__ == "__main__":
    main()
