"""With which front end the features of a folder were made, so that no network is given those of another one.

    front_end.<shard>.json    of one shard, by `spkr feats`
    front_end.json            of the whole folder, by `spkr merge-feats`

Both hold all options of the front end, as JSON. Kaldi ignores them. Features made elsewhere have none.
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
OF_READER = ("cmvn", "select_voiced")  # what is done to features when they are read

logger = logging.getLogger(__name__)


def shard_file(folder: str | Path, shard: int) -> Path:
    """The file that says with which front end one shard was made."""
    return Path(folder) / f"front_end.{shard}.json"


def write_front_end(path: str | Path, front_end: FrontEnd) -> None:
    """Write the options of a front end as JSON, by rename."""
    with replacing(path) as f:
        json.dump(front_end.to_dict(), f, indent=1, sort_keys=True)
        f.write("\n")


def read_front_end(path: str | Path) -> FrontEnd:
    """Read what `write_front_end` wrote; InputError where it is missing or something else."""
    try:
        return make_front_end(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; make the features again") from None
    except ValueError as e:
        raise InputError(f"{path}: not the options of a front end ({e}); make the features again") from None


def merge_front_ends(folder: str | Path, shards: int) -> None:
    """Write front_end.json of the shards' files; InputError where two shards were made with different options."""
    first, *others = [shard_file(folder, i) for i in range(1, shards + 1)]
    front_end = read_front_end(first)
    for other in others:
        for name, there, here in differing(read_front_end(other).to_dict(), front_end.to_dict()):
            raise InputError(f"{other}: made with {name} {there}, but {first} with {here}; make both shards again")
    write_front_end(Path(folder) / NAME, front_end)


def check_front_end(folder: str | Path, front_end: FrontEnd) -> None:
    """Raise InputError where the features of a folder were made with another front end than a network's.

    Only options that change what the network sees are compared. The reader itself normalises features and selects
    frames. Features made elsewhere are accepted, and the log says so.
    """
    path = Path(folder) / NAME
    if not path.exists():
        logger.info("%s: no such file; the features are taken for those of the network's front end", path)
        return
    ignored = (*OF_READER, *(() if front_end.select_voiced else ("vad",)))
    made, expected = (
        {name: value for name, value in options.numbers().items() if name not in ignored}
        for options in (read_front_end(path), front_end)
    )
    for name, there, here in differing(made, expected):
        raise InputError(
            f"{path}: the features were made with {name} {there}, and the network's front end has {here}; make them "
            "again with that (spkr feats --model), or name features that were made with it"
        )


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The options of `one` that differ, as (cmvn.window, its value, the other's), both values as JSON has them."""
    theirs = _flat(other)
    for name, value in _flat(one).items():
        if theirs.get(name) != value:
            yield name, value, theirs.get(name, "no such option")


def _flat(options: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in options.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": json.dumps(value)}
    return flat
