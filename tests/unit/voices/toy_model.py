"""A packed model without a network: a voice is the pitch of a hum, and an embedding its spectrum in 16 bands."""

import numpy as np

from spkr.packed.container import as_arrays, write_container
from spkr.packed.packed_model import PackedModel

DIM, RATE, SHIFT = 16, 16000, 160
PITCHES = {"ann": 750, "bob": 1750, "carl": 3250, "dora": 4750, "eve": 6250}  # Hz
CALIBRATION = {
    "weights": [40.0], "offset": -20.0, "prior": 0.01, "trials": "dev_trials", "scores": ["dev.cosine"], "quality": [],
    "n_target": 10, "n_nontarget": 100, "speakers": None,
}  # fmt: skip
ABOUT = {
    "name": "toy/main", "made_by": {}, "network": {"encoder": "toy"}, "dim": DIM, "trials": "trials_pairs",
    "front_end": {"num_mel_bins": 8, "compress": False}, "backend": {"name": "cosine", "chain": "cosine"},
    "trained_on": {}, "thresholds": [], "precision": "float32",
}  # fmt: skip


class Hums:
    """An engine whose features are the samples themselves."""

    def features(self, samples):
        frames = samples[: len(samples) // SHIFT * SHIFT].reshape(-1, SHIFT)
        return frames, np.log(np.square(frames).sum(axis=1) + 1)

    def embed(self, feats, used):
        return np.stack([bands(f[u].ravel()) for f, u in zip(feats, used, strict=True)])


def bands(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    return np.sqrt([band.mean() for band in np.array_split(power, DIM)]).astype(np.float32)


def toy_model(path, calibrated=True, **about):
    """The model whose file this is, which is made if it does not exist."""
    if not path.exists():
        whole = ABOUT | {"calibration": CALIBRATION if calibrated else None} | about
        write_container(path, whole, {"backend.safetensors": as_arrays({"none": np.zeros(1)}), "card.md": b"# toy\n"})
    model = PackedModel.read(path, engine="torch")
    model.engine = Hums()
    return model


def hum(voice, seconds=2.0, seed=0, noise=0.02, rate=RATE):
    """A recording of a voice (or of several at once, as ann+bob), samples from -1 to 1, float32."""
    t, rng = np.arange(int(seconds * rate)) / rate, np.random.default_rng(seed)
    tones = [np.sin(2 * np.pi * (PITCHES[v] + rng.uniform(-30, 30)) * t) for v in voice.split("+")]
    return (0.2 * np.mean(tones, axis=0) + noise * rng.standard_normal(len(t))).astype(np.float32)
