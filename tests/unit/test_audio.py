import numpy as np
import pytest
import soundfile

from spkr.audio.read import check_audio, read_audio, resample
from spkr.errors import InputError

RATE = 16000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


def write(path, samples=TONE, rate=RATE, **options):
    soundfile.write(path, samples, rate, **options)
    return path


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
    with pytest.raises(InputError, match=r"x.wav: sampled at 48000 Hz; expected 16000 Hz \(feats.sample_frequency\)"):
        read_audio(path, RATE)
    samples = read_audio(path, RATE, allow_downsample=True)
    assert (samples.dtype, len(samples)) == (np.float32, RATE)
    inner = slice(1000, -1000)  # 15 kHz, which 16 kHz cannot hold, is gone; 440 Hz is as it was
    assert np.abs(samples - 32768 * 0.5 * TONE)[inner].max() < 0.01 * 32768 * 0.25


def test_lower_rate_is_never_brought_up(tmp_path):
    path = write(tmp_path / "x.wav", rate=8000)
    with pytest.raises(InputError, match="sampled at 8000 Hz"):
        read_audio(path, RATE, allow_downsample=True)


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
    return path


@pytest.mark.parametrize(
    "name, kind, message",
    [
        ("x.wav", "missing", "no such audio file"),
        ("x.wav", "folder", "no such audio file"),
        ("x.wav", "empty", "not readable as audio"),
        ("x.wav", "text", "not readable as audio"),
        ("x.raw", "text", "not readable as audio"),
        ("x.wav", "none", "the audio file has no samples"),
        ("x.wav", "stereo", "2 channels; expected one"),
        ("cat x.wav |", "text", "a command; expected an audio file"),
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
