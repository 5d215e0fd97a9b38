"""The process that trains: the signals that end it, and its memory."""

import ctypes
import signal
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h of the GNU C library
NEVER = -1  # as a threshold: the greatest size there is
STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """While the block runs, SIGTERM and SIGINT only add their number to the list that it gets; a second SIGINT kills.

    A second SIGTERM does not: at a job's time limit, SLURM sends one to the job's step and its srun passes on another.
    """
    caught: list[int] = []

    def note(number, frame):
        caught.append(number)
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in STOP}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_stop_signals(worker: int) -> None:
    """In a loader's worker: of a signal to all processes, heed is taken by the one that trains, and needs its batch."""
    for number in STOP:
        signal.signal(number, signal.SIG_IGN)


def keep_freed_memory() -> None:
    """Let freed blocks of any size be used again, instead of giving them back to the system.

    The activations of a batch are tens of megabytes each. The GNU C library asks the kernel for each such block anew,
    which clears its pages every time: a fifth of a float32 step on a processor. Other C libraries are left alone.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)
