"""The file of a packed model: a ZIP archive of plain parts, each with a checksum.

    about.json              what it is (spkr.packed.about), and the SHA-256 of every other part
    weights.safetensors     the network, without its head
    backend.safetensors     mean, LDA, PLDA, cohort
    examples.safetensors    sounds, and what they gave when the file was made
    card.md                 the model card
    *.onnx                  the network for onnxruntime, if it was asked for

Parts are stored, not compressed, in the order of their names and without dates: equal parts give equal bytes. Nothing
in it is code that is run when it is read. Format of arrays: https://github.com/huggingface/safetensors
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing

FORMAT, VERSION = "spkr packed model", 1
ABOUT, SUMS = "about.json", "sha256"
WEIGHTS, FRONT, NETWORK = "weights.safetensors", "front.onnx", "network.onnx"  # parts
DATE = (1980, 1, 1, 0, 0, 0)  # of every part
DAMAGES = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, KeyError, ValueError, OSError)
WRITE_AGAIN = "write it again with `spkr pack`, or copy it again"


def write_container(path: str | Path, about: Mapping[str, object], parts: Mapping[str, bytes]) -> None:
    """Write parts by name, and `about` with their checksums, by rename."""
    head = {"format": FORMAT, "version": VERSION} | about
    head |= {SUMS: {name: hashlib.sha256(part).hexdigest() for name, part in sorted(parts.items())}}
    text = json.dumps(head, indent=1, allow_nan=False).encode() + b"\n"
    with replacing(path, "wb") as f, zipfile.ZipFile(f, "w") as archive:
        for name, part in {ABOUT: text, **dict(sorted(parts.items()))}.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), part)


def as_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The content of a part that holds arrays by name."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


class Container:
    """The parts of a packed model. Each one is read, and compared with its checksum, when it is asked for.

    Raises InputError for a file that is missing, cut, damaged, not a packed model, or of a newer version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            what = "a folder" if self.path.is_dir() else "no such file"
            raise InputError(f"{path}: {what}; expected a packed model, as `spkr pack` writes it")
        try:
            found = json.loads(self._part(ABOUT))
        except (ValueError, RecursionError):
            raise self._not_packed() from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise self._not_packed()
        if (version := found.get("version")) != VERSION:
            raise InputError(
                f"{path}: version {version} of a packed model; this spkr reads version {VERSION}: install a newer "
                "spkr, or pack the run again with this one"
            )
        if not isinstance(found.get(SUMS), dict):
            raise self._not_packed()
        self.sums: dict[str, str] = found[SUMS]
        self.about = {key: value for key, value in found.items() if key not in ("format", "version", SUMS)}

    def __contains__(self, name: str) -> bool:
        return name in self.sums

    def read(self, name: str) -> bytes:
        """The content of a part; InputError if it does not match its checksum."""
        content = self._part(name)
        if hashlib.sha256(content).hexdigest() != self.sums.get(name):
            raise InputError(f"{self.path}: {name} is damaged (its checksum differs); {WRITE_AGAIN}")
        return content

    def text(self, name: str) -> str:
        """The content of a part that is text."""
        return self.read(name).decode()

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of a part, by name."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return load(self.read(name))
        except SafetensorError:
            raise InputError(f"{self.path}: {name} is damaged; {WRITE_AGAIN}") from None

    def _part(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:  # it may unpack to any size
                    raise self._not_packed()
                return archive.read(name)
        except PermissionError as e:
            raise InputError(f"{self.path}: cannot be read ({e.strerror})") from None
        except DAMAGES:
            raise self._not_packed() from None

    def _not_packed(self) -> InputError:
        size = os.path.getsize(self.path)  # noqa: PTH202, it may have gone
        return InputError(f"{self.path}: not a packed model, or cut short ({size:,} bytes); {WRITE_AGAIN}")
