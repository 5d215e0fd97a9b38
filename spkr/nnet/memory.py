"""Memory for activations: how a CPU reuses it, and the error if a GPU has too little."""

import ctypes

import torch

from spkr.config.train_options import TrainOptions
from spkr.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h of the GNU C library
NEVER = -1  # as a threshold, the largest possible size


def keep_freed_memory() -> None:
    """Let freed blocks of any size be used again, instead of giving them back to the system.

    The activations of a batch are tens of megabytes each. The GNU C library asks the kernel for each such block again,
    and the kernel clears its pages every time. On a CPU this takes a fifth of a training step in float32, and up to
    40 % of embedding in batches. Other C libraries are left alone.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)


def too_little_memory(step: int, device: torch.device, options: TrainOptions) -> InputError:
    """The error for a batch that does not fit into the memory of a device; it says what to lower."""
    o, parts = options.batches, options.accumulate
    return InputError(
        f"step {step}: {device} has too little memory for train.batches.batch_size {o.batch_size} and crop "
        f"{list(o.crop)}; lower one of them, or raise train.accumulate, {parts}, which takes a batch in parts"
    )
