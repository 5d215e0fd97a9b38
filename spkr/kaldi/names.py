"""Names in text as numbers, a whole column at once: eight characters of each line in one 64-bit word."""

import numpy as np

from spkr.kaldi.decimals import LAST, words_before

u64 = np.uint64
WORDS = 8  # of a name; a longer one is looked up by itself
SLOT_BITS = 20
ODD = u64(0x9E3779B97F4A7C15)  # Fibonacci hashing: Knuth, The Art of Computer Programming, volume 3, section 6.4


class Names:
    """Names, each once, numbered in the order in which they come first.

    A hash of a name says where its number stands. Names that find another one's there, and names that are new, take
    the way of a dict, some ten times as long.
    """

    def __init__(self, names: list[bytes] | None = None):
        self.numbers: dict[bytes, int] = {}
        self._slots = np.full(1 << SLOT_BITS, -1, np.int32)
        self._lengths = np.zeros(1024, np.int64)
        self._words = np.zeros((WORDS, 1024), u64)  # of each name, the last eight characters first
        if names:
            text = b" " * 8 + b"".join(names)
            ends = 8 + np.cumsum([len(name) for name in names])
            self.places(text, np.concatenate([[8], ends[:-1]]), ends)

    def places(self, text: bytes, starts: np.ndarray, ends: np.ndarray, add: bool = True) -> np.ndarray:
        """The numbers of the fields text[starts[i]:ends[i]], int32 (n,); -1 for new ones, unless they are to be added.

        No field is empty or holds a zero byte; something must stand before them: eight characters at least.
        """
        lengths = ends - starts
        words = [
            words_before(text, np.maximum(ends - 8 * k, 8)) & LAST[np.clip(lengths - 8 * k, 0, 8)]
            for k in range(min(WORDS, 1 + (int(lengths.max()) - 1) // 8))
        ]
        slots = _hash(words)
        places = self._slots[slots]
        known = (places >= 0) & (self._lengths[places] == lengths)
        for k, of_name in enumerate(words):
            known &= self._words[k, places] == of_name
        rest, before = np.flatnonzero(~known), len(self.numbers)
        new = []
        for line, start, end in zip(*(x.tolist() for x in (rest, starts[rest], ends[rest])), strict=True):
            name = text[start:end]
            place = self.numbers.get(name, -1)
            if place < 0 and add:
                place = self.numbers[name] = len(self.numbers)
                new.append(line)
            places[line] = place
        if new:
            self._register(before, slots[new], lengths[new], [of_name[new] for of_name in words])
        return places

    def _register(self, first: int, slots: np.ndarray, lengths: np.ndarray, words: list[np.ndarray]) -> None:
        """Have new names, whose numbers begin at `first`, found in the slots that no other has."""
        part = slice(first, first + len(slots))
        if part.stop > len(self._lengths):
            size = 2 * part.stop
            self._lengths = np.concatenate([self._lengths[:first], np.zeros(size - first, np.int64)])
            self._words = np.concatenate([self._words[:, :first], np.zeros((WORDS, size - first), u64)], axis=1)
        self._lengths[part] = lengths
        self._words[: len(words), part] = words
        free = (self._slots[slots] < 0) & (lengths <= 8 * WORDS)
        self._slots[slots[free]] = np.arange(part.start, part.stop)[free]


def _hash(words: list[np.ndarray]) -> np.ndarray:
    """A slot for each name."""
    mixed = words[0]
    for of_name in words[1:]:
        mixed = (mixed ^ mixed >> u64(29)) * ODD + of_name
    return ((mixed ^ mixed >> u64(32)) * ODD >> u64(64 - SLOT_BITS)).astype(np.int64)
