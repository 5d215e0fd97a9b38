"""Processes whose workflow is gone: after a kill -9 of it, a job that it started must not go on in secret.

The workflow names itself in the environment variable SPKR_WORKFLOW, which its jobs inherit. A process that is named
there, and that ran on this machine, is looked for in /proc; where there is no /proc, nothing is looked for.
"""

import os
import signal
import threading
import time
from pathlib import Path

VARIABLE = "SPKR_WORKFLOW"
SECONDS = 0.5  # between two looks


def name_of(pid: int | str) -> str | None:
    """A name that no other process ever has: of the machine since its start, of the process, and when it began.

    None where there is no such process, or where it has ended and nobody has asked for its exit status.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # proc(5): from field 3 on
        return None if state in "ZX" else f"{_machine()} {pid} {fields[18]}"
    except OSError:
        return None


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"  # processes are numbered anew in a container


def is_orphan() -> bool:
    """Whether SPKR_WORKFLOW names a process of this machine that is no more."""
    name = os.environ.get(VARIABLE)
    if not name or not Path("/proc/self/stat").exists():
        return False
    machine, pid, _ = name.rsplit(" ", 2)
    return machine == _machine() and name_of(pid) != name


def end_when_orphaned() -> None:
    """From now on, send this process SIGTERM once its workflow is gone: a training saves a checkpoint and ends."""
    if not os.environ.get(VARIABLE):
        return

    def watch() -> None:
        while not is_orphan():
            time.sleep(SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
