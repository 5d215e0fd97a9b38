"""Where numbers come from: the machine and the code that measured them, as results.json records them."""

import os
import platform
from pathlib import Path

from spkr.code import code_digest

PACKAGE = Path(__file__).parents[1]
COMPUTING = ("audio", "feats", "kaldi", "nnet", "train", "backend", "metrics")  # packages whose code changes numbers
BFLOAT16 = {"avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX BF16"}  # training on a processor depends on these


def origin() -> dict[str, str]:
    """The machine that this process runs on, and a digest of the code in which numbers are computed."""
    return {"machine": machine(), "code": code_digest(*(PACKAGE / name for name in COMPUTING))}


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, its bfloat16 instructions, and how many cores this process may use."""
    facts = {}
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text(encoding="utf-8").splitlines())
        facts = {name.strip(): value.strip() for name, _, value in lines}
    processor = facts.get("model name") or platform.processor() or platform.machine()
    flags = [name for flag, name in BFLOAT16.items() if flag in facts.get("flags", "").split()]
    cores = len(os.sched_getaffinity(0))
    return f"{' with '.join([processor, *flags[-1:]])}, {cores} core{'s' * (cores > 1)}"
