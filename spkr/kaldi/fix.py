"""Fixing a data directory, as fix_data_dir.sh does: sorted, each key once, the same utterances in all files."""

import logging
import shutil
from collections.abc import Collection
from pathlib import Path

from spkr.errors import InputError
from spkr.files import BYTE_ORDER_MARK, replacing
from spkr.kaldi.datadir import data_files
from spkr.kaldi.maps import line_of
from spkr.kaldi.rules import FORMATS, Files, check_order, restrict
from spkr.kaldi.validate import validate

UTTERANCES_OF = (
    "segments",
    "feats.scp",
    "text",
    "utt2lang",
    "utt2dur",
    "utt2num_frames",
)  # and wav.scp without segments
SPEAKERS_OF = ("cmvn.scp", "spk2gender")
VALUES_OF = ("segments", "utt2dur", "utt2num_frames")  # a line with a malformed value counts as missing
BACKUP, MANIFEST = ".backup", "manifest.json"

logger = logging.getLogger(__name__)


def fix_data_dir(path: str | Path) -> None:
    """Sort a data directory's files and keep the utterances that all of UTTERANCES_OF have; the log names the others.

    spk2utt is made from utt2spk. Utterances whose speaker is missing in one of SPEAKERS_OF are dropped, too, and so are
    segments whose recording is missing in wav.scp. All other files, such as vad.scp, keep only these utterances. The
    original files are kept in `.backup`. If nothing is wrong, nothing is written.

    Raises InputError, before anything is written, if utt2spk is missing, a file is not text, no utterance remains, or
    speakers and utterances do not sort alike; and at the end, if faults are left, each of which is logged.
    """
    path = Path(path)
    names = data_files(path)
    if "utt2spk" not in names:
        raise InputError(f"{path}/utt2spk: no such file; expected the file that says what utterances there are")
    if "segments" in names and "wav.scp" not in names:
        raise InputError(f"{path}/wav.scp: no such file; expected the recordings of segments")
    files = {name: _read_sorted(path / name) for name in names}
    utts = _common(path, files)
    if not utts:
        raise InputError(f"{path}: no utterance remains that all files have (see above); nothing was changed")
    files = restrict(files, utts)
    for fault in check_order(path, files):
        raise InputError(fault)
    _write(path, names, files)
    faults = validate(path, required=["utt2spk"]).faults
    for fault in faults:
        logger.error("cannot be fixed here: %s", fault)
    if faults:
        raise InputError(f"{path}: faults are left (see above); correct or remove those files")


def _read_sorted(path: Path) -> dict[str, str]:
    """Read a file, sorted in byte order, with the first line of each key; malformed and repeated lines are logged."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (UnicodeDecodeError, OSError) as e:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({e})") from None
    table: dict[str, str] = {}
    malformed, repeated = {}, {}
    if marked := sum(line.startswith(BYTE_ORDER_MARK) for line in lines):
        logger.info("%s: %d byte order marks removed", path, marked)
    for number, line in enumerate(lines[:-1] if not lines[-1] else lines, 1):
        match = line_of(path).fullmatch(line.removeprefix(BYTE_ORDER_MARK))
        key, value = match.groups("") if match else ("", "")
        if not match or (path.name in VALUES_OF and not FORMATS[path.name][0](value)):
            malformed[f"{line!r} (line {number})"] = None
        elif key in table:
            repeated[f"{key!r} (line {number})"] = None
        else:
            table[key] = value
    _say(path, malformed, "malformed lines")
    _say(path, repeated, "lines of keys that occur before")
    if list(table) != sorted(table):
        logger.info("%s: sorted", path)
    return dict(sorted(table.items()))


def _common(path: Path, files: Files) -> set[str]:
    """The utterances that all files have, with their speakers and recordings; the others are logged."""
    utt2spk, segments = files["utt2spk"], files.get("segments", {})
    have = {name: files[name].keys() for name in UTTERANCES_OF if name in files}
    if segments:
        have["wav.scp"] = {utt for utt, value in segments.items() if value.split()[0] in files["wav.scp"]}
    elif "wav.scp" in files:
        have["wav.scp"] = files["wav.scp"].keys()
    for name in SPEAKERS_OF:
        if name in files:
            have[name] = {utt for utt, spk in utt2spk.items() if spk in files[name]}
    for name, utts in have.items():
        _say(path / name, utt2spk.keys() - utts, "utterances of utt2spk that have no line here")
    return set(utt2spk).intersection(*have.values())


def _say(path: Path, dropped: Collection[str], what: str) -> None:
    if dropped:
        logger.info("%s: %d %s dropped, first %s", path, len(dropped), what, min(dropped))


def _write(path: Path, names: list[str], files: Files) -> None:
    """Write the files that change, and keep the original ones."""
    texts = {name: "".join(f"{k} {v}".rstrip() + "\n" for k, v in table.items()) for name, table in files.items()}
    was = {name: (path / name).read_bytes() for name in names}
    changed = [name for name in texts if texts[name].encode() != was.get(name)]
    if not changed and was.keys() <= texts.keys():
        logger.info("%s: kept all %d utterances; nothing to fix", path, len(files["utt2spk"]))
        return
    (path / MANIFEST).unlink(missing_ok=True)  # it lists the original files
    (path / BACKUP).mkdir(exist_ok=True)
    for name in names:
        shutil.copy2(path / name, path / BACKUP / name)
    for name in set(names) - texts.keys():  # none of its recordings remains
        (path / name).unlink()
    for name in changed:
        lines = was.get(name, b"").count(b"\n")
        logger.info("%s: %d lines, %d before", path / name, len(files[name]), lines)
        with replacing(path / name) as f:
            f.write(texts[name])
    logger.info("%s: kept %d utterances; the original files are in %s", path, len(files["utt2spk"]), path / BACKUP)
