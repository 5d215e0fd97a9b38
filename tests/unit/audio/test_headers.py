import struct

import pytest

from spkr.audio.decoding import check_audio, read_audio
from spkr.errors import InputError
from tests.unit.audio.files import RAMP, RATE, TONE, write


def header(path, **fields):
    """Overwrite fields of a plain WAV file's header, which are bytes from an offset on."""
    content = bytearray(write(path, RAMP).read_bytes())
    places = {"riff": (4, "<I"), "channels": (22, "<H"), "rate": (24, "<I"), "bits": (34, "<H"), "data": (40, "<I")}
    for name, value in fields.items():
        struct.pack_into(places[name][1], content, places[name][0], value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"data": 31998}, "has more data after the 15999 samples that its header gives"),
        ({"data": 1000}, "has more data after the 500 samples"),
        ({"data": 1001}, "has 1001 bytes of samples of 2 bytes each"),
        ({"data": 10**9}, "cut short after 16000 samples"),
        ({"bits": 8}, "its header contradicts itself"),
        ({"channels": 2}, "2 channels"),
        ({"rate": 32000}, "its header contradicts itself"),
        ({"rate": 4_000_000_000}, ".*expected 1000 to 399999 Hz|not readable"),
    ],
)
def test_wav_header_that_lies_is_refused(tmp_path, fields, message):
    for use in (read_audio, check_audio):
        with pytest.raises(InputError, match=f"x.wav: ({message})"):
            use(header(tmp_path / "x.wav", **fields), RATE)


def test_wav_rate_that_lies_is_no_reason_to_resample(tmp_path):
    with pytest.raises(InputError, match="its header contradicts itself"):
        read_audio(header(tmp_path / "x.wav", rate=32000), RATE, resampling="down")


@pytest.mark.parametrize("more", [b"LIST\x04\0\0\0INFO", b"id3 \x03\0\0\0abc\0", b"id3 \x03\0\0\0abc"])
@pytest.mark.parametrize("stated", [True, False])
def test_chunks_behind_the_samples_are_no_damage(tmp_path, more, stated):
    path = header(tmp_path / "x.wav", **({"riff": 32036 + len(more)} if stated else {}))
    path.write_bytes(path.read_bytes() + more)
    assert read_audio(path, RATE).tolist() == RAMP.tolist()


def test_empty_wav_with_a_chunk_behind_is_not_taken_for_a_stream(tmp_path):
    path = write(tmp_path / "x.wav", RAMP[:0])
    path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0INFO")
    with pytest.raises(InputError, match="has no samples"):
        read_audio(path, RATE)


def flac(path, total):
    """A FLAC file with this number of samples in its header (RFC 9639, section 8.2)."""
    content = write(path, RAMP).read_bytes()
    fields = int.from_bytes(content[18:26]) >> 36 << 36 | total
    path.write_bytes(content[:18] + fields.to_bytes(8) + content[26:])
    return path


@pytest.mark.parametrize(
    "total, message",
    [
        (0, "does not say how many samples"),
        (15999, "its samples are not those that were encoded"),
        (16001, "not readable as audio"),
        (2**36 - 1, "not readable as audio"),
    ],
)
def test_flac_header_that_lies_is_refused(tmp_path, total, message):
    with pytest.raises(InputError, match=f"x.flac: {message}"):
        read_audio(flac(tmp_path / "x.flac", total), RATE)


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_flac_of_each_width_agrees_with_its_checksum(tmp_path, subtype):
    path = write(tmp_path / "x.flac", TONE, subtype=subtype)
    assert len(read_audio(path, RATE)) == RATE
    content = bytearray(path.read_bytes())
    content[30] ^= 1  # of the checksum
    path.write_bytes(content)
    with pytest.raises(InputError, match="its samples are not those that were encoded"):
        read_audio(path, RATE)
    assert len(read_audio(path, RATE, start=0.5)) == RATE // 2  # a part has none


@pytest.mark.parametrize(
    "old, new, message",
    [
        (b"sample_count -i 16000", b"sample_count -i 15999", "has more data after the 15999 samples"),
        (b"   1024\n", b'   10"4\n', "its header gives no length, or a wrong one"),
        (b"   1024\n", b"   1014\n", "its header gives no length, or a wrong one"),
        (b"sample_count -i 16000", b"sample_c0unt -i 16000", "its header lacks the number"),
        (b"sample_byte_format -s2 01", b"sample_byte_f0rmat -s2 01", "its header lacks .* byte order"),
    ],
)
def test_sphere_header_that_lies_is_refused(tmp_path, old, new, message):
    content = write(tmp_path / "x.sph", RAMP, format="NIST", subtype="PCM_16").read_bytes()
    assert old in content
    (tmp_path / "x.sph").write_bytes(content.replace(old, new))
    with pytest.raises(InputError, match=f"x.sph: {message}"):
        check_audio(tmp_path / "x.sph", RATE)
