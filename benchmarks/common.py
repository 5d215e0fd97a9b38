"""What the benchmarks share: CPU seconds of a function, and the line that says how they compare with a peer's."""

import statistics
import time
from collections.abc import Callable


def median_cpu(function: Callable[[], object], repeats: int = 5) -> float:
    """Median of the CPU seconds, user and system, that some calls take in this process, after one that warms up."""
    function()
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        function()
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds)


def report(work: str, ours: float, peer: str, theirs: float, bar: float) -> None:
    """Print one comparison; `bar` is the highest ratio wanted."""
    ratio = ours / theirs
    verdict = "reached" if ratio <= bar else "MISSED"
    print(f"{work}: {ours:.3f} s, {peer} {theirs:.3f} s, ratio {ratio:.2f} (at most {bar:.2f}: {verdict})", flush=True)
