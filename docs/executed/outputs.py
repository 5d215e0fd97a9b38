"""What a command prints, as a page shows it: shortened, and compared with what it prints now."""

import difflib
import re
import shlex
from dataclasses import dataclass

from spkr.errors import InputError

GAP = "..."  # stands for lines that are left out
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
# What never agrees: times of day, dates, durations, speeds, and shares of the time
UNSTEADY = re.compile(
    r"\d\d:\d\d(?::\d\d)?(?:\.\d+)?|\d{4}-\d\d-\d\d(?:T\d{6}\.\d+)?|\d+(?:\.\d+)? (?:s|min|h|frames/s)\b|\d+ % waiting"
)


@dataclass(frozen=True)
class How:
    """What a mark says about an output, in words behind `output:`.

    first=N last=N    only the first and the last lines are shown
    only=REGEX        only lines in which this is found
    within=R,A        numbers with a decimal point agree within R percent or within A, whichever is more
    whole             so do whole numbers, which are equal otherwise
    unordered         lines may come in any order
    """

    first: int | None = None
    last: int | None = None
    only: str = ""
    within: tuple[float, float] = (0.0, 0.0)  # relative, from 0 to 1, and absolute
    whole: bool = False
    unordered: bool = False

    @classmethod
    def read(cls, words: str, place: str) -> "How":
        """From the words of a mark; InputError, naming its place, where they are not those above."""
        values: dict[str, object] = {}
        for word in shlex.split(words):
            key, _, value = word.partition("=")
            try:
                if key in ("whole", "unordered") and not value:
                    values[key] = True
                elif key in ("first", "last"):
                    values[key] = int(value)
                elif key == "only" and value:
                    values[key] = re.compile(value).pattern
                elif key == "within":
                    percent, absolute = map(float, value.split(","))
                    values[key] = (percent / 100, absolute)
                else:
                    raise ValueError
            except (ValueError, re.error):
                raise InputError(
                    f"{place}: output: {word}: expected first=N, only=REGEX, within=PERCENT,ABSOLUTE ..."
                ) from None
        return cls(**values)


def shorten(text: str, how: How) -> str:
    """The lines that a page shows; those left out, each stretch of them, become a line `...`."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [bool(re.search(how.only, line)) for line in lines]
    if how.first is not None or how.last is not None:
        found = [k for k, keep in enumerate(kept) if keep]
        left = set(found[: how.first or 0]) | set(found[len(found) - (how.last or 0) :])
        kept = [k in left for k in range(len(lines))]
    shown: list[str] = []
    for line, keep in zip(lines, kept, strict=True):
        if keep or shown[-1:] != [GAP]:
            shown.append(line if keep else GAP)
    return "".join(f"{line}\n" for line in shown)


def same(shown: str, printed: str) -> bool:
    """Whether two outputs are equal but for times."""
    return UNSTEADY.sub("#", shown) == UNSTEADY.sub("#", printed)


def differences(shown: str, printed: str, how: How) -> str:
    """What differs between the output that a page shows and the one that comes, both shortened; "" if they agree."""
    expected, found = (_lines(text, how) for text in (shown, printed))
    if len(expected) == len(found) and all(_agree(a, b, how) for a, b in zip(expected, found, strict=True)):
        return ""
    return "\n".join(
        difflib.unified_diff(shown.splitlines(), printed.splitlines(), "shown", "printed", lineterm="", n=1)
    )


def _lines(text: str, how: How) -> list[str]:
    """The lines without times, blanks between words as one; sorted, by words first, if any order will do."""
    lines = [" ".join(UNSTEADY.sub("#", line).split()) for line in text.splitlines()]
    if how.unordered:  # what is left out stands between other lines each time
        return sorted((line for line in lines if line != GAP), key=lambda line: (NUMBER.sub("", line), line))
    return lines


def _agree(a: str, b: str, how: How) -> bool:
    """Whether two lines have the same words, and numbers that agree."""
    if _words(a) != _words(b):
        return False
    return all(_close(x, y, how) for x, y in zip(NUMBER.findall(a), NUMBER.findall(b), strict=True))


def _words(line: str) -> str:
    """A line without numbers, and without what lines of a table depend on: rules, and blanks beside numbers."""
    return re.sub(r"-{3,}", "-", NUMBER.sub("#", line))


def _close(x: str, y: str, how: How) -> bool:
    if x == y:
        return True
    if "." not in x + y and "e" not in x + y and not how.whole:
        return False
    a, b = (float(number.replace(",", "")) for number in (x, y))
    relative, absolute = how.within
    return abs(a - b) <= max(absolute, relative * max(abs(a), abs(b)))
