"""Fetching a corpus: finds or downloads its archive, unpacks it, and writes a record of that."""

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from spkr.corpus.archive import RECORD, replacing_folder, unpack
from spkr.corpus.download import download
from spkr.corpus.parts import digests
from spkr.errors import InputError
from spkr.files import naming_full_disk, replacing

logger = logging.getLogger(__name__)

DEPTH = 2  # folders below `corpora` in which an archive may lie
PLAIN = ".txt"  # such a file is no archive, and is copied as it is


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
    md5: str | None = None,
    parts: Sequence[str] | None = None,
    tree: str | None = None,
) -> None:
    """Unpack an archive from `corpora`, or downloaded from `url`, to `out_dir`, unless that is done.

    If `corpora` has only the `withdrawn` version of the archive, that is taken, with a warning. If it has the folder
    `tree`, the content of the archive, `out_dir` gets a link to that, and nothing is unpacked. If it has the `parts` of
    the archive, they are read as if they were joined. A file .txt is copied.

    A download is kept in `downloads/` beside `out_dir`, and its `sha256` is checked if it is given. An `md5` is checked
    wherever the archive comes from. The last file written is `out_dir/unpacked.json`, with the archive's name, sha256
    and number of files, but not its folder. Raises InputError if the archive is neither found nor downloaded, or has
    another checksum, and as `unpack` does.
    """
    out_dir = Path(out_dir)
    name = Path(archive).name
    if read_record(out_dir).get("archive") == name:
        return
    if tree and corpora and (found := find_archive(tree, corpora, Path.is_dir)):
        with replacing_folder(out_dir) as folder:
            (folder / found.name).symlink_to(found.absolute())
        write_record(out_dir, archive=name, tree=tree)
        return
    paths = _find_parts(archive, parts or (), corpora)
    if not paths:
        names = [archive, withdrawn] if withdrawn else [archive]
        to = out_dir.parent / "downloads" / name
        try:
            paths = [find_or_download(names, corpora, "corpora", to, url, sha256)]
        except InputError as e:
            raise InputError(f"{e}{_or_else(parts, tree)}") from None
    used = name if len(paths) > 1 else paths[0].name
    if used != name:
        logger.warning("%s was withdrawn by its publisher; results may differ from those on %s", paths[0], name)
    sums = digests(paths, "sha256", *(["md5"] if md5 else []))
    if md5 and sums["md5"] != md5:
        raise InputError(f"{_said(paths)}: the md5 is {sums['md5']}; expected {md5}; get {name} again")
    with naming_full_disk(out_dir):
        files = _unpack(paths, paths[0].with_name(used), out_dir)
    write_record(out_dir, archive=used, sha256=sums["sha256"], files=files)


def _find_parts(archive: str, parts: Sequence[str], corpora: str | Path | None) -> list[Path]:
    """The parts of an archive under `corpora`; none if it is there as a whole, or if there is no part of it.

    Raises InputError if only some are there.
    """
    if not parts or not corpora or find_archive(archive, corpora):
        return []
    found = {part: find_archive(part, corpora) for part in parts}
    missing = [part for part, path in found.items() if path is None]
    if missing and len(missing) < len(parts):
        raise InputError(
            f"{missing[0]}: not found under {corpora}, which has other parts of {archive}; expected {len(parts)} parts"
        )
    return [path for path in found.values() if path]


def _unpack(paths: Sequence[Path], archive: Path, out_dir: Path) -> int:
    """Unpack an archive from its parts, or copy a file that is none; returns the number of files."""
    if archive.suffix != PLAIN:
        return unpack(archive, out_dir, parts=paths)
    with replacing_folder(out_dir) as folder:
        shutil.copyfile(paths[0], folder / archive.name)
    return 1


def _or_else(parts: Sequence[str] | None, tree: str | None) -> str:
    """What else may lie under `corpora` in place of an archive, for the end of a message."""
    others = [f"its parts {parts[0]} to {Path(parts[-1]).name}"] if parts else []
    others += [f"its content in a folder {tree}"] if tree else []
    return f"; or {', or '.join(others)}" if others else ""


def _said(paths: Sequence[Path]) -> str:
    """How a message names an archive: its path, or the paths of its first and last part."""
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} to {paths[-1].name}"


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
    advice = f"put the file into a folder and name that folder with `--config {key}=FOLDER` or SPKR_{key.upper()}"
    if not url:
        raise InputError(f"{missing}, and there is no address to download it from; {advice}")
    try:
        download(url, to, sha256)
    except InputError as e:
        raise InputError(f"{missing}, and {e}; download it elsewhere, and {advice}") from None
    return to


def read_record(out_dir: str | Path) -> dict:
    """The completion record of an unpacked corpus, or an empty dictionary."""
    path = Path(out_dir) / RECORD
    return json.loads(path.read_text()) if path.exists() else {}


def write_record(out_dir: str | Path, **record: object) -> None:
    """Write the completion record, which is the input of all rules that use the corpus."""
    with replacing(Path(out_dir) / RECORD) as f:
        f.write(json.dumps(record, indent=1) + "\n")
