import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from spkr.audio.containers import DEMUXERS, Container, kind_of
from spkr.audio.decoding import check_audio, read_audio
from spkr.audio.opening import open_audio
from spkr.audio.recordings import recording_stats
from spkr.corpus.durations import read_seconds
from spkr.errors import InputError

RATE = 16000
PLACES = {"x.m4a": "aac", "x.mp4": "aac", "x.mov": "aac", "x.aac": "aac", "x.webm": "libopus", "x.mkv": "libopus"}
FASTSTART = {"movflags": "faststart"}  # the index before the samples, as on a website


def tone(frequency=440, seconds=2.0, rate=RATE):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encode(path, *channels, rate=RATE, codec=None, **options):
    """Write channels (samples,) to a file, whose suffix says the container; 4,096 samples at a time."""
    with av.open(str(path), "w", options=options) as out:
        layout = "stereo" if len(channels) == 2 else "mono"
        stream = out.add_stream(codec or PLACES[path.name], rate=rate, layout=layout, bit_rate=128000)
        for at in range(0, len(channels[0]), 4096):
            block = np.ascontiguousarray(np.stack(channels)[:, at : at + 4096])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            for resampled in av.AudioResampler(format=stream.format, layout=layout, rate=rate).resample(frame):
                out.mux(stream.encode(resampled))
        out.mux(stream.encode(None))
    return path


def assert_alike(found, expected, lag=0, within=0.02):
    """The found samples are the expected ones, up to what the encoder loses. Args: samples of the encoder's delay."""
    inner = slice(2000, len(expected) - 4000)
    assert np.abs(found[lag:][inner] - 32768 * expected[inner]).max() < within * 32768


@pytest.mark.parametrize("name", PLACES)
def test_a_tone_is_what_was_encoded(tmp_path, name):
    rate = 48000 if PLACES[name] == "libopus" else RATE
    path = encode(tmp_path / name, tone(rate=rate), rate=rate)
    found = read_audio(path, rate)
    lag = 1024 if name == "x.aac" else 0  # a bare AAC file has no place to say that
    assert_alike(found, tone(rate=rate), lag)
    assert check_audio(path, rate) == (rate, len(found))
    assert read_seconds(path, rate) == len(found) / rate
    assert recording_stats(str(path)).frames == len(found)
    if name != "x.aac":
        assert len(found) == 2 * rate


@pytest.mark.parametrize(
    "name, codec, options",
    [
        ("x.m4a", "aac", FASTSTART),
        ("x.m4a", "alac", {}),
        ("x.mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),  # does not say the delay
        ("x.mkv", "flac", {}),
        ("x.mkv", "pcm_s16le", {}),
        ("x.webm", "libopus", {"live": "1"}),  # as a browser records: without a duration
    ],
)
def test_other_codecs_and_headers_are_read(tmp_path, name, codec, options):
    rate = 48000 if codec == "libopus" else RATE
    path = encode(tmp_path / name, tone(rate=rate), rate=rate, codec=codec, **options)
    found = read_audio(path, rate)
    assert 2 * rate <= len(found) <= 2 * rate + 2048
    assert_alike(found, tone(rate=rate), 1024 if "empty_moov" in str(options) else 0)


def test_a_part_is_that_of_the_whole_and_pieces_join(tmp_path, monkeypatch):
    path = encode(tmp_path / "x.m4a", tone() * np.linspace(0, 1, 2 * RATE, dtype=np.float32))
    whole = read_audio(path, RATE)
    monkeypatch.setattr("spkr.audio.decoding.BLOCK", 1000)
    assert np.array_equal(read_audio(path, RATE), whole)
    assert np.array_equal(read_audio(path, RATE, start=0.5, end=1.25), whole[8000:20000])
    assert np.array_equal(read_audio(f"cat {path} |", RATE, allow_pipes=True), whole)


def test_the_channels_are_apart(tmp_path):
    path = encode(tmp_path / "x.m4a", tone(440), tone(1000))
    with pytest.raises(InputError, match="x.m4a: 2 channels; expected one; set --channel, feats.channel"):
        read_audio(path, RATE)
    assert_alike(read_audio(path, RATE, channel=0), tone(440))
    assert_alike(read_audio(path, RATE, channel=1), tone(1000))
    assert_alike(read_audio(path, RATE, channel="mix"), (tone(440) + tone(1000)) / 2)


@pytest.mark.parametrize("name", [*PLACES, "faststart"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.995])
def test_a_file_cut_short_is_named(tmp_path, name, share):
    options, name = (FASTSTART, "x.m4a") if name == "faststart" else ({}, name)
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * 48000).astype(np.float32)
    path = encode(tmp_path / name, noise, rate=48000, **options)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    for use in (read_audio, check_audio):
        with pytest.raises(InputError, match=f"{name}: .*cut short.*; replace the file"):
            use(path, 48000)


def test_a_file_cut_between_two_packets_has_less_than_its_header_says(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)
    path = encode(tmp_path / "x.m4a", noise, **FASTSTART)
    with av.open(str(path)) as f:
        last = sum([packet.size for packet in f.demux() if packet.size][-20:])
    path.write_bytes(path.read_bytes()[:-last])
    with pytest.raises(InputError, match="x.m4a: cut short after 1.* s; its header says 3.00 s; replace the file"):
        read_audio(path, RATE)


def test_titles_that_are_not_utf8_do_not_matter(tmp_path):
    path = encode(tmp_path / "x.mkv", tone(rate=48000), rate=48000)
    content = path.read_bytes()
    assert content.count(b"Lavf") > 0
    path.write_bytes(content.replace(b"Lavf", b"\xe9\xe8\xfc\xff"))
    assert len(read_audio(path, 48000)) == 2 * 48000


def test_a_file_that_changes_is_looked_at_again(tmp_path):
    path = encode(tmp_path / "x.m4a", tone())
    assert len(read_audio(path, RATE)) == 2 * RATE
    encode(path, tone(seconds=1.0))
    assert len(read_audio(path, RATE)) == RATE


def test_video_alone_and_text_are_refused(tmp_path):
    with av.open(str(tmp_path / "x.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))))
        out.mux(stream.encode(None))
    with pytest.raises(InputError, match="x.mp4: an MP4 file with 0 streams of audio; expected one"):
        read_audio(tmp_path / "x.mp4", RATE)
    (tmp_path / "y.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1000))
    with pytest.raises(InputError, match="y.m4a: .*damaged or cut short"):
        read_audio(tmp_path / "y.m4a", RATE)


def test_without_pyav_the_extra_is_named_and_other_files_are_read(tmp_path, monkeypatch):
    path = encode(tmp_path / "x.m4a", tone())
    monkeypatch.setitem(sys.modules, "av", None)
    message = r"x.m4a: an MP4 file; expected WAV, .* or the extra av; install it: pip install 'spkr\[av\]'"
    for use in (read_audio, check_audio):
        with pytest.raises(InputError, match=message):
            use(path, RATE)


def test_what_libsndfile_reads_is_not_opened_with_pyav(tmp_path):
    for name, codec in (("x.ogg", "libopus"), ("x.wav", "pcm_s16le"), ("x.flac", "flac")):
        rate = 48000 if name == "x.ogg" else RATE
        with open_audio(encode(tmp_path / name, tone(rate=rate), rate=rate, codec=codec)) as f:
            assert not isinstance(f, Container)


@pytest.mark.parametrize("rate, channels", [(44100, 1), (44100, 2), (16000, 1), (16000, 2)])
def test_mp3_written_by_ffmpeg_is_read_and_its_damage_is_seen(tmp_path, rate, channels):
    path = encode(tmp_path / "x.mp3", *[tone(rate=rate)] * channels, rate=rate, codec="libmp3lame")
    assert_alike(read_audio(path, rate, channel=0), tone(rate=rate), within=0.03)  # LAME turns it down by 5 %
    content = bytearray(path.read_bytes())
    content[content.index(b"Info") + 142] ^= 1  # of the samples to drop at the ends
    path.write_bytes(content)
    with pytest.raises(InputError, match="its Info frame, which gives its length, is damaged"):
        read_audio(path, rate, channel=0)


def test_kinds_are_told_by_content(tmp_path):
    kinds = {".m4a": "MP4", ".mp4": "MP4", ".mov": "MP4", ".aac": "AAC", ".webm": "Matroska", ".mkv": "Matroska"}
    assert set(kinds.values()) == set(DEMUXERS)
    for name, codec in PLACES.items():
        path = encode(tmp_path / name, tone(rate=48000), rate=48000, codec=codec)
        assert kind_of(path.read_bytes()) == kinds[path.suffix]
    assert kind_of(b"") is kind_of(b"RIFF\0\0\0\0WAVE") is kind_of(b"\xff\xfb\x90\0") is None
