"""Features as a network sees them: read from arks, normalised, then reduced to the voiced frames."""

from pathlib import Path

import numpy as np

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats.cmvn import cmvn_stats, normalize
from spkr.feats.provenance import check_front_end
from spkr.files import check_same_keys
from spkr.kaldi.rules import invert
from spkr.kaldi.select import read_maps
from spkr.kaldi.specifiers import table_in
from spkr.kaldi.table import TableReader


class FeatureReader:
    """Random access to one or more sets of features by utterance.

    >>> reader = FeatureReader(["exp/an4/feats/fbank80/train"], front_end)
    >>> reader["fash-an251-b"].shape
    (94, 80)

    A folder of copied lists (spkr.kaldi.copy_data_dir) has a utt2key: the keys that its utterances have in the arks.
    Raises InputError if a set is incomplete or was made with another front end (`check_front_end`), if two sets share
    an utterance, or if a matrix does not have the front end's dimension.
    """

    def __init__(self, feats_dirs: list[str | Path], front_end: FrontEnd):
        self.front_end = front_end
        for path in feats_dirs:
            check_front_end(path, front_end)
        feats, vad = ([table_in(path, name) for path in feats_dirs] for name in ("feats", "vad"))
        keys = read_maps([path for path in (Path(folder) / "utt2key" for folder in feats_dirs) if path.exists()])
        self.feats, self.vad = TableReader(*feats, keys=keys), TableReader(*vad, keys=keys)
        check_same_keys(", ".join(map(str, vad)), self.vad, ", ".join(map(str, feats)), self.feats)
        if front_end.cmvn.type == "speaker":
            self.utt2spk = read_maps([Path(path) / "utt2spk" for path in feats_dirs])
            self.spk2utt = invert(self.utt2spk)
            self._stats: dict[str, np.ndarray] = {}

    def __getitem__(self, utt: str) -> np.ndarray:
        """(frames, dim) float32 of one utterance; only the voiced frames if the front end says so."""
        raw, cmvn = self.raw(utt), self.front_end.cmvn
        feats = normalize(raw, cmvn, self.stats(self.utt2spk[utt]) if cmvn.type == "speaker" else None)
        return feats[self.voiced(utt, len(raw))] if self.front_end.select_voiced else feats

    def num_frames(self, utt: str) -> int:
        """The number of frames of `self[utt]`; reads only vad.scp."""
        vad = self.vad[utt]
        return (int((vad > 0).sum()) or len(vad)) if self.front_end.select_voiced else len(vad)

    def raw(self, utt: str) -> np.ndarray:
        """(frames, dim) float32 as stored in the ark."""
        raw = self.feats[utt]
        if raw.ndim != 2 or raw.shape[1] != self.front_end.dim:
            expected = f"{self.front_end.dim} columns"
            raise InputError(f"{self.feats.where(utt)}: {utt} has shape {raw.shape}; expected {expected}")
        return raw

    def stats(self, spk: str) -> np.ndarray:
        """(2, dim + 1): sums over all frames of a speaker in these sets, computed at the first request."""
        if spk not in self._stats:
            self._stats[spk] = cmvn_stats(self.raw(utt) for utt in self.spk2utt[spk])
        return self._stats[spk]

    def voiced(self, utt: str, num_frames: int) -> np.ndarray:
        """(frames,) bool: the frames that are speech, or all frames if the VAD found no speech."""
        voiced = self.vad[utt] > 0
        if voiced.shape != (num_frames,):
            raise InputError(f"{self.vad.where(utt)}: {utt} has {voiced.size} decisions for {num_frames} frames")
        return voiced if voiced.any() else ~voiced
