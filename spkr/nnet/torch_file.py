"""Reading what `torch.save` wrote. Only tensors, numbers, text and containers of them are read, and no code is run."""

from pathlib import Path
from typing import IO, Any

import torch

from spkr.errors import InputError


def read_torch(file: str | Path | IO[bytes], name: str | Path, expected: str, damaged: str) -> Any:
    """What a file holds, or the opened one that `name` holds.

    Args: expected and damaged end the messages of a file that is missing or not read, and of one that is no such file.
    Raises InputError where the file is missing, cannot be read, is cut short, or holds code.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; {expected}") from None
    except Exception as e:  # torch may raise any error, and its message may advise running code from the file
        if isinstance(e, OSError) and e.filename:
            raise InputError(f"{name}: cannot be read ({e.strerror}); {expected}") from None
        raise InputError(f"{name}: {damaged}") from None
