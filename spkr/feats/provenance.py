"""The record of the front end that made a folder of features. A network accepts only features made with its own.

    front_end.<shard>.json    of one shard, written by `spkr feats`
    front_end.json            of the whole folder, written by `spkr merge-feats`

Both hold all options of the front end as JSON. Kaldi ignores them. Features made elsewhere do not have them.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.files import replacing

NAME = "front_end.json"
OF_READER = ("cmvn", "select_voiced")  # options that the reader applies; they do not change the arks

logger = logging.getLogger(__name__)


def shard_file(folder: str | Path, shard: int) -> Path:
    """The path of the front end's record of one shard."""
    return Path(folder) / f"front_end.{shard}.json"


def write_front_end(path: str | Path, front_end: FrontEnd) -> None:
    """Write the options of a front end as JSON, by rename."""
    with replacing(path) as f:
        json.dump(front_end.to_dict(), f, indent=1, sort_keys=True)
        f.write("\n")


def read_front_end(path: str | Path) -> FrontEnd:
    """Read what `write_front_end` wrote. Raises InputError if it is missing or malformed."""
    try:
        return make_front_end(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; make the features again") from None
    except ValueError as e:
        raise InputError(f"{path}: not the options of a front end ({e}); make the features again") from None


def merge_front_ends(folder: str | Path, shards: int) -> None:
    """Write front_end.json from the shards' records. Raises InputError if the options of two shards differ."""
    first, *others = [shard_file(folder, i) for i in range(1, shards + 1)]
    front_end = read_front_end(first)
    for other in others:
        for name, there, here in differing(read_front_end(other).to_dict(), front_end.to_dict()):
            raise InputError(f"{other}: made with {name} {there}, but {first} with {here}; make both shards again")
    write_front_end(Path(folder) / NAME, front_end)


def copy_front_end(folder: str | Path, out_dir: str | Path) -> None:
    """Copy the record of a folder of features to a folder of the same features, if it has one."""
    if (path := Path(folder) / NAME).exists():
        write_front_end(Path(out_dir) / NAME, read_front_end(path))


def check_front_end(folder: str | Path, front_end: FrontEnd) -> None:
    """Raise InputError if the features of a folder were made with another front end than a network's.

    Only options that change the arks' numbers are compared, not those that the reader applies. Features without a
    record are accepted, and the log says so.
    """
    path = Path(folder) / NAME
    if not path.exists():
        logger.warning("%s: no such file; assuming that the features were made with the network's front end", path)
        return
    ignored = (*OF_READER, *(() if front_end.select_voiced else ("vad",)))
    made, expected = (
        {name: value for name, value in options.numbers().items() if name not in ignored}
        for options in (read_front_end(path), front_end)
    )
    for name, there, here in differing(made, expected):
        raise InputError(
            f"{path}: the features were made with {name} {there}, and the network's front end has {here}; make them "
            "again with the network's (spkr feats --model), or name features that were made with it"
        )


def channel_read(folder: str | Path, front_end: FrontEnd) -> str | int | None:
    """The option feats.channel that features of a folder were made with; that of `front_end` without a record."""
    path = Path(folder) / NAME
    return (read_front_end(path) if path.exists() else front_end).channel


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The options of `one` that differ, as (name, its value, the other's): names like cmvn.window, values as JSON."""
    theirs = _flat(other)
    for name, value in _flat(one).items():
        if theirs.get(name) != value:
            yield name, value, theirs.get(name, "no such option")


def _flat(options: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in options.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": json.dumps(value)}
    return flat
