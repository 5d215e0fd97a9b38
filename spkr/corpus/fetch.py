"""Fetching a corpus: finds or downloads its archive, unpacks it, and writes a record of that."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from spkr.corpus.archive import RECORD, unpack
from spkr.corpus.download import download
from spkr.errors import InputError
from spkr.files import naming_full_disk, replacing
from spkr.files import sha256 as sha256_of

logger = logging.getLogger(__name__)

DEPTH = 2  # folders below `corpora` in which an archive may lie


def find_archive(
    names: str | Sequence[str], corpora: str | Path, is_one: Callable[[Path], bool] = Path.is_file, key: str = "corpora"
) -> Path | None:
    """The path of the first of `names` that is found under the folder `corpora`, at most two folders deep, or None.

    A name may include its folder (`himia/train.tar.gz`). The least deep match is taken. `is_one` may ask for folders
    instead of files. Raises InputError if `corpora` is not a folder, or if two matches are equally deep.
    """
    corpora = Path(corpora)
    if not corpora.is_dir():
        raise InputError(f"{corpora}: no such folder; `{key}` and SPKR_{key.upper()} name the folder to look in")
    for name in [names] if isinstance(names, str) else names:
        for depth in range(DEPTH + 1):
            found = sorted(filter(is_one, corpora.glob("*/" * depth + name)))
            if len(found) > 1:
                raise InputError(f"{name}: both {found[0]} and {found[1]} have this name; keep one of them")
            if found:
                return found[0]
    return None


def fetch_corpus(
    archive: str,
    out_dir: str | Path,
    corpora: str | Path | None = None,
    url: str | None = None,
    sha256: str | None = None,
    withdrawn: str | None = None,
) -> None:
    """Unpack an archive from `corpora`, or downloaded from `url`, to `out_dir`, unless that is done.

    If `corpora` has only the `withdrawn` version of the archive, that is taken, with a warning. A download is kept in
    `downloads/` beside `out_dir`, and its `sha256` is checked if it is given. The last file written is
    `out_dir/unpacked.json`, with the archive's name, sha256 and number of files, but not its folder. Raises InputError
    if the archive is neither found nor downloaded, and as `unpack` does.
    """
    out_dir = Path(out_dir)
    name = Path(archive).name
    if read_record(out_dir).get("archive") == name:
        return
    names = [archive, withdrawn] if withdrawn else [archive]
    path = find_or_download(names, corpora, "corpora", out_dir.parent / "downloads" / name, url, sha256)
    if path.name != name:
        logger.warning("%s was withdrawn by its publisher; results may differ from those on %s", path, name)
    with naming_full_disk(out_dir):
        files = unpack(path, out_dir)
    write_record(out_dir, archive=path.name, sha256=sha256_of(path), files=files)


def find_or_download(
    names: str | Sequence[str], folder: str | Path | None, key: str, to: Path, url: str | None, sha256: str | None
) -> Path:
    """The path of the first of `names` under `folder`, or of the file `to`, downloaded from `url` if it is not there.

    Args: key is the option that names the folder, as for `find_archive`.
    Raises InputError where nothing is found and the download is impossible or fails.
    """
    if folder and (found := find_archive(names, folder, key=key)):
        return found
    if to.exists():
        return to
    name = names if isinstance(names, str) else names[0]
    missing = f"{name} was not found under {folder}" if folder else f"{name}: `{key}` is not set"
    advice = f"put the file into a folder and name that with `{key}` or SPKR_{key.upper()}"
    if not url:
        raise InputError(f"{missing}, and there is no address to download it from; {advice}")
    try:
        download(url, to, sha256)
    except InputError as e:
        raise InputError(f"{missing}, and {e}; or {advice}") from None
    return to


def read_record(out_dir: str | Path) -> dict:
    """The completion record of an unpacked corpus, or an empty dictionary."""
    path = Path(out_dir) / RECORD
    return json.loads(path.read_text()) if path.exists() else {}


def write_record(out_dir: str | Path, **record: object) -> None:
    """Write the completion record, which is the input of all rules that use the corpus."""
    with replacing(Path(out_dir) / RECORD) as f:
        f.write(json.dumps(record, indent=1) + "\n")
