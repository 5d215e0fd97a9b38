import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spkr.audio.decoding import check_audio, read_audio
from spkr.audio.opening import open_audio
from spkr.audio.resampling import resample
from spkr.errors import InputError
from tests.unit.audio.files import RAMP, RATE, TONE, write


@pytest.mark.parametrize(
    "name, options",
    [
        ("x.wav", {"subtype": "PCM_16"}),
        ("x.wav", {"subtype": "PCM_24"}),
        ("x.wav", {"subtype": "FLOAT"}),
        ("x.flac", {"subtype": "PCM_16"}),
        ("x.sph", {"format": "NIST", "subtype": "PCM_16"}),
    ],
)
def test_samples_are_on_the_scale_of_16_bits(tmp_path, name, options):
    samples = read_audio(write(tmp_path / name, **options), RATE)
    assert samples.dtype == np.float32
    assert samples.shape == TONE.shape
    assert np.abs(samples - 32768 * TONE).max() <= 1


def test_16_bit_samples_are_read_exactly(tmp_path):
    values = np.array([-32768, -1, 0, 1, 32767], np.int16)
    assert read_audio(write(tmp_path / "x.wav", values), RATE).tolist() == values.tolist()


def test_higher_rate_is_brought_down_where_that_is_allowed(tmp_path):
    t = np.arange(48000) / 48000
    path = write(tmp_path / "x.wav", 0.25 * np.sin(2 * np.pi * 440 * t) + 0.25 * np.sin(2 * np.pi * 15000 * t), 48000)
    message = r"x.wav: sampled at 48000 Hz; expected 16000 Hz \(feats.sample_frequency\); set feats.resample to down"
    with pytest.raises(InputError, match=message):
        read_audio(path, RATE)
    samples = read_audio(path, RATE, resampling="down")
    assert (samples.dtype, len(samples)) == (np.float32, RATE)
    inner = slice(1000, -1000)  # 15 kHz, which 16 kHz cannot hold, is gone; 440 Hz is as it was
    assert np.abs(samples - 32768 * 0.5 * TONE)[inner].max() < 0.01 * 32768 * 0.25


def test_lower_rate_is_brought_up_where_that_is_allowed(tmp_path):
    path = write(tmp_path / "x.wav", 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), 8000)
    for resampling in ("never", "down"):
        with pytest.raises(InputError, match="sampled at 8000 Hz; .* set feats.resample to any .* above 4000 Hz"):
            read_audio(path, RATE, resampling=resampling)
    samples = read_audio(path, RATE, resampling="any")
    assert len(samples) == RATE
    assert np.abs(samples - 32768 * 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE))[1000:-1000].max() < 100


@pytest.mark.parametrize("rate, n", [(8000, 4001), (44100, 1), (44100, 44099), (11025, 777), (48000, 3 * 777 + 1)])
def test_number_of_samples_is_known_from_the_header(tmp_path, rate, n):
    path = write(tmp_path / "x.wav", np.zeros(n), rate)
    assert check_audio(path, RATE, "any") == (rate, len(read_audio(path, RATE, "any")))


def faulty(path, kind):
    if kind == "stereo":
        write(path, np.stack([TONE, TONE], axis=1))
    elif kind == "none":
        write(path, TONE[:0])
    elif kind == "text":
        path.write_text("no audio")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_a_file_that_this_user_may_not_read_is_named_so():
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "x.wav")
        os.chmod(folder, 0o755)  # noqa: PTH101
        path.chmod(0)
        os.seteuid(65534)
        try:
            with pytest.raises(InputError, match=r"x.wav: cannot be read \(Permission denied\)"):
                check_audio(path, RATE)
        finally:
            os.seteuid(0)


def test_a_name_with_a_nul_byte_is_refused():
    with pytest.raises(InputError, match="cannot be read .embedded null byte."):
        check_audio("x\0.wav", RATE)


@pytest.mark.parametrize("as_command", [False, True])
def test_sphere_compressed_with_shorten_is_named_with_what_converts_it(tmp_path, as_command):
    content = write(tmp_path / "x.sph", RAMP, format="NIST", subtype="PCM_16").read_bytes()
    old, new = b"sample_coding -s3 pcm\n", b"sample_coding -s26 pcm,embedded-shorten-v2.00\n"
    assert old in content
    (tmp_path / "x.sph").write_bytes(content.replace(old, new)[:1024] + b"ajkg\2" + bytes(5000))
    source = f"cat {tmp_path}/x.sph |" if as_command else tmp_path / "x.sph"
    with pytest.raises(InputError, match="compressed with shorten, .*sph2pipe -f wav FILE FILE.wav.*feats.allow_pipes"):
        read_audio(source, RATE, allow_pipes=True)


@pytest.mark.parametrize(
    "name, kind, message",
    [
        ("x.wav", "missing", "no such audio file"),
        ("x.wav", "folder", "a folder; expected an audio file"),
        ("x.wav", "pipe", "a device, pipe or socket; expected an audio file"),
        ("x.wav", "loop", "cannot be read .Too many levels of symbolic links."),
        ("x.wav", "empty", "not readable as audio .the file is empty.; replace or remove it"),
        ("x.wav", "text", "not readable as audio"),
        ("x.raw", "text", "not readable as audio"),
        ("x.wav", "none", "the audio file has no samples"),
        ("x.wav", "stereo", "2 channels; expected one"),
        ("cat x.wav |", "missing", "a command; expected an audio file: set feats.allow_pipes to true"),
    ],
)
@pytest.mark.parametrize("use", [read_audio, check_audio])
def test_unusable_audio_is_refused_by_name(tmp_path, name, kind, message, use):
    path = faulty(tmp_path / name, kind)
    with pytest.raises(InputError, match=f"{name.replace('|', '.')}: {message}"):
        use(path, RATE)


def test_flac_that_is_cut_short_is_refused(tmp_path):
    path = write(tmp_path / "x.flac", np.random.default_rng(0).normal(0, 0.1, RATE))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="x.flac: not readable as audio"):
        read_audio(path, RATE)


def test_samples_must_be_finite(tmp_path):
    path = write(tmp_path / "x.wav", np.array([0, np.nan, 1], np.float32), subtype="FLOAT")
    with pytest.raises(InputError, match="x.wav: has samples that are not finite"):
        read_audio(path, RATE)


@pytest.mark.parametrize("rate, new_rate", [(9, 10), (11, 10), (48000, 16000), (44100, 16000)])
def test_resampling_keeps_duration_and_pitch(rate, new_rate):
    n = 20000
    resampled = resample(np.sin(2 * np.pi * 0.05 * np.arange(n)).astype(np.float32), rate, new_rate)
    assert len(resampled) == -(-n * new_rate // rate)
    frequency = np.argmax(np.abs(np.fft.rfft(resampled))) / len(resampled)
    assert frequency == pytest.approx(0.05 * rate / new_rate, abs=1 / len(resampled))


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.sph"])
@pytest.mark.parametrize(
    "start, end, expected",
    [
        (0, -1, RAMP),
        (0.25, 0.5, RAMP[4000:8000]),
        (0.5, -1, RAMP[8000:]),
        (0.00009, 0.00019, RAMP[1:3]),  # 1.44 and 3.04 samples
        (0.5, 1.4999, RAMP[8000:]),  # behind the end, but by less than half a second
    ],
)
def test_a_part_is_read_by_the_sample(tmp_path, name, start, end, expected):
    path = write(tmp_path / name, RAMP, **({"format": "NIST"} if name == "x.sph" else {}))
    assert read_audio(path, RATE, start=start, end=end).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "start, end, message",
    [
        (0.5, 1.5, "x.wav: 1 seconds long; its segment from 0.5 to 1.5 s is not inside"),
        (1, -1, "x.wav: 1 seconds long; its segment from 1 to -1 s is not inside"),
        (0.5, 0.50001, "x.wav: its segment from 0.5 to 0.50001 s has no samples"),
    ],
)
@pytest.mark.parametrize("use", [read_audio, check_audio])
def test_a_part_must_lie_inside(tmp_path, start, end, message, use):
    with pytest.raises(InputError, match=message):
        use(write(tmp_path / "x.wav", RAMP), RATE, start=start, end=end)


@pytest.mark.parametrize(
    "options",
    [
        *[{"format": "MP3", "bitrate_mode": mode, "compression_level": 0.5} for mode in ("VARIABLE", "CONSTANT")],
        *[{"format": "OGG", "subtype": subtype} for subtype in ("VORBIS", "OPUS")],
        *[{"format": "WAV", "subtype": subtype} for subtype in ("GSM610", "IMA_ADPCM", "G721_32")],
        {"format": "CAF", "subtype": "ALAC_16"},
    ],
)
def test_a_part_has_the_samples_that_the_whole_has_there(tmp_path, options):
    noise = np.random.default_rng(1).standard_normal(3 * RATE) * (np.arange(3 * RATE) // 8000 % 2)  # bit rates vary
    path = write(tmp_path / "x.wav", 0.1 * noise, **options)
    whole = read_audio(path, RATE)
    for first, last in ((1, 2000), (16001, 20000), (40000, 48000)):
        part = read_audio(path, RATE, start=first / RATE + 1e-7, end=last / RATE + 1e-7)
        assert np.array_equal(part, whole[first:last])


def test_only_the_part_is_decoded(tmp_path, monkeypatch):
    decoded = []
    read = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda f, n, **kw: decoded.append(n) or read(f, n, **kw))
    read_audio(write(tmp_path / "x.flac", RAMP), RATE, start=0.25, end=0.5)
    assert decoded == [4000]


@pytest.mark.parametrize("name, options", [("x.wav", {}), ("x.sph", {"format": "NIST", "subtype": "PCM_16"})])
def test_file_that_is_cut_short_is_refused(tmp_path, name, options):
    path = write(tmp_path / name, RAMP, **options)
    path.write_bytes(path.read_bytes()[:-100])
    for use in (read_audio, check_audio):
        with pytest.raises(InputError, match=f"{name}: cut short after 15950 samples"):
            use(path, RATE)


@pytest.mark.parametrize("kind", ["RF64", "W64", "AIFF", "AU", "CAF"])
def test_other_containers_are_read_whole_or_refused(tmp_path, kind):
    path = write(tmp_path / "x.wav", RAMP, format=kind, subtype="PCM_16")
    assert read_audio(path, RATE).tolist() == RAMP.tolist()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut short after"):
        check_audio(path, RATE)


def test_containers_that_cannot_be_seen_to_be_whole_are_refused(tmp_path):
    with pytest.raises(InputError, match="a MAT5 file; expected WAV, FLAC or NIST SPHERE"):
        check_audio(write(tmp_path / "x.wav", RAMP, format="MAT5", subtype="PCM_16"), RATE)


def test_long_audio_is_decoded_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("spkr.audio.decoding.BLOCK", 1000)
    path = write(tmp_path / "x.flac", RAMP)
    assert read_audio(path, RATE).tolist() == RAMP.tolist()
    assert read_audio(path, RATE, start=0.25, end=0.5).tolist() == RAMP[4000:8000].tolist()


def test_opening_takes_any_rate(tmp_path):
    with open_audio(str(write(tmp_path / "x.wav", RAMP, rate=8000))) as f:
        assert (f.samplerate, f.frames) == (8000, RATE)
