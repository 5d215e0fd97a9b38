"""Combining several data directories into one, as combine_data.sh does it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.rules import PARTIAL, Files

# The lines of a file that only some directories have, for the utterances of the other directories
NEUTRAL: dict[str, Callable[[Files, str], str]] = {
    "utt2uniq": lambda files, utt: utt,
    "utt2aug": lambda files, utt: "speed=1",
    "segments": lambda files, utt: f"{utt} 0 {files['utt2dur'][utt]}",
}

logger = logging.getLogger(__name__)


def combine_data_dirs(out_dir: str | Path, paths: Sequence[str | Path]) -> None:
    """Write one data directory with the utterances of several.

    A file that is not in all of them is left out, and the log says so. But utt2uniq, utt2aug and segments are
    completed: an utterance without a line is its own original, unchanged, and a whole recording; and reco2channel need
    not have all recordings. Trials and models are left out.

    Raises InputError, before anything is written, if a directory is malformed, or if two of them have different values
    for one utterance, speaker or recording.
    """
    if Path(out_dir).resolve() in {Path(path).resolve() for path in paths}:
        raise InputError(f"{out_dir}: is one of the directories to combine; name another for the result")
    dirs = {str(path): check_data_dir(path, ("utt2spk", "spk2utt")) for path in paths}
    names = sorted(set().union(*dirs.values()) - {"spk2utt"})
    together = {}
    for name in names:
        lacking = [path for path, files in dirs.items() if name not in files]
        if lacking and name not in (*NEUTRAL, *PARTIAL):
            logger.warning("%s: left out %s, which %s lacks", out_dir, name, lacking[0])
            continue
        together[name] = _merge(
            name, {path: files.get(name) or _neutral(name, path, files) for path, files in dirs.items()}
        )
    write_data_dir(out_dir, together)
    logger.info("%s: %d utterances of %d directories", out_dir, len(together["utt2spk"]), len(dirs))


def _neutral(name: str, path: str, files: Files) -> dict[str, str]:
    if name in PARTIAL:
        return {}
    if name == "segments" and "utt2dur" not in files:
        raise InputError(f"{path}/utt2dur: no such file; expected the durations, as other directories have segments")
    return {utt: NEUTRAL[name](files, utt) for utt in files["utt2spk"]}


def _merge(name: str, tables: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    merged: dict[str, str] = {}
    origin: dict[str, str] = {}
    for path, table in tables.items():
        for key, value in table.items():
            if merged.setdefault(key, value) != value:
                other = f"{merged[key]!r} in {origin[key]}/{name}"
                raise InputError(f"{path}/{name}: {key!r} is {value!r}, but {other}; rename one of them")
            origin.setdefault(key, path)
    return merged
