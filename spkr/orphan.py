"""Jobs whose workflow is gone: if Snakemake is killed with kill -9, the jobs that it started must end, too.

The workflow writes its name into the environment variable SPKR_WORKFLOW, which its jobs inherit. A job on the same
machine looks for that process in /proc. Without /proc, no job looks for it.
"""

import os
import signal
import threading
import time
from pathlib import Path

VARIABLE = "SPKR_WORKFLOW"
SECONDS = 0.5  # between two checks


def name_of(pid: int | str) -> str | None:
    """A name that no other process ever has: the machine and its boot, the process id, and the process's start time.

    None if there is no such process, or if it is a zombie.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # proc(5): from field 3 on
        return None if state in "ZX" else f"{_machine()} {pid} {fields[18]}"
    except OSError:
        return None


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"  # a container has process ids of its own


def is_orphan() -> bool:
    """Whether SPKR_WORKFLOW names a process of this machine that has ended."""
    name = os.environ.get(VARIABLE)
    if not name or not Path("/proc/self/stat").exists():
        return False
    machine, pid, _ = name.rsplit(" ", 2)
    return machine == _machine() and name_of(pid) != name


def end_when_orphaned() -> None:
    """Send this process SIGTERM when its workflow is gone: a training then saves a checkpoint and ends."""
    if not os.environ.get(VARIABLE):
        return

    def watch() -> None:
        while not is_orphan():
            time.sleep(SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
