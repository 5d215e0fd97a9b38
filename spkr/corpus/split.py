"""Choosing by seed which speakers or utterances go into a set."""

import hashlib
from collections.abc import Iterable


def shuffled(seed: int, names: Iterable[str]) -> list[str]:
    """Names in an order that depends on the seed and on nothing else, Python's version included."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).hexdigest())
