"""Checking a data directory of 300,000 utterances, against Kaldi's checks by sort, awk and cmp.

    python benchmarks/validate_data_dir.py

The directory has wav.scp, utt2spk, spk2utt, utt2dur and text, and no audio. `check_data_dir` is what each feature job
calls; `spkr data validate --no-audio` is timed as a command, with its start. The peer is a script of the commands that
Kaldi's utils/validate_data_dir.sh runs for such a directory: each file sorted and without repeated keys, the same keys
in all, spk2utt that of utt2spk, durations above zero. All of it is CPU seconds, user and system.
"""

import random
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from common import median_cpu, report

from spkr.kaldi.datadir import check_data_dir, write_data_dir

SPEAKERS, RECORDINGS, UTTERANCES = 6000, 10, 5  # of a speaker, of a recording
SECONDS = 1.5  # CPU seconds wanted, at most

PEER = r"""
set -e
cd "$0"
export LC_ALL=C
for f in utt2spk spk2utt wav.scp utt2dur text; do awk '{print $1}' $f | sort -uC; done
sort -k2 -C utt2spk
awk '{print $1}' utt2spk > utts.tmp
for f in wav.scp utt2dur text; do awk '{print $1}' $f | cmp -s utts.tmp -; done
awk '{for (i = 2; i <= NF; i++) print $i, $1}' spk2utt | sort | cmp -s utt2spk -
awk '{if (NF != 2) exit 1}' utt2spk
awk '{if (NF != 2 || !($2 > 0)) exit 1}' utt2dur
! grep -E -q '^\S+\s+~' wav.scp
rm utts.tmp
"""


def write_directory(path: Path) -> None:
    """Names as VoxCeleb has them."""
    rng = random.Random(1)
    utt2spk = {
        f"id{10000 + speaker}-{recording}-{i:05}": f"id{10000 + speaker}"
        for speaker in range(SPEAKERS)
        for recording in sorted(f"{rng.getrandbits(44):011x}" for _ in range(RECORDINGS))
        for i in range(1, UTTERANCES + 1)
    }
    files = {
        "utt2spk": utt2spk,
        "wav.scp": {utt: f"/corpora/voxceleb1/wav/{utt.replace('-', '/')}.wav" for utt in utt2spk},
        "utt2dur": {utt: f"{rng.uniform(4, 20):.2f}" for utt in utt2spk},
        "text": dict.fromkeys(utt2spk, "some words of a transcript"),
    }
    write_data_dir(path, files)


def cpu_of(*command: str, repeats: int = 5) -> float:
    """CPU seconds of a command and its children, the median of some runs."""
    seconds = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return sorted(seconds)[repeats // 2]


def main() -> None:
    """Print the ratios, and whether the seconds are few enough."""
    with tempfile.TemporaryDirectory() as tmp:
        write_directory(Path(tmp))
        peer = cpu_of("bash", "-c", PEER, tmp)
        (check,) = median_cpu(partial(check_data_dir, tmp))
        command = cpu_of(sys.executable, "-m", "spkr", "data", "validate", "--no-audio", tmp)
    for what, seconds in (("check_data_dir", check), ("spkr data validate --no-audio", command)):
        report(f"{what} of 300,000 utterances", seconds, "Kaldi's checks by sort and awk", peer, SECONDS / peer)


if __name__ == "__main__":
    main()
