"""A SLURM cluster of two nodes, both this machine, with stand-in GPUs, for as long as the tests need it.

`python -m tests.slurm.cluster` only says whether one may be started here.

    STATE/munged.*  slurmctld.*  node?.*     keys, sockets, state, process numbers and logs
    /etc/slurm/slurm.conf  gres.conf         SLURM's commands in a job look nowhere else

The GPUs are device files that every Linux has: SLURM counts them and sets CUDA_VISIBLE_DEVICES, nobody opens them.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = Path("/etc/slurm")
STATE = Path("/var/tmp/spkr-slurm")
OURS = "# Written by tests/slurm/cluster.py, which removes it.\n"
NODES = ("node1", "node2")  # a slurmd for each
DAEMONS = (*NODES, "slurmctld", "munged")  # in the order in which they are stopped
CONTAINER = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")

SLURM_CONF = """\
ClusterName=spkr
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={state}/munge.sock
SlurmctldPort=16817
StateSaveLocation={state}/slurmctld.state
SlurmdSpoolDir={state}/%n.spool
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/%n.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
DefMemPerCPU=1000
MinJobAge=3600
ReturnToService=2
MpiDefault=none
GresTypes=gpu
NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=16818 CPUs=8 RealMemory=30000 Gres=gpu:2 State=UNKNOWN
NodeName=node2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=16819 CPUs=8 RealMemory=30000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=node[1-2] Default=YES MaxTime=INFINITE State=UP
"""
GRES_CONF = """\
NodeName=node[1-2] Name=gpu File=/dev/full
NodeName=node[1-2] Name=gpu File=/dev/zero
"""


def refusal() -> str | None:
    """Why a cluster may not be started here, or None."""
    if os.geteuid() != 0:
        return "SLURM's daemons must be started by root"
    if not os.environ.get("CI") and not any(Path(mark).exists() for mark in CONTAINER):
        return f"{CONF} is written only in a container, or where CI is set"
    for path in CONF.glob("*.conf"):
        if path.name != "plugstack.conf" and not path.read_text().startswith(OURS):  # that one is the package's
            return f"{path} is somebody else's"
    return None


@contextmanager
def cluster() -> Iterator[None]:
    """While the block runs there is a cluster, idle at first; RuntimeError where `refusal` has a reason."""
    if reason := refusal():
        raise RuntimeError(f"no SLURM is started here: {reason}")
    _stop()  # what a killed test left
    shutil.rmtree(STATE, ignore_errors=True)
    try:
        _start()
        yield
    finally:
        _stop()


def _start() -> None:
    for folder in ("slurmctld.state", *(f"{node}.spool" for node in NODES)):
        (STATE / folder).mkdir(parents=True)
    key = STATE / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    CONF.mkdir(exist_ok=True)
    (CONF / "slurm.conf").write_text(OURS + SLURM_CONF.format(state=STATE))
    (CONF / "gres.conf").write_text(OURS + GRES_CONF)
    files = [f"--{name}-file={STATE}/munged.{name}" for name in ("pid", "log", "seed")]
    _run("munged", f"--key-file={key}", f"--socket={STATE}/munge.sock", *files)
    _run("slurmctld")
    for node in NODES:
        _run("slurmd", "-N", node)
    idle = ["idle"] * len(NODES)
    _wait("the nodes are idle", lambda: _run("sinfo", "--noheader", "--Node", "--format=%T").split() == idle)


def _stop() -> None:
    """End the jobs, then the daemons that STATE knows of, and remove what was written to CONF."""
    if running("slurmctld"):
        _run("scancel", "--user=root")
        _wait("no job runs", lambda: not _run("squeue", "--noheader"))
    for name in DAEMONS:
        if pid := running(name):
            os.kill(pid, signal.SIGTERM)
            _wait(f"{name} has ended", lambda name=name: not running(name))
    for name in ("slurm.conf", "gres.conf"):
        (CONF / name).unlink(missing_ok=True)


def running(daemon: str) -> int | None:
    """The process number of one of DAEMONS that was started here and runs."""
    pid_file = STATE / f"{daemon}.pid"
    if not pid_file.exists():
        return None
    pid = pid_file.read_text().strip()
    command = Path(f"/proc/{pid}/cmdline")  # empty once it has ended, though nobody has asked how
    program = "slurmd" if daemon in NODES else daemon
    return int(pid) if pid and command.exists() and program in command.read_text() else None


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def _wait(what: str, holds, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"not after {seconds:g} s: {what}; see {STATE}/*.log")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(refusal())
