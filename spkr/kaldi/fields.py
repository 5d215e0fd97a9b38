"""Numbers in the fields of text files, read as Kaldi reads them.

Python's own `float` and `int` accept more: `1_0`, `nan`, blanks around the digits, digits of other scripts.
"""

import math
import re

DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
COUNT = re.compile(r"[0-9]{1,18}")  # what fits into 64 bits


def decimal(text: str) -> float:
    """A finite decimal number; ValueError for any other text."""
    if not (DECIMAL.fullmatch(text) and math.isfinite(value := float(text))):
        raise ValueError(f"{text!r}: expected a decimal number")
    return value


def count(text: str) -> int:
    """A whole number, zero or above; ValueError for any other text."""
    if not COUNT.fullmatch(text):
        raise ValueError(f"{text!r}: expected a whole number")
    return int(text)
