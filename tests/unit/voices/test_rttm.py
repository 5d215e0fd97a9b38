"""RTTM files: what is read, what is kept, and lines that are wrong."""

import pytest

from spkr.errors import InputError
from spkr.voices.rttm import check_times, of_recording, read_rttm, rttm_text

LINES = ["SPEAKER m 1 0.50 2.250 <NA> <NA> spk0 <NA> <NA>", "SPEAKER m 1 2 1e0 <NA> <NA> B 0.9"]


@pytest.fixture
def rttm(tmp_path):
    def call(*lines):
        (tmp_path / "x.rttm").write_text("".join(f"{line}\n" for line in lines))
        return read_rttm(tmp_path / "x.rttm")

    return call


def test_segments_are_read_and_written_as_they_were_but_for_the_names(rttm):
    segments = rttm(";; who speaks", LINES[0], "", LINES[1].replace(" ", "\t"))
    assert [(s.recording, s.label, s.start, s.duration, s.end) for s in segments] == [
        ("m", "spk0", 0.5, 2.25, 2.75), ("m", "B", 2.0, 1.0, 3.0),
    ]  # fmt: skip
    assert segments[1].place.endswith("x.rttm:4")
    assert rttm_text(segments, {segments[0]: "Ann van der Berg", segments[1]: "B"}) == (
        "SPEAKER m 1 0.50 2.250 <NA> <NA> Ann_van_der_Berg <NA> <NA>\nSPEAKER m 1 2 1e0 <NA> <NA> B 0.9\n"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("SPEAKER m 1 0 1 <NA> <NA> a", "8 fields; expected 9 or 10: SPEAKER <recording>"),
        ("SPEAKER m 1 0 1 <NA> <NA> a <NA> <NA> x", "11 fields; expected 9 or 10"),
        ("SPKR-INFO m 1 <NA> <NA> <NA> unknown a <NA>", "a line of type 'SPKR-INFO'; expected SPEAKER"),
        ("SPEAKER m 1 -1 1 <NA> <NA> a <NA>", "a start of '-1'; expected seconds, 0 or more"),
        ("SPEAKER m 1 nan 1 <NA> <NA> a <NA>", "a start of 'nan'"),
        ("SPEAKER m 1 0 inf <NA> <NA> a <NA>", "a duration of 'inf'"),
        ("SPEAKER m 1 0 x <NA> <NA> a <NA>", "a duration of 'x'; expected seconds, 0 or more"),
        ("SPEAKER m 1 0 0.0 <NA> <NA> a <NA>", "a duration of 0.0 s; expected more than 0: remove the line"),
    ],
)
def test_a_wrong_line_is_named(rttm, tmp_path, line, message):
    with pytest.raises(InputError) as error:
        rttm(LINES[0], line)
    assert str(error.value).startswith(f"{tmp_path}/x.rttm:2: {message}")


def test_a_file_without_segments_is_refused(rttm):
    with pytest.raises(InputError, match="x.rttm: no segment; expected lines of SPEAKER"):
        rttm(";; nothing")


def test_the_segments_of_a_recording_are_found_by_its_name(rttm):
    segments = rttm(LINES[0], LINES[1].replace(" m ", " other "))
    assert [s.label for s in of_recording("x.rttm", segments, "other")] == ["B"]
    with pytest.raises(InputError, match="no segment of the recording 'meeting'; it has m, other: name one .* --name"):
        of_recording("x.rttm", segments, "meeting")


def test_segments_lie_in_the_recording(rttm):
    segments = rttm(*LINES)
    check_times(segments, "m.wav", 2.6, 0.5)
    with pytest.raises(InputError, match=r"x.rttm:2: from 2 to 3 s; m.wav has 2.40 s"):
        check_times(segments, "m.wav", 2.4, 0.5)
    with pytest.raises(InputError, match=r"x.rttm:2: from 2 to 3 s; m.wav has 2.00 s"):
        check_times(segments, "m.wav", 2.0, 5)
