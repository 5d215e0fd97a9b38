"""Read many mutants as the stages do, in a process that may not take much time or memory.

    python -m tests.fuzz.child FOLDER NUMBER SEED

The last line of what it prints is the file that it was at when it ended; at the end, a summary as JSON.
"""

import json
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from spkr.audio.decoding import read_audio
from spkr.audio.recordings import recording_stats
from spkr.corpus.durations import read_seconds
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.extract import Source
from tests.fuzz.mutants import RATE, Mutant, mutants

SECONDS = 5  # of the processor, for one file
FRONT_END = make_front_end({"num_mel_bins": 20, "resample": "down"})


def attempt(function, *args):
    """What a function returns, or its message to the user."""
    try:
        return function(*args)
    except InputError as e:
        return str(e)


def features(path: Path) -> np.ndarray:
    files = {"wav.scp": {"a": str(path)}, "utt2spk": {"a": "a"}}
    return Source(path.parent, files, ["a"], FRONT_END, 1).features("a")[0]


def faults(mutant: Mutant, path: Path) -> tuple[str, list[str]]:
    """How it went with a file (right, named, not judged), and what was wrong about that."""
    found, wrong = {}, []
    for name, result in {
        "durations": attempt(read_seconds, path, RATE),
        "listen": attempt(recording_stats, path),
        "samples": attempt(read_audio, path, RATE),
        "features": attempt(features, path),
    }.items():
        found[name] = result
        if isinstance(result, str) and str(path) not in result:
            wrong.append(f"{name} does not name the file: {result}")
    samples, heard, feats = found["samples"], found["listen"], found["features"]
    if isinstance(samples, str):
        if mutant.must_be_read:
            wrong.append(f"refused: {samples}")
        return "named", wrong
    if isinstance(feats, str):
        wrong.append(f"read, but without features: {feats}")
    elif not np.isfinite(feats).all():
        wrong.append("features that are not finite")
    if isinstance(heard, str) or heard.frames != len(samples):
        wrong.append(f"{len(samples)} samples read, but heard {heard}")
    if isinstance(found["durations"], str) or found["durations"] != len(samples) / RATE:
        wrong.append(f"{len(samples)} samples read, but a duration of {found['durations']}")
    if not mutant.judged:
        return "read, as no checksum tells", wrong
    if not any(np.array_equal(samples, allowed) for allowed in mutant.allowed):
        wrong.append(f"{len(samples)} samples that are not the file's")
    return "right", wrong


def main(folder: str, number: str, seed: str) -> None:
    """Read the first `number` mutants and print what became of them."""
    outcomes, wrong, slowest, begun = Counter(), [], 0.0, time.process_time()
    for i, mutant in enumerate(mutants(int(number), int(seed))):
        path = Path(folder) / f"{i}_{mutant.name}"
        print(path, flush=True)
        path.write_bytes(mutant.content)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # ends the process
        at = time.process_time()
        try:
            outcome, faulty = faults(mutant, path)
        except Exception as e:
            outcome, faulty = "crash", [f"{type(e).__name__}: {e}"]
        slowest = max(slowest, time.process_time() - at)
        outcomes[f"{mutant.kind}: {outcome}"] += 1
        wrong += [f"{mutant.kind} {path}: {fault}" for fault in faulty]
        if not faulty:
            path.unlink()
    signal.setitimer(signal.ITIMER_PROF, 0)
    status = Path("/proc/self/status").read_text()
    megabytes = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024  # ru_maxrss knows the parent's memory, too
    summary = {"outcomes": dict(sorted(outcomes.items())), "wrong": wrong, "slowest": round(slowest, 3)}
    print(json.dumps(summary | {"cpu": round(time.process_time() - begun, 1), "peak_mb": megabytes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
