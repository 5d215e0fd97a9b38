"""What is to be embedded: audio files, folders of them, a wav.scp or a Kaldi data directory. Each recording has a name.

A wav.scp gives names. A file's name is its path, without the ending, below the folder that was given, or below the
working directory; folders are joined by -, and blanks and signs become _.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from spkr.audio.audio_files import audio_files
from spkr.errors import InputError
from spkr.kaldi.maps import read_map
from spkr.kaldi.rules import is_command, safe

UNWRITABLE = re.compile(r"[\t\n\r\ud800-\udfff]")  # in a table; \ud800 and so on: bytes that are not UTF-8


def find_recordings(sources: Sequence[str | Path]) -> dict[str, str]:
    """The paths of recordings by name, sorted by name. A file that is missing is found missing when it is read.

    Raises InputError for a folder without audio, a wav.scp that is malformed or runs commands, a data directory with
    segments, a file name with a tab or a line end, and two recordings of one name.
    """
    found: dict[str, str] = {}
    for name, path in (one for source in sources for one in _of_source(Path(source))):
        if UNWRITABLE.search(path):
            raise InputError(f"{path!r}: a tab, a line end or bytes that are not UTF-8 in the name; rename the file")
        if name in found:
            raise InputError(
                f"{path}: its name would be {name!r}, as that of {found[name]}; give a wav.scp, with a name for each"
            )
        found[name] = path
    return dict(sorted(found.items()))


def lists_in(sources: Sequence[str | Path]) -> list[Path]:
    """The lists of recordings among the sources."""
    paths = [Path(source) for source in sources]
    return [one for path in paths for one in (path, path / "wav.scp") if one.suffix == ".scp" and one.is_file()]


def _of_source(source: Path) -> Iterator[tuple[str, str]]:
    if (source / "wav.scp").is_file():
        if (source / "segments").exists():
            raise InputError(
                f"{source}: has segments, which are not cut here; give {source / 'wav.scp'} for whole recordings, or "
                "use `spkr feats` and `spkr embed`"
            )
        yield from _of_scp(source / "wav.scp")
    elif source.is_dir():
        yield from ((_name(path.relative_to(source)), str(path)) for path in audio_files(source))
    elif source.suffix == ".scp":
        yield from _of_scp(source)
    else:
        yield _name(source), str(source)


def _of_scp(scp: Path) -> Iterator[tuple[str, str]]:
    for number, (name, path) in enumerate(read_map(scp).items(), 1):
        if is_command(path):
            raise InputError(f"{scp}:{number}: {name}: a command; expected an audio file: run it, and name its output")
        yield name, path


def _name(path: PurePath) -> str:
    parts = [part for part in path.with_suffix("").parts if part not in (path.anchor, "..")]
    return "-".join(map(safe, parts))
