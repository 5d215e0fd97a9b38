"""Trained networks that a config names, `{pretrained: NAME}`, as the model files that the workflow makes of them."""

from dataclasses import replace
from pathlib import Path

from spkr.config.options import read_options, suggest
from spkr.config.pretrained_options import Pretrained, model_file
from spkr.config.sources import Source, read_source
from spkr.errors import InputError

PLACES = (("model",), ("train", "init_from"), ("train", "teacher"))  # where a config may name one


def pretrained_networks(root: str | Path) -> list[str]:
    """The names of conf/pretrained/."""
    return sorted(path.stem for path in Path(root).glob("conf/pretrained/*.yaml"))


def read_pretrained(root: str | Path, name: str) -> Pretrained:
    """conf/pretrained/<name>.yaml; InputError where an entry is wrong."""
    path = Path(root, f"conf/pretrained/{name}.yaml")
    return read_options(Pretrained, read_source(path).settings, str(path))


def with_networks(source: Source, root: str | Path) -> Source:
    """A source with the path of the model file in place of each `{pretrained: NAME}`.

    Raises InputError if there is no such name, or if another key stands beside it.
    """
    settings = source.settings
    for path in PLACES:
        above = settings if len(path) == 1 else settings.get(path[0])
        value = above.get(path[-1]) if isinstance(above, dict) else None
        if isinstance(value, dict) and "pretrained" in value:
            file = model_file(_name(value, source, root, path))
            settings = settings | ({path[0]: file} if len(path) == 1 else {path[0]: {**above, path[-1]: file}})
    return replace(source, settings=settings)


def _name(value: dict, source: Source, root: str | Path, path: tuple[str, ...]) -> str:
    known, name = pretrained_networks(root), value["pretrained"]
    here, key = (*path, "pretrained"), ".".join([*path, "pretrained"])
    if name not in known:
        raise InputError(f"{source.place(here)}: {key}: no such network {name!r}; {suggest(str(name), known)}")
    if others := sorted(value.keys() - {"pretrained"}):
        where = f"{source.place((*path, others[0]))}: {key}"
        raise InputError(f"{where}: {others[0]} beside it; expected the name only, as the file has all options")
    return name
