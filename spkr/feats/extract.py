"""The feature stage: one shard of a data directory to a feature ark, a VAD ark and frame counts."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from spkr.audio.augment import add_room_and_noise, change_speed, parse_spec, random_for
from spkr.audio.read import read_audio
from spkr.errors import InputError
from spkr.feats.fbank import fbank, mfcc
from spkr.feats.logmel import logmel
from spkr.feats.options import FrontEnd
from spkr.feats.vad import energy_vad
from spkr.kaldi.datadir import check_data_dir, write_map
from spkr.kaldi.table import TableWriter

COMPUTE = {"fbank": fbank, "mfcc": mfcc, "logmel": logmel}

logger = logging.getLogger(__name__)


def extract_shard(data_dir: str | Path, out_dir: str | Path, front_end: FrontEnd, shard: int, seed: int = 0) -> None:
    """Compute features and VAD of every `front_end.shards`-th utterance from the `shard`-th (from 1) on.

    Writes feats.<shard>.{ark,scp}, vad.<shard>.{ark,scp}, utt2num_frames.<shard> and utt2num_voiced.<shard> to
    `out_dir`, features raw: normalisation and selection of frames are the reader's. Raises InputError where a recording is
    unreadable.
    """
    torch.set_num_threads(1)  # a process a shard; and the same sums whatever the number of cores
    files = check_data_dir(data_dir)
    utts = sorted(files["wav.scp"])[shard - 1 :: front_end.shards]
    if not utts:
        raise InputError(f"{data_dir}: {len(files['wav.scp'])} utterances do not fill {front_end.shards} shards")
    out, num_frames, num_voiced = Path(out_dir), {}, {}
    source = Source(data_dir, files, front_end, seed)
    with (
        TableWriter(out / f"feats.{shard}.ark", compress=front_end.compress) as feats,
        TableWriter(out / f"vad.{shard}.ark") as vad,
    ):
        for utt in utts:
            feats[utt], voiced = source.features(utt)
            vad[utt] = voiced
            num_frames[utt], num_voiced[utt] = len(voiced), int(voiced.sum())
            if not voiced.any():
                logger.warning("%s: no frame of %s is voiced; all of them will be used", data_dir, utt)
    write_map(out / f"utt2num_frames.{shard}", num_frames)
    write_map(out / f"utt2num_voiced.{shard}", num_voiced)


class Source:
    """The recordings of a data directory, with what utt2aug does to them, as features."""

    def __init__(self, data_dir: str | Path, files: Mapping[str, Mapping[str, str]], front_end: FrontEnd, seed: int):
        self.data_dir, self.files, self.front_end, self.seed = data_dir, files, front_end, seed

    def audio(self, utt: str) -> np.ndarray:
        """(samples,) of a recording as it is on disk."""
        if utt not in self.files["wav.scp"]:
            raise InputError(f"{self.data_dir}/utt2aug: babble of {utt!r}, which is not in wav.scp")
        fe = self.front_end
        return read_audio(self.files["wav.scp"][utt], fe.sample_frequency, fe.allow_downsample)

    def features(self, utt: str) -> tuple[np.ndarray, np.ndarray]:
        """Raw features (frames, dim) and VAD (frames,); that of an augmented copy is its clean speech's."""
        fe, clean = self.front_end, self.audio(utt)
        rng = random_for(self.seed, utt)
        noisy = None
        if text := self.files.get("utt2aug", {}).get(utt):
            spec = parse_spec(text, f"{self.data_dir}/utt2aug: {utt}")
            clean = change_speed(clean, float(spec.pop("speed", 1)), fe.sample_frequency)
            noisy = add_room_and_noise(clean, spec, fe.sample_frequency, rng, self.audio) if spec else None
        if len(clean) < fe.window_size:
            raise InputError(f"{self.files['wav.scp'][utt]}: {len(clean)} samples, less than a frame; remove {utt}")
        torch.manual_seed(int(rng.integers(2**63)))  # of dither, if there is any
        feats, log_energy = COMPUTE[fe.type](torch.from_numpy(clean), fe)
        if noisy is not None:
            feats, _ = COMPUTE[fe.type](torch.from_numpy(noisy), fe)
        return feats.numpy(), energy_vad(log_energy.numpy(), fe.vad)
