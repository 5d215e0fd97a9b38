"""Fingerprints of audio files, which show whether a recording was replaced after data preparation.

A line of reco2sum is `<recording> <bytes> <crc32>`. The CRC covers the first and the middle block of the file: reading
all of a corpus again would take too long, and the first block alone may be silence. A pipe has `-`.
"""

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from spkr.errors import InputError
from spkr.kaldi.datadir import clips
from spkr.kaldi.rules import Files, is_command

BLOCK = 4096  # bytes
NO_FILE = "-"


def fingerprint(source: str | Path) -> str:
    """`<bytes> <crc32>` of an audio file, or NO_FILE for a command. Raises OSError if it cannot be read."""
    if is_command(source):
        return NO_FILE
    with Path(source).open("rb", buffering=0) as f:
        size = os.fstat(f.fileno()).st_size
        crc = zlib.crc32(os.pread(f.fileno(), BLOCK, size // 2), zlib.crc32(os.pread(f.fileno(), BLOCK, 0)))
    return f"{size} {crc:08x}"


def fingerprints(wav_scp: Mapping[str, str | Path]) -> dict[str, str]:
    """The content of reco2sum for a wav.scp."""
    return {recording: fingerprint(source) for recording, source in wav_scp.items()}


def fingerprints_of(files: Files) -> dict[str, str]:
    """The fingerprint in reco2sum of each audio file in wav.scp, by file; empty without reco2sum."""
    return {files["wav.scp"][recording]: value for recording, value in files.get("reco2sum", {}).items()}


def shared_audio(files: Files, prints: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for audio that belongs to two speakers: one file, or files with the same fingerprint.

    Args:
        files: of a data directory that has been checked. Augmented copies are skipped, because they share audio.
        prints: fingerprints by audio file, as from `fingerprints_of`. Files without one are compared by name.
    """
    utt2spk, first = files["utt2spk"], {}
    for utt, clip in clips(files).items() if "utt2aug" not in files else ():
        known = prints.get(clip.source, NO_FILE)
        other, source = first.setdefault((clip.source if known == NO_FILE else known, clip[1:]), (utt, clip.source))
        if utt2spk[other] != utt2spk[utt]:
            same = "" if source == clip.source else f" ({source} has the same bytes)"
            yield (
                f"{clip.source}: {other} of speaker {utt2spk[other]} and {utt} of speaker {utt2spk[utt]} have this "
                f"audio{same}; remove one, or correct its speaker"
            )


def check_fingerprint(source: str | Path, expected: str) -> None:
    """Raise InputError if an audio file is not the one that the data directory was made from."""
    advice = "put it back, or prepare the data again (snakemake -R data)"
    try:
        found = fingerprint(source)
    except FileNotFoundError:
        raise InputError(f"{source}: no such audio file; it existed when the data were prepared: {advice}") from None
    except OSError as e:
        raise InputError(f"{source}: cannot be read ({e.strerror})") from None
    if found != expected:
        raise InputError(
            f"{source}: not the recording that the data were prepared from (its size and crc32 are {found}, and were "
            f"{expected}); {advice}"
        )
