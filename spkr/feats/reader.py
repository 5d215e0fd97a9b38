"""Features as a network sees them: read from arks, normalised, then the voiced frames selected."""

from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.feats.cmvn import normalize
from spkr.feats.options import FrontEnd
from spkr.files import check_same_keys
from spkr.kaldi.datadir import read_map
from spkr.kaldi.table import read_object


class FeatureReader:
    """Random access to one or more sets of features by utterance.

    >>> reader = FeatureReader(["exp/an4/feats/fbank80/train"], front_end)
    >>> reader["fash-an251-b"].shape
    (94, 80)

    Raises InputError where a set is incomplete, two sets share an utterance, or a dimension is not the front end's.
    """

    def __init__(self, feats_dirs: list[str | Path], front_end: FrontEnd):
        self.front_end = front_end
        self.feats: dict[str, str] = {}
        self.vad: dict[str, str] = {}
        for path in map(Path, feats_dirs):
            feats, vad = read_map(path / "feats.scp"), read_map(path / "vad.scp")
            check_same_keys(path / "vad.scp", vad, path / "feats.scp", feats)
            if shared := sorted(feats.keys() & self.feats.keys()):
                raise InputError(f"{path}/feats.scp: utterance {shared[0]!r} is in two of the sets")
            self.feats |= feats
            self.vad |= vad

    def __getitem__(self, utt: str) -> np.ndarray:
        """(frames, dim) float32 of one utterance; voiced frames alone if the front end says so."""
        raw = read_object(self.feats[utt], utt)
        if raw.ndim != 2 or raw.shape[1] != self.front_end.dim:
            raise InputError(f"{self.feats[utt]}: {utt} has shape {raw.shape}; expected {self.front_end.dim} columns")
        feats = normalize(raw, self.front_end.cmvn)
        return feats[self.voiced(utt, len(raw))] if self.front_end.select_voiced else feats

    def voiced(self, utt: str, num_frames: int) -> np.ndarray:
        """(frames,) bool: the frames that are speech; all of them where the VAD found none."""
        voiced = read_object(self.vad[utt], utt) > 0
        if voiced.shape != (num_frames,):
            raise InputError(f"{self.vad[utt]}: {utt} has {voiced.size} decisions for {num_frames} frames")
        return voiced if voiced.any() else ~voiced
