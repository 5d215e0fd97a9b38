"""What the pipeline makes of a recording, against which graphs are held."""

import numpy as np
import torch

from spkr.feats import compute, make_front_end
from spkr.feats.cmvn import normalize
from spkr.feats.vad import energy_vad
from spkr.nnet.embed import embed_utterance

RATE = 16000
DIM = 12  # of the small networks' features
FRONT_ENDS = {
    "fbank": {"num_mel_bins": DIM},
    "magnitudes": {"num_mel_bins": DIM - 1, "use_energy": True, "use_power": False, "energy_floor": 1.0,
                   "window_type": "hamming", "cmvn": {"type": "none"}},
    "mfcc": {"type": "mfcc", "num_ceps": DIM, "num_mel_bins": 23, "use_energy": True, "snip_edges": True,
             "cmvn": {"type": "sliding", "norm_vars": True, "center": False}},
    "nemo0.11": {"type": "logmel", "num_mel_bins": DIM, "frame_length": 20, "window_type": "hanning",
                 "cmvn": {"type": "utterance", "norm_vars": True}},
    "nemo2": {"type": "logmel", "num_mel_bins": DIM, "framing": "nemo2", "select_voiced": False},
    "speechbrain": {"type": "speechbrain", "num_mel_bins": DIM, "cmvn": {"type": "utterance"}},
}  # fmt: skip


def front_end(name):
    return make_front_end(FRONT_ENDS[name])


def sound(n, seed=0):
    """Noise in syllables, float32 (n,) from -1 to 1."""
    rhythm = np.sin(2 * np.pi * 2 * np.arange(n) / RATE).clip(0) ** 3 + 1e-3
    return (0.1 * rhythm * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def voiced_or_all(log_energy, fe):
    voiced = energy_vad(log_energy, fe.vad) > 0
    return voiced if fe.select_voiced and voiced.any() else np.ones_like(voiced)


def embedding(net, fe, samples):
    """The embedding of samples from -1 to 1, (dim,)."""
    feats, log_energy = (x.numpy() for x in compute(torch.from_numpy(samples * 32768), fe))
    return embed_utterance(net, normalize(feats, fe.cmvn)[voiced_or_all(log_energy, fe)])


def distance(a, b):
    """The length of the difference of two embeddings, as a share of the second's."""
    return float(np.linalg.norm(np.asarray(a) - np.asarray(b)) / np.linalg.norm(b))
