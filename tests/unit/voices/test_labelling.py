"""Names for the speakers of segments."""

import numpy as np
import pytest
import soundfile

from spkr.errors import InputError
from spkr.voices.enrolment import Terms, enrol
from spkr.voices.identifying import enrolled_voices
from spkr.voices.labelling import Labelling, label
from spkr.voices.rttm import read_rttm
from spkr.voices.store import VoiceStore
from tests.unit.voices.toy_model import RATE, hum, toy_model

SPEECH = ["ann", "bob", "eve", "ann", "bob", "eve", "bob"]  # of two seconds each


@pytest.fixture(scope="module")
def meeting(tmp_path_factory):
    """A model, a store of ann and bob, and a recording of SPEECH, the second one of stereo."""
    folder = tmp_path_factory.mktemp("meeting")
    model = toy_model(folder / "toy.spkr")
    for name in ("ann", "bob"):
        enrol(model, folder / "s", name, [hum(name, seed=i) for i in range(2)], Terms(model.rule()))
    said = np.concatenate([hum(voice, seed=20 + i) for i, voice in enumerate(SPEECH)])
    soundfile.write(folder / "m.wav", said, RATE)
    soundfile.write(folder / "stereo.wav", np.stack([said, np.roll(said, 2 * RATE)], axis=1), RATE)
    return folder, model, enrolled_voices(VoiceStore(folder / "s", model.sha256, model.dim))


@pytest.fixture
def named(meeting, tmp_path):
    """A function: the label, name and segments of what `label` finds for lines of: label start duration [channel]."""
    folder, model, voices = meeting

    def call(text, file="m.wav", channel=None, **how):
        lines = [line.split() for line in text.strip().split("\n")]
        (tmp_path / "x.rttm").write_text("".join(
            f"SPEAKER m {(*rest, 1)[0]} {start} {duration} <NA> <NA> {who} <NA> <NA>\n"
            for who, start, duration, *rest in lines
        ))  # fmt: skip
        how = Labelling(model.rule(), **how)
        return label(model, voices, folder / file, read_rttm(tmp_path / "x.rttm"), how, channel)

    return call


LABELS = "A 0 2\nB 2 2\nC 4 2\nA 6 2\nB 8 2\nC 10 2\nB 12 2"


def names(found):
    return [(one.label, one.name, len(one.segments)) for one in found]


def test_labels_get_names_and_unknown_ones_stay(named):
    assert names(named(LABELS)) == [("A", "ann", 2), ("B", "bob", 3), ("C", "C", 2)]


def test_segments_of_a_label_are_heard_together(named):
    (one,) = named("A 0 2\nA 2 2")  # of ann and bob
    assert one.name == "A" and len(one.identity.heard) == 2
    assert [heard.source.rpartition(":")[2] for heard in one.identity.heard] == ["1", "2"]


def test_each_segment_may_be_named_by_itself(named):
    found = named("A 0 2\nA 2 2\nA 4 2", each_segment=True)
    assert names(found) == [("A", "ann", 1), ("A", "bob", 1), ("A", "A", 1)]


def test_short_and_silent_segments_are_not_heard(named, meeting, tmp_path):
    (one,) = named("A 0 2\nA 2.1 0.4")
    assert one.name == "ann" and len(one.identity.heard) == 1 and len(one.segments) == 2
    (short,) = named("A 0 0.4")
    assert (short.name, short.identity, short.why) == ("A", None, "too short: 0.4 s; expected 0.5 s or more")
    assert named("A 0 0.4", least=0.3)[0].name == "ann"
    assert named("A 0 0.01", least=0.001)[0].identity is None  # less than a frame
    folder, model, voices = meeting
    soundfile.write(tmp_path / "quiet.wav", np.concatenate([np.zeros(2 * RATE), hum("bob")]), RATE)
    (tmp_path / "q.rttm").write_text("SPEAKER q 1 0 2 <NA> <NA> A <NA>\nSPEAKER q 1 2 2 <NA> <NA> B <NA>\n")
    silent, bob = label(model, voices, tmp_path / "quiet.wav", read_rttm(tmp_path / "q.rttm"), Labelling(model.rule()))
    assert silent.identity is None and "q.rttm:1: no speech found" in silent.why and bob.name == "bob"


def test_overlapping_segments_are_allowed(named):
    assert names(named("A 0 2.1\nB 1.9 2.1")) == [("A", "ann", 1), ("B", "bob", 1)]


def test_a_segment_beyond_the_end_is_refused(named, tmp_path):
    with pytest.raises(InputError, match=r"x.rttm:2: from 13 to 15 s; .*m.wav has 14.00 s"):
        named("A 0 2\nB 13 2")
    assert named("B 12 2.4")[0].name == "bob"


def test_two_speakers_never_share_a_name(named):
    with pytest.raises(InputError, match="'ann' would stand for two speakers, those of the labels 'A' and 'ann'"):
        named("A 0 2\nann 4 2")
    assert names(named("x 0 2\ny 6 2")) == [("x", "ann", 1), ("y", "ann", 1)]  # one speaker, two labels
    assert names(named("ann 0 2\nbob 2 2")) == [("ann", "ann", 1), ("bob", "bob", 1)]  # named before


def test_channels_of_segments_are_listened_to(named):
    found = named("A 0 2 1\nB 4 2 2", "stereo.wav")
    assert names(found) == [("A", "ann", 1), ("B", "bob", 1)]
    assert named("A 4 2", "stereo.wav", channel=1)[0].name == "bob"
    with pytest.raises(InputError, match="stereo.wav.*channel"):
        named("A 0 2", "stereo.wav")
    with pytest.raises(InputError, match="channel 0 for segments of the channels 1, 2; leave it out"):
        named("A 0 2 1\nB 4 2 2", "stereo.wav", channel=0)
    with pytest.raises(InputError, match="x.rttm:2: channel '0'; expected a number from 1"):
        named("A 0 2 1\nB 4 2 0", "stereo.wav")
