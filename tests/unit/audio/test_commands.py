import io
import shlex
import struct

import pytest
import soundfile

from spkr.audio.decoding import check_audio, read_audio
from spkr.errors import InputError
from tests.unit.audio.files import RAMP, RATE, write


def wav_bytes(riff, data, more=b""):
    """RAMP as WAV, with these sizes in the header and another chunk before the samples."""
    content = io.BytesIO()
    soundfile.write(content, RAMP, RATE, format="WAV", subtype="PCM_16")
    whole = content.getvalue()
    return b"RIFF" + struct.pack("<I", riff) + whole[8:36] + more + b"data" + struct.pack("<I", data) + whole[44:]


@pytest.mark.parametrize("riff, data", [(0, 0), (36, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000)])
@pytest.mark.parametrize("more", [b"", b"LIST\x04\0\0\0INFO"])
@pytest.mark.parametrize("pipe", [False, True])
def test_wav_header_that_does_not_know_the_length_is_read_to_the_end(tmp_path, riff, data, more, pipe):
    path = tmp_path / "x.wav"
    path.write_bytes(wav_bytes(riff, data, more))
    source = f"cat {shlex.quote(str(path))} |" if pipe else path
    assert read_audio(source, RATE, allow_pipes=True).tolist() == RAMP.tolist()
    assert read_audio(source, RATE, allow_pipes=True, start=0.25, end=0.5).tolist() == RAMP[4000:8000].tolist()


@pytest.mark.parametrize("name, options", [("x.wav", {}), ("x.flac", {}), ("x.sph", {"format": "NIST"})])
def test_a_commands_output_is_read(tmp_path, name, options):
    path = write(tmp_path / name, RAMP, **options)
    assert read_audio(f"cat < '{path}' | cat |", RATE, allow_pipes=True).tolist() == RAMP.tolist()


def test_a_command_is_run_where_it_is_allowed_once_for_all_segments(tmp_path):
    path = write(tmp_path / "x.wav", RAMP)
    source = f"echo run >> '{tmp_path}/log'; cat '{path}' |"
    for use in (read_audio, check_audio):
        with pytest.raises(InputError, match="a command; expected an audio file"):
            use(source, RATE)
    check_audio(source, RATE, allow_pipes=True)
    assert not (tmp_path / "log").exists()
    for start in (0, 0.5):
        read_audio(source, RATE, allow_pipes=True, start=start, end=start + 0.5)
    assert (tmp_path / "log").read_text() == "run\n"


@pytest.mark.parametrize(
    "command, message",
    [
        ("echo no such host >&2; exit 3 |", "the command failed with exit status 3; stderr: no such host"),
        ("false | true |", "the command failed with exit status 1; stderr: .empty."),
        ("true |", "the command wrote nothing"),
        ("echo text |", "not readable as audio"),
        ("no-such-program |", "the command failed with exit status 127; .*no-such-program.* not found"),
    ],
)
def test_a_command_that_fails_is_refused_with_its_last_words(command, message):
    with pytest.raises(InputError, match=message) as refused:
        read_audio(command, RATE, allow_pipes=True)
    assert str(refused.value).startswith(command)
    assert "\n" not in str(refused.value)


def test_a_commands_output_that_is_cut_short_is_refused(tmp_path):
    path = write(tmp_path / "x.wav", RAMP)
    with pytest.raises(InputError, match="cut short after 15950 samples"):
        read_audio(f"head -c 31944 '{path}' |", RATE, allow_pipes=True)
