"""Numbers in text, a whole column at once: eight characters of each line in one 64-bit word."""

import numpy as np

u64 = np.uint64
ZEROS, DOTS, SIXES, ONES = (u64(int.from_bytes(8 * c)) for c in (b"0", b".", b"\x06", b"\x01"))
HIGH_BITS, HIGH_NIBBLES, LOW_NIBBLES = (u64(int.from_bytes(8 * c)) for c in (b"\x80", b"\xf0", b"\x0f"))
LAST = np.array([(1 << 64) - (1 << 8 * (8 - n)) for n in range(9)], u64)  # LAST[n]: the last n characters of a word
TENS = 10.0 ** np.arange(9)


def words_before(text: bytes, ends: np.ndarray) -> np.ndarray:
    """The eight characters before each of `ends` (n,), 8 at least, as uint64 (n,): the last one is the highest."""
    return np.ndarray(len(text) - 7, "<u8", text, strides=(1,))[ends - 8]


def parse_decimals(text: bytes, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fields text[starts[i]:ends[i]] as float64 (n,), and which of them are of the form read here, bool (n,).

    That form is `-12.3456`, with one to seven digits before the dot and up to eight after it, or without it. Then the
    digits and the power of ten that divides them are exact in float64, and their quotient is what `float` gives.
    Something must stand before the fields: sixteen characters at least.
    """
    negative = np.frombuffer(text, np.uint8)[starts] == ord("-")
    length = np.minimum(ends - starts, 32).astype(np.int8) - negative
    last = words_before(text, ends) & LAST[np.minimum(length, 8)]
    dots = last ^ DOTS
    dots = (dots - ONES) & ~dots & HIGH_BITS  # the lowest bit is the first dot's; Anderson, Bit Twiddling Hacks
    decimals = 7 - (np.bitwise_count((dots - u64(1)) & ~dots) >> 3).astype(np.int8)  # -1 where there is no dot
    long = np.flatnonzero((decimals < 0) & (length > 9))
    decimals[long[words_before(text, ends[long] - 8) >> u64(56) == ord(".")]] = 8
    integers = length - decimals - np.int8(1)
    whole, ok = _digits(words_before(text, ends - decimals - 1), integers)
    decimals = np.maximum(decimals, 0)
    part, part_ok = _digits(last, decimals)
    power = TENS[decimals]
    values = (whole * power + part) / power
    return np.where(negative, -values, values), ok & part_ok & (integers > 0) & (integers <= 7)


def _digits(words: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number that the last n (at most eight) characters of each word write, and whether all are digits."""
    mask = LAST[np.minimum(n, 8)]
    words = words & mask | ZEROS & ~mask
    are_digits = (words & HIGH_NIBBLES == ZEROS) & (words + SIXES & HIGH_NIBBLES == ZEROS)
    words = (words & LOW_NIBBLES) * u64(2561) >> u64(8)  # pairs, fours, eights: Lemire, Quickly parsing eight digits
    words = (words & u64(0x00FF00FF00FF00FF)) * u64(6553601) >> u64(16)
    words = (words & u64(0x0000FFFF0000FFFF)) * u64(42949672960001) >> u64(32)
    return words.astype(float), are_digits
