import io

import numpy as np
import pytest
import soundfile

from spkr.audio.decoding import check_audio, read_audio
from spkr.audio.recordings import recording_stats
from spkr.errors import InputError
from tests.unit.audio.files import RATE

SPEECH = (3000 * np.random.default_rng(1).standard_normal(5 * RATE)).astype(np.int16)


@pytest.fixture(scope="module", params=["VORBIS", "OPUS"])
def ogg(request):
    """An Ogg file of seven pages or so."""
    content = io.BytesIO()
    soundfile.write(content, SPEECH, RATE, format="OGG", subtype=request.param)
    return content.getvalue()


def pages(content):
    """Where each page begins."""
    return [at for at in range(len(content)) if content.startswith(b"OggS", at)]


def put(path, content):
    path.write_bytes(content)
    return path


def test_a_whole_file_is_read(tmp_path, ogg):
    path = put(tmp_path / "x.ogg", ogg)
    assert check_audio(path, RATE).samples == len(read_audio(path, RATE)) == recording_stats(path).frames == len(SPEECH)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda c, at: c[: at[-1]], "cut short: its last Ogg page lacks the end-of-stream flag; .*FLAC"),
        (lambda c, at: c[:-1], "cut short in its Ogg page"),
        (lambda c, at: c[: at[-1] + 20], "cut short in its Ogg page"),
        (lambda c, at: c[: at[-1] + 29], "cut short in its Ogg page"),
        (lambda c, at: c[: at[-1] + 2], "cut short in its Ogg page"),
        (lambda c, at: c[: at[3]] + c[at[4] :], "lacks its Ogg page 3; page 4 follows"),
        (lambda c, at: c[: at[3] + 99] + b"\0\0" + c[at[3] + 101 :], "its Ogg page 3 is damaged"),
        (lambda c, at: c[: at[3]] + b"more" + c[at[3] :], "has bytes that are not an Ogg page"),
        (lambda c, at: c + c, "has more data after the end of its Ogg stream"),
        (lambda c, at: c + bytes(9), "has more data after the end of its Ogg stream"),
    ],
)
def test_a_file_that_is_not_whole_is_named_by_every_reader(tmp_path, ogg, damage, message):
    path = put(tmp_path / "x.ogg", damage(ogg, pages(ogg)))
    for read in (lambda: check_audio(path, RATE), lambda: read_audio(path, RATE), lambda: recording_stats(path)):
        with pytest.raises(InputError, match=f"x.ogg: {message}"):
            read()
