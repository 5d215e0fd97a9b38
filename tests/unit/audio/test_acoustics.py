import numpy as np
import pytest
from scipy.signal import sosfilt, welch

from spkr.audio.acoustics import TAIL_DELAY, coloured_noise, room_response, telephone, telephone_band
from spkr.audio.effects import random_for
from tests.unit.audio.speech import RATE, decibels, energy, heard, speech


@pytest.mark.parametrize("rt60", [0.15, 0.5])
@pytest.mark.parametrize("drr", [0.0, 9.5])
def test_room_decays_and_reverberates_as_it_says(rt60, drr):
    response = room_response(rt60, drr, RATE, random_for(1, "room"))
    tail = response[1:]
    assert response[0] == 1
    assert np.flatnonzero(tail)[0] + 1 == round(TAIL_DELAY * RATE)
    assert decibels(1 / energy(tail)) == pytest.approx(drr, abs=1e-6)
    decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / energy(tail))  # Schroeder's backward integral
    t = np.arange(len(tail)) / RATE
    part = (decay < -5) & (decay > -35)
    assert -60 / np.polyfit(t[part], decay[part], 1)[0] == pytest.approx(rt60, rel=0.1)


def test_direct_sound_keeps_its_place_and_length():
    out = heard({"rt60": 0.3, "drr": 20.0})
    assert out.shape == speech().shape
    assert out.dtype == np.float32
    assert np.corrcoef(out, speech())[0, 1] > 0.98


@pytest.mark.parametrize("slope", [0.0, -1.0, -2.0])
@pytest.mark.parametrize("n", [32000, 30011])  # 30011 is prime
def test_noise_has_its_slope(slope, n):
    noise = coloured_noise(n, slope, random_for(3, "noise"))
    assert noise.shape == (n,)
    f, power = welch(noise, RATE, nperseg=1024)
    part = (f > 200) & (f < 7500)
    assert np.polyfit(np.log(f[part]), np.log(power[part]), 1)[0] == pytest.approx(slope, abs=0.1)


def g711_mulaw(samples):
    """ITU-T G.711, mu-law, its 255 values written out: the nearest one by the decision levels."""
    steps = [[(2 * m + 33) * 2**s - 33 for m in range(16)] for s in range(8)]
    levels = np.array(sum(steps, [])) * 4.0  # of 14 bits, on the scale of 16
    edges = (levels[1:] + levels[:-1]) / 2
    return np.sign(samples) * levels[np.searchsorted(edges, np.abs(samples), side="right")]


def test_mulaw_is_g711s():
    samples = np.clip(6 * speech(2 * 8000), -30000, 30000)
    out = telephone(samples, 8000, "mulaw")
    values = np.unique(np.abs(g711_mulaw(np.arange(-32768, 32768))))
    assert len(values) == 128
    assert np.isin(np.abs(out), values).all()
    exact = g711_mulaw(np.rint(sosfilt(telephone_band(), samples)))
    assert np.mean(out == exact) > 0.98  # samples on a decision level may go either way
    noise = {codec: energy(telephone(samples, 8000, codec) - out) for codec in ("alaw", "gsm")}
    assert decibels(energy(out) / noise["alaw"]) == pytest.approx(35, abs=3)
    assert decibels(energy(out) / noise["gsm"]) < 20


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("codec", ["mulaw", "alaw", "gsm"])
def test_telephone_passes_its_band_alone(rate, codec):
    n = 2 * rate + 77
    white = (3000 * np.random.default_rng(1).standard_normal(n)).astype(np.float32)
    out = telephone(white, rate, codec)
    assert out.shape == (n,)
    f, power = welch(out, rate, nperseg=rate // 10)
    _, before = welch(white, rate, nperseg=rate // 10)
    inside, outside = (f > 500) & (f < 3000), (f < 100) | (f > 4300)
    assert decibels(power[inside].mean() / before[inside].mean()) == pytest.approx(0, abs=2.5)
    assert decibels(power[outside].mean() / before[outside].mean()) < (-13 if codec == "gsm" else -20)
    assert np.array_equal(out, telephone(white, rate, codec))


def test_overloaded_telephone_clips():
    loud = 100 * speech(8000)
    out = telephone(loud, 8000, "mulaw")
    assert 32000 < np.abs(out).max() < 32768
    far = np.abs(sent := sosfilt(telephone_band(), loud)) > 40000
    assert far.any()
    assert np.array_equal(np.sign(out[far]), np.sign(sent[far]))
