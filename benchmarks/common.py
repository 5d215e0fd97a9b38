"""What the benchmarks share: CPU seconds of a function, and the line that says how they compare with a peer's."""

import statistics
import time
from collections.abc import Callable


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


def report(work: str, ours: float, peer: str, theirs: float, bar: float) -> None:
    """Print one comparison; `bar` is the highest ratio wanted."""
    ratio = ours / theirs
    verdict = "reached" if ratio <= bar else "MISSED"
    print(f"{work}: {ours:.3f} s, {peer} {theirs:.3f} s, ratio {ratio:.2f} (at most {bar:.2f}: {verdict})", flush=True)
