"""Copying a data directory under other names, as copy_data_dir.sh --spk-prefix --utt-prefix does it."""

import logging
from pathlib import Path

from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, write_data_dir

BEGIN_WITH_A_NAME = ("utt2spk", "utt2uniq", "segments")  # files whose values begin with that of a speaker or recording

logger = logging.getLogger(__name__)


def copy_data_dir(path: str | Path, out_dir: str | Path, prefix: str) -> None:
    """Write a copy of a data directory with `prefix` before the names of utterances, speakers and recordings.

    A folder of features is copied, too: its lists name the same arks, and utt2key says which keys are in these. Trials
    and models are left out.
    Raises InputError, before anything is written, if the directory is malformed or is `out_dir` itself.
    """
    if Path(out_dir).resolve() == Path(path).resolve():
        raise InputError(f"{out_dir}: is the data directory itself; name another for the copy")
    files = check_data_dir(path, ("utt2spk",))
    files.pop("spk2utt", None)  # written from utt2spk
    if "feats.scp" in files:
        files.setdefault("utt2key", {utt: utt for utt in files["utt2spk"]})
    copied = {
        name: {f"{prefix}{key}": _renamed(name, value, prefix) for key, value in table.items()}
        for name, table in files.items()
    }
    write_data_dir(out_dir, copied)
    logger.info("%s: %d utterances of %s, with %s before each name", out_dir, len(copied["utt2spk"]), path, prefix)


def _renamed(name: str, value: str, prefix: str) -> str:
    if name in BEGIN_WITH_A_NAME:
        return prefix + value
    if name == "utt2aug":  # babble=<utterance>,<utterance>
        return " ".join(_babble(word, prefix) for word in value.split())
    return value


def _babble(word: str, prefix: str) -> str:
    effect, equals, utts = word.partition("=")
    return f"{effect}={','.join(prefix + utt for utt in utts.split(','))}" if effect == "babble" else word
