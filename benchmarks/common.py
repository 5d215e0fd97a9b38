"""What the benchmarks share: CPU seconds of a function, a process of its own, the line that compares with a peer."""

import re
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any


def median_cpu(*functions: Callable[[], object], repeats: int = 5) -> list[float]:
    """For each function, the median of the CPU seconds, user and system, of some calls in this process.

    Each is called once to warm up; then they take turns, so that a noisy minute is everybody's.
    """
    for function in functions:
        function()
    seconds = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, seconds, strict=True):
            begun = time.process_time()
            function()
            taken.append(time.process_time() - begun)
    return [statistics.median(taken) for taken in seconds]


def apart(context: BaseContext, name: str, function: Callable[..., Any], *arguments: object) -> tuple[Any, float]:
    """What a function returns in a process of its own, and that process' peak memory in GB; exits if it fails."""
    results = context.SimpleQueue()
    process = context.Process(target=_put, args=(results, function, arguments))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{name}: failed")
    return results.get()


def _put(results, function: Callable[..., Any], arguments: tuple) -> None:
    found = function(*arguments)
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
    results.put((found, int(peak) / 1e6))


def report(work: str, ours: float, peer: str, theirs: float, bar: float) -> None:
    """Print one comparison; `bar` is the highest ratio wanted."""
    ratio = ours / theirs
    verdict = "reached" if ratio <= bar else "MISSED"
    print(f"{work}: {ours:.3f} s, {peer} {theirs:.3f} s, ratio {ratio:.2f} (at most {bar:.2f}: {verdict})", flush=True)
