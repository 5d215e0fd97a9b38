"""RTTM, NIST's text file of who speaks when in a recording: a line for each segment.

    SPEAKER <recording> <channel> <start> <duration> <NA> <NA> <speaker> <NA> [<NA>]

Times are seconds. The last field came with the evaluation of 2009 (RT-09); older files have nine. Segments may overlap.
Lines that begin with ;; are comments. Other fields than the speaker's name are kept as they are.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spkr.errors import InputError
from spkr.files import read_text

FORM = "SPEAKER <recording> <channel> <start> <duration> <NA> <NA> <speaker> <NA> [<NA>]"
NAME = 7  # the field of the speaker, from 0


@dataclass(frozen=True)
class Segment:
    """A line of an RTTM file."""

    place: str  # file:line
    fields: tuple[str, ...]
    start: float  # seconds
    duration: float  # seconds

    @property
    def recording(self) -> str:
        """The name of the recording."""
        return self.fields[1]

    @property
    def label(self) -> str:
        """The speaker's name in the file."""
        return self.fields[NAME]

    @property
    def end(self) -> float:
        """Seconds."""
        return self.start + self.duration

    def named(self, name: str) -> str:
        """The line, without its end, with another speaker; blanks of a name, which a field cannot hold, become _."""
        return " ".join([*self.fields[:NAME], word(name), *self.fields[NAME + 1 :]])


def word(name: str) -> str:
    """A name as a field of RTTM."""
    return "_".join(name.split())


def read_rttm(path: str | Path) -> list[Segment]:
    """The segments of an RTTM file, in its order.

    Raises InputError as `spkr.files.read_text` does and, with the line, for a line that is not as FORM says.
    """
    lines = enumerate(read_text(path).split("\n"), 1)
    segments = [
        _segment(f"{path}:{number}", line.split())
        for number, line in lines
        if line.strip() and not line.startswith(";;")
    ]
    if not segments:
        raise InputError(f"{path}: no segment; expected lines of {FORM}")
    return segments


def _segment(place: str, fields: list[str]) -> Segment:
    if fields[0] != "SPEAKER":
        raise InputError(f"{place}: a line of type {fields[0]!r}; expected {FORM}: remove lines of other types")
    if len(fields) not in (9, 10):
        raise InputError(f"{place}: {len(fields)} fields; expected 9 or 10: {FORM}")
    start, duration = (
        _seconds(place, what, text) for what, text in zip(("start", "duration"), fields[3:5], strict=True)
    )
    if duration == 0:
        raise InputError(f"{place}: a duration of {fields[4]} s; expected more than 0: remove the line")
    return Segment(place, tuple(fields), start, duration)


def _seconds(place: str, what: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{place}: a {what} of {text!r}; expected seconds, 0 or more")
    return value


def of_recording(path: str | Path, segments: Iterable[Segment], recording: str) -> list[Segment]:
    """The segments of one recording. Raises InputError, which names the others, if it has no segment."""
    found = [segment for segment in segments if segment.recording == recording]
    if not found:
        others = ", ".join(sorted({segment.recording for segment in segments})[:5])
        raise InputError(
            f"{path}: no segment of the recording {recording!r}; it has {others}: name one of them with --name"
        )
    return found


def check_times(segments: Iterable[Segment], source: str, seconds: float, beyond: float) -> None:
    """Raise InputError, with the line, for a segment that ends more than `beyond` seconds after the recording."""
    for segment in segments:
        if segment.end > seconds + beyond or segment.start >= seconds:
            raise InputError(
                f"{segment.place}: from {segment.start:g} to {segment.end:g} s; {source} has {seconds:.2f} s: does the "
                "file tell of another recording?"
            )


def rttm_text(segments: Iterable[Segment], names: Mapping[Segment, str]) -> str:
    """The text of an RTTM file in which segments have these names."""
    return "".join(f"{segment.named(names[segment])}\n" for segment in segments)
