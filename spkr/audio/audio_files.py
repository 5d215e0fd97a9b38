"""Finding the audio files in a folder by their names."""

import os
from collections.abc import Iterator
from pathlib import Path

from spkr.errors import InputError

SUFFIXES = (
    *(".wav", ".flac", ".sph", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64", ".caf", ".rf64"),
    *(".m4a", ".mp4", ".webm", ".aac", ".mkv", ".mov"),
)


def audio_files(folder: Path) -> list[Path]:
    """The audio files in a folder and below it, sorted; InputError if it has none, or a folder cannot be read.

    Links are followed. Names that begin with a dot are passed over.
    """
    if not (found := sorted(_audio_files(folder))):
        raise InputError(f"{folder}: no audio; expected files like {', '.join(SUFFIXES[:4])} in it or below")
    return found


def _audio_files(folder: Path) -> Iterator[Path]:
    above = {str(folder): {os.path.realpath(folder)}}  # of each folder to visit: itself and those that lead to it
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=_unreadable):
        passed, places = above.pop(parent), {name: os.path.realpath(Path(parent, name)) for name in folders}
        folders[:] = sorted(name for name in folders if not name.startswith(".") and places[name] not in passed)
        above |= {os.path.join(parent, name): passed | {places[name]} for name in folders}  # noqa: PTH118, as os.walk
        yield from (Path(parent, n) for n in names if not n.startswith(".") and n.lower().endswith(SUFFIXES))


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror}); expected a folder") from None
