import io
import struct

import numpy as np
import pytest
import soundfile

from spkr.audio.decoding import check_audio, read_audio
from spkr.audio.mpeg import Header
from spkr.audio.recordings import recording_stats
from spkr.errors import InputError
from tests.unit.audio.files import RATE

SPEECH = np.concatenate([np.full(RATE, 30), 9000 * np.sin(np.arange(2 * RATE) / 9)]).astype(np.int16)  # silence first
DELAY = 576  # samples that LAME puts before the first one


def mp3(samples=SPEECH, rate=RATE, mode="VARIABLE"):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return content.getvalue()


def places(content):
    """Where each frame of an MP3 file without tags begins."""
    at = [0]
    while at[-1] < len(content):
        at.append(at[-1] + Header(content[at[-1] :][:4]).length)
    return at[:-1]


def bare(content):
    """The frames without the one that says how many there are."""
    return content[places(content)[1] :]


def put(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT", "AVERAGE"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_all_samples_are_read_where_no_header_says_how_many(tmp_path, rate, mode, channels):
    content = mp3(np.stack([SPEECH] * channels, axis=1), rate, mode)  # once: LAME's stereo is not the same every time
    whole, path = put(tmp_path / "whole.mp3", content), put(tmp_path / "bare.mp3", bare(content))
    expected = read_audio(whole, rate, channel=0)
    assert len(expected) == len(SPEECH)
    found = read_audio(path, rate, channel=0)
    assert check_audio(path, rate, channel=0).samples == len(found)
    assert 0 <= len(found) - len(SPEECH) - DELAY < 2 * 1152  # the last frames are filled up
    assert np.abs(found[DELAY : DELAY + len(SPEECH)] - expected).max() < 0.1


@pytest.mark.parametrize("before", [b"", b"ID3\4\0\0\0\0\1\0" + bytes(128), b"ID3\4\0\0\0\0\0\3abc" + bytes(50)])
@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125), b"APETAGEX" + bytes(99), bytes(1000)])
@pytest.mark.parametrize("of", [mp3, lambda: bare(mp3())])
def test_tags_before_and_behind_are_no_sound(tmp_path, before, behind, of):
    plain = read_audio(put(tmp_path / "plain.mp3", of()), RATE)
    assert np.array_equal(read_audio(put(tmp_path / "x.mp3", before + of() + behind), RATE), plain)


def test_a_header_that_says_nothing_of_the_number_is_replaced(tmp_path):
    content, second = mp3(), places(mp3())[1]
    plain = read_audio(put(tmp_path / "bare.mp3", content[second:]), RATE)
    at = content.index(b"Xing")
    for frame in (
        content[: at + 4].ljust(second, b"\0"),
        content[:4] + bytes(32) + b"VBRI" + bytes(second - 40),
    ):
        assert np.array_equal(read_audio(put(tmp_path / "x.mp3", frame + content[second:]), RATE), plain)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda c, at: c[:-1], "cut short in its MP3 frame 87; replace the file"),
        (lambda c, at: c[: at[50]], "cut short: it has 49 MP3 frames, and its header says 86"),
        (lambda c, at: c + c[at[-1] :], "has more data after its end: it has 87 MP3 frames, and its header says 86"),
        (lambda c, at: c[: at[50] + 9] + c[at[50] + 11 :], "has bytes that are not an MP3 frame, at byte .*ffmpeg"),
        (
            lambda c, at: c[: at[50]] + bytes(100) + c[at[50] :],
            "has bytes that are not an MP3 frame, at byte .*, after",
        ),
        (lambda c, at: c + b"more", "has bytes that are not an MP3 frame, at byte .*, after frame 87"),
        (lambda c, at: c[: at[50]] + mp3(rate=32000), "changes its sampling rate"),
        (lambda c, at: c[: at[50] + 2] + bytes([c[at[50] + 2] & 15]) + c[at[50] + 3 :], "an MP3 file in free format"),
        (lambda c, at: c.replace(b"Xing", b"Xinf"), "its Info frame, which gives its length, is damaged"),
        (
            lambda c, at: c.replace(b"Xing\0\0\0\x0f", b"Xing\0\0\0\x0e"),
            "its Info frame, which gives its length, is damaged",
        ),
        (
            lambda c, at: c[: c.index(b"LAME") + 22] + b"\0" + c[c.index(b"LAME") + 23 :],
            "its Info frame, which gives its length, is damaged",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_named_by_every_reader(tmp_path, damage, message):
    path = put(tmp_path / "x.mp3", damage(mp3(), places(mp3())))
    for read in (lambda: check_audio(path, RATE), lambda: read_audio(path, RATE), lambda: recording_stats(path)):
        with pytest.raises(InputError, match=f"x.mp3: {message}"):
            read()


def test_cut_frames_without_a_header_are_named(tmp_path):
    with pytest.raises(InputError, match="x.mp3: cut short in its MP3 frame 86"):
        check_audio(put(tmp_path / "x.mp3", bare(mp3())[:-1]), RATE)


def test_the_length_of_layer_2_is_named_where_it_is_not_known(tmp_path):
    """Silent frames: without a header of the length, libsndfile takes it from the first frame."""

    def frame(kbits):  # version 1, layer 2, 48 kHz, mono
        header = Header(struct.pack(">I", 0xFFFD04C0 | kbits << 12))
        return struct.pack(">I", header.bits).ljust(header.length, b"\0")

    constant = read_audio(put(tmp_path / "x.mp3", 100 * frame(8)), 48000)
    assert len(constant) == 115200
    with pytest.raises(InputError, match="x.mp3: does not give its length, which is 115200 samples; .*FLAC"):
        read_audio(put(tmp_path / "x.mp3", 50 * frame(8) + 50 * frame(4)), 48000)
