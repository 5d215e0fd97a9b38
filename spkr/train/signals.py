"""The signals that stop a training."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """While the block runs, SIGTERM and SIGINT only add their number to the list it gets; a second SIGINT kills.

    A second SIGTERM does not: at a job's time limit, SLURM sends one to the job's step, and srun passes on another.
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
    """Ignore STOP in a loader's worker: the training process handles it, and needs the batch that is being read."""
    for number in STOP:
        signal.signal(number, signal.SIG_IGN)
