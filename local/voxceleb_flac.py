"""Convert the m4a files of VoxCeleb2 to FLAC, once. Training can then read a crop without decoding what is before it.

    IN_DIR/  ... id00012/21Uxsk56VDQ/00001.m4a
    OUT_DIR/ ... id00012/21Uxsk56VDQ/00001.flac        16 bits, at the sampling rate of the file

A file that is there already is skipped, so that the same command goes on where a killed one stopped. A file that cannot
be decoded is named, and the others are converted all the same; the exit status is then 1.

Example:
    python local/voxceleb_flac.py ~/corpora/voxceleb2_m4a/dev ~/corpora/voxceleb2/dev --jobs 16
    python local/voxceleb_flac.py ~/corpora/voxceleb2_m4a/dev ~/corpora/voxceleb2/dev --shard 3/100
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from spkr.audio.decoding import decode
from spkr.audio.opening import open_audio
from spkr.cli.arguments import shard
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.shards import utts_of_shard

CHUNK = 100  # files given to a process at a time
SUFFIX = ".m4a"


def convert(source: str, target: str) -> str | None:
    """Convert a file, unless `target` is there. Returns why it cannot be decoded, or None."""
    if os.path.exists(target):  # noqa: PTH110, a million files
        return None
    try:
        with open_audio(source) as f:
            rate = f.samplerate
            samples = np.concatenate(list(decode(source, f, 0, f.frames)))
    except InputError as e:
        return str(e)
    with replacing(target, "wb") as f:
        whole = np.clip(np.round(samples), -(2**15), 2**15 - 1).astype(np.int16)
        soundfile.write(f, whole, rate, format="FLAC", subtype="PCM_16")
    return None


def find_files(folder: Path) -> list[str]:
    """The m4a files below a folder, relative to it. Raises InputError for a folder without any."""
    names = [
        f"{os.path.relpath(parent, folder)}/{name}"
        for parent, _, files in os.walk(folder, followlinks=True)
        for name in files
        if name.endswith(SUFFIX) and not name.startswith(".")
    ]
    if not names:
        raise InputError(f"{folder}: no {SUFFIX} files below it; expected VoxCeleb2 as its archive unpacks")
    return names


def convert_all(in_dir: Path, out_dir: Path, part: tuple[int, int], jobs: int) -> None:
    """Convert one part of the files, `jobs` at a time. Raises InputError, which names the first bad file, if any is."""
    names = utts_of_shard(find_files(in_dir), *part)
    sources = [f"{in_dir}/{name}" for name in names]
    targets = [f"{out_dir}/{name.removesuffix(SUFFIX)}.flac" for name in names]
    with ProcessPoolExecutor(jobs) as pool:
        bad = [why for why in pool.map(convert, sources, targets, chunksize=CHUNK) if why]
    print(f"{out_dir}: {len(names) - len(bad)} of {len(names)} files of part {part[0]}/{part[1]} are there")
    if bad:
        raise InputError(f"{len(bad)} files cannot be converted; first {bad[0]}")


def main(argv: list[str] | None = None) -> None:
    """Read the command line. An InputError is one line on stderr and exit status 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("in_dir", type=Path, help="folder of m4a files")
    parser.add_argument("out_dir", type=Path, help="folder for FLAC files")
    parser.add_argument("--shard", type=shard, default=(1, 1), metavar="I/N", help="convert the I-th of N parts only")
    parser.add_argument("--jobs", type=int, default=1, help="files to convert at a time (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        convert_all(args.in_dir, args.out_dir, args.shard, args.jobs)
    except InputError as e:
        sys.exit(f"voxceleb_flac.py: error: {e}")


if __name__ == "__main__":
    main()
