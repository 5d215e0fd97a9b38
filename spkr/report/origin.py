"""Where numbers come from: machine, versions, code and data, as results.json records them."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spkr.code import code_digest
from spkr.files import sha256

PACKAGE = Path(__file__).parents[1]
COMPUTING = ("audio", "feats", "kaldi", "nnet", "train", "backend", "metrics")  # packages whose code changes numbers
BFLOAT16 = {"avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX BF16"}  # training on a processor depends on these
PACKAGES = ("spkr", "torch", "snakemake", "numpy")


def origin(corpus: Sequence[str | Path] = ()) -> dict[str, object]:
    """The machine of this process, versions of packages, the commit of spkr, and digests.

    `code` is a digest of the code that computes numbers. `corpus` is a digest of the content of these files, or None
    without any.
    """
    content = "".join(sha256(path) for path in corpus)
    return {
        "machine": machine(),
        "code": code_digest(*(PACKAGE / name for name in COMPUTING)),
        "commit": commit(),
        "versions": {name: package_version(name) for name in PACKAGES},
        "corpus": hashlib.sha256(content.encode()).hexdigest() if corpus else None,
    }


def commit(root: Path = PACKAGE.parent) -> str | None:
    """The commit that is checked out, with -dirty if files were changed since; None without git."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def package_version(package: str) -> str | None:
    """The version that is installed of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def describe_network(network: str | Path) -> tuple[int, str | None]:
    """The number of trained weights in a model file, with the classifier's, and what it was trained on elsewhere.

    The latter is None for a network that was trained from scratch. Raises InputError as `load_model` does.
    """
    from spkr.nnet.model import load_model, read_model  # they load torch

    parameters = sum(weights.numel() for weights in load_model(network)[0].parameters())
    return parameters, read_model(network)["training"].get("trained_on")


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
