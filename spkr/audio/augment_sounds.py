"""Recordings of rooms, noise, music and speech for augmented copies: finding them, and drawing from them.

A folder may hold WAV or FLAC files at any depth, as in two well-known collections:

    musan/{noise,music,speech}/<source>/*.wav                       openslr.org/17, musan.tar.gz
    RIRS_NOISES/simulated_rirs/{small,medium,large}room/Room*/*.wav openslr.org/28, rirs_noises.zip
    RIRS_NOISES/real_rirs_isotropic_noises/*.wav
    RIRS_NOISES/pointsource_noises/*.wav

If a folder holds a list in Kaldi's form (`rir_list`, `noise_list`: the last word of a line is a file), only the files
in the list are used.
"""

import fcntl
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from spkr.audio.fingerprint import check_fingerprint, fingerprint
from spkr.audio.opening import open_audio
from spkr.corpus.fetch import fetch_corpus, find_archive
from spkr.errors import InputError
from spkr.files import read_lines, replacing

SUFFIXES = {".wav", ".flac"}
ARCHIVES = (".tar.gz", ".tgz", ".zip")
REMEDY = "put it there, or leave it out for built-in sounds"
LISTS = {"rir": "rir_list", "noise": "noise_list"}  # by kind of recording

logger = logging.getLogger(__name__)


class Sounds:
    """The files of some folders. Folders are drawn uniformly, then a file of the folder uniformly."""

    def __init__(self, files: Sequence[Sequence[Path]]):
        """Args: the files of each folder."""
        self.files = files

    @classmethod
    def of_folders(cls, folders: Sequence[Path], kind: str) -> "Sounds":
        """The files of existing folders, for rir, noise, music or speech. Raises InputError as `list_files` does."""
        return cls([list_files(folder, LISTS.get(kind)) for folder in folders])

    def draw(self, rng: np.random.Generator) -> Path:
        """Draw a file. Raises InputError if its header cannot be read."""
        files = self.files[rng.integers(len(self.files))]
        path = files[rng.integers(len(files))]
        seconds_of(path)
        return path

    def draw_part(self, rng: np.random.Generator, wanted: float) -> tuple[str, float]:
        """Draw a part of `wanted` seconds, or a whole shorter file: FILE@SECONDS, and its duration in seconds."""
        path = self.draw(rng)
        length = seconds_of(path)
        start = rng.uniform(0, max(length - wanted, 0))
        return f"{path}@{start:.2f}", min(length, wanted)


def list_files(folder: Path, list_name: str | None = None) -> list[Path]:
    """The audio files below a folder, or those in its list if it has one. The order does not depend on its location.

    Raises InputError if there are no files, if the list names a missing file, or if a file name contains a space or a
    comma, which a line of utt2aug cannot hold.
    """
    files = sorted(
        (Path(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names),
        key=lambda path: os.fsencode(path.relative_to(folder).as_posix()),
    )
    files = [path for path in files if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if list_name and (folder / list_name).is_file():
        names = {Path(line.split()[-1]).name for _, line in read_lines(folder / list_name)}
        files = [path for path in files if path.name in names]
        if missing := sorted(names - {path.name for path in files}):
            raise InputError(f"{folder / list_name}: names {missing[0]}, which is not below {folder}; unpack it again")
    if not files:
        raise InputError(f"{folder}: no {' or '.join(sorted(SUFFIXES))} files below it; expected recordings")
    if odd := [path for path in files if re.search(r"[\s,]", str(path))]:
        raise InputError(f"{odd[0]}: a space or comma in its name, which a line of utt2aug cannot hold; rename it")
    return files


@cache
def seconds_of(path: Path) -> float:
    """The duration that the header gives. Raises InputError if the header cannot be read."""
    with open_audio(path, channel=0) as f:
        return f.frames / f.samplerate


def locate_folder(folder: str, corpora: str | Path | None, unpacked: str | Path) -> Path | None:
    """The path of a folder of recordings or of the archive that is to hold it, or None if neither is found.

    Args:
        folder: a relative path such as `musan/noise`, or an absolute path, which is used as it is.
        corpora: the folder to search, at most two levels deep, first for `folder`, then for an archive named like
            its first part: `musan.tar.gz` or `rirs_noises.zip`.
        unpacked: the folder that archives are unpacked to: `<unpacked>/musan/`.

    Raises InputError as `find_archive` does.
    """
    path = Path(folder)
    if ".." in path.parts or not path.parts:
        raise InputError(f"{folder}: expected the name of a folder, as musan/noise, or an absolute path")
    if path.is_absolute():
        return path if path.is_dir() else None
    if corpora and (found := find_archive(folder, corpora, Path.is_dir)):
        return found
    top = path.parts[0]
    names = [name + suffix for name in dict.fromkeys([top, top.lower()]) for suffix in ARCHIVES]
    if corpora and (archive := find_archive(names, corpora)):
        return archive
    home = Path(unpacked) / top
    return home / path if (home / path).is_dir() else None


def find_folder(folder: str, corpora: str | Path | None, unpacked: str | Path) -> Path | None:
    """The path of a folder of recordings, or None if it is not found. An archive that holds it is unpacked, once.

    The arguments are those of `locate_folder`. Raises InputError as `find_archive` and `unpack` do.
    """
    found = locate_folder(folder, corpora, unpacked)
    if found is None or found.is_dir():
        return found
    path = Path(folder)
    home = Path(unpacked) / path.parts[0]
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other jobs may augment other sets at the same time
        fetch_corpus(found.name, home, found.parent)
    return home / path if (home / path).is_dir() else None


def no_folder(folder: str, corpora: str | Path | None) -> str:
    """What a message says about a folder that is not found."""
    under = f"{corpora}" if corpora else "`corpora`, which is not set"
    return f"no such folder {folder!r}, nor an archive of it, under {under}"


def find_sounds(
    folders: Mapping[str, Sequence[str]], fallback: bool, corpora: str | Path | None, unpacked: str | Path
) -> dict[str, Sounds]:
    """The recordings of each kind (rir, noise, music, speech) that has folders.

    A missing folder is an InputError. With `fallback` it is skipped with a warning, and so is a kind that has no folder
    left. The other arguments are those of `find_folder`. Raises InputError also as `list_files` does.
    """
    sounds = {}
    for kind, names in folders.items():
        found = {name: find_folder(name, corpora, unpacked) for name in names}
        for name in [name for name, path in found.items() if path is None]:
            message = f"{kind}_folders: {no_folder(name, corpora)}"
            if not fallback:
                raise InputError(f"{message}; {REMEDY}")
            logger.warning("%s; skipped", message)
            del found[name]
        if found:
            sounds[kind] = Sounds.of_folders(list(found.values()), kind)
    return sounds


def write_sounds(path: str | Path, sounds: Mapping[str, Sounds]) -> None:
    """Write the files of each kind and their fingerprints as JSON: {kind: [{file: fingerprint}, one dict a folder]}."""
    content = {
        kind: [{str(file): fingerprint(file) for file in files} for files in found.files]
        for kind, found in sounds.items()
    }
    with replacing(path) as f:
        json.dump(content, f, indent=1)
        f.write("\n")


def read_sounds(path: str | Path) -> dict[str, Sounds]:
    """Read what `write_sounds` wrote. Raises InputError if a file has changed."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    for folders in content.values():
        for file, expected in (item for files in folders for item in files.items()):
            check_fingerprint(file, expected)
    return {kind: Sounds([[Path(file) for file in files] for files in folders]) for kind, folders in content.items()}
