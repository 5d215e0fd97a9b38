"""What is measured after each epoch: identification on `valid`, verification on `dev`.

Both use the weights at the end of the epoch. The table of results has another EER of the same trials: that of the final
network, whose weights are an average of the last epochs'. It centres embeddings by the mean of the back-end's training
set, for which a sample of the training speakers' utterances stands here.
"""

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.feats.waveform_reader import open_features
from spkr.files import check_same_keys
from spkr.kaldi.maps import read_map
from spkr.kaldi.trials import Trials, read_trials
from spkr.metrics.eer import eer_kaldi
from spkr.nnet.embed import embed_batches, plan_batches
from spkr.nnet.model import Network

MOST = 4000  # utterances of `valid`, at most, that are measured after an epoch
CENTRE = 256  # utterances, at least, whose mean centres; fewer made the EER of some networks twice as high

logger = logging.getLogger(__name__)


@dataclass
class Evaluation:
    """The held-out utterances of the training speakers, and a trial list of speakers outside training."""

    valid: FeatureReader
    valid_speakers: dict[str, int]  # measured utterance -> index of its speaker
    dev: FeatureReader
    trials: Trials | None  # of utterances of `dev`; None if the network is trained on `dev`, too
    train: FeatureReader
    centre: Sequence[str]  # utterances of `train` that, with those of `valid`, give the mean

    @classmethod
    def read(
        cls,
        data_dirs: Mapping[str, str],
        feats_dirs: Mapping[str, str],
        trials: str | Path,
        front_end: FrontEnd,
        utt2spk: Mapping[str, str],
        speakers: Sequence[str],
        train_sets: Sequence[str],
        train: FeatureReader,
    ) -> "Evaluation":
        """Read the sets `valid` and `dev`, and the trial list of `dev`.

        Args:
            data_dirs, feats_dirs: directories of `valid` and `dev`, by name.
            trials: a trial list of the utterances of `dev`.
            front_end: the network's.
            utt2spk: utterance -> speaker of the training sets.
            speakers: those of `utt2spk`, in the network's order.
            train_sets, train: names of the training sets, and their features.

        Raises InputError if an utterance of `valid`, or a speaker of `dev`, is in training (unless `dev` itself, or an
        augmented copy of it, is one of the training sets), and if `valid` has no training speaker.
        """
        valid, valid_utt2spk = _read_set("valid", data_dirs, feats_dirs, front_end)
        dev, dev_utt2spk = _read_set("dev", data_dirs, feats_dirs, front_end)
        if both := sorted(valid_utt2spk.keys() & utt2spk.keys()):
            raise InputError(f"{data_dirs['valid']}/utt2spk: {both[0]} is in training, too; hold it out of one of them")
        index = {spk: i for i, spk in enumerate(speakers)}
        valid_speakers = _measured(valid_utt2spk, index, data_dirs["valid"])
        if any(name == "dev" or name.startswith("dev_") for name in train_sets):
            logger.warning("the network is trained on dev; its EER would mean nothing, and is logged as nan")
            return cls(valid, valid_speakers, dev, None, train, [])
        if known := sorted(index.keys() & set(dev_utt2spk.values())):
            raise InputError(
                f"{data_dirs['dev']}/utt2spk: speaker {known[0]} is in training, too; choose other speakers"
            )
        of_dev = _read_dev_trials(trials, dev_utt2spk, data_dirs["dev"])
        return cls(valid, valid_speakers, dev, of_dev, train, _spaced(utt2spk, CENTRE - len(valid_speakers)))

    def measure(self, net: Network, device: torch.device) -> tuple[float, float]:
        """Accuracy of `valid` and EER of `dev`, both from 0 to 1, of a network in evaluation mode on `device`.

        Accuracy is that of closed-set identification: the share of the utterances of `valid` whose best-scoring
        training speaker is the right one. The EER is Kaldi's, of cosine scores of embeddings centred by the mean of
        utterances of training speakers. It is nan if the network is trained on `dev`.
        """
        valid = dict(embed_batches(net, self.valid, self._valid_batches, device))
        utts = list(self.valid_speakers)
        vectors = np.stack([valid[utt] for utt in utts])
        with torch.inference_mode():
            answers = net.classify(torch.from_numpy(vectors).to(device)).argmax(dim=1).tolist()
        accuracy = float(np.mean([self.valid_speakers[utt] == k for utt, k in zip(utts, answers, strict=True)]))
        if self.trials is None:
            return accuracy, math.nan
        dev = dict(embed_batches(net, self.dev, self._dev_batches, device))
        seen = dict(embed_batches(net, self.train, self._centre_batches, device))
        centre = np.concatenate([vectors, *(vector[None] for vector in seen.values())])
        return accuracy, eer_of_trials(self.trials, dev, centre.mean(axis=0, dtype=np.float64))

    @cached_property
    def _valid_batches(self) -> list[list[str]]:
        return plan_batches({utt: self.valid.num_frames(utt) for utt in self.valid_speakers})

    @cached_property
    def _centre_batches(self) -> list[list[str]]:
        return plan_batches({utt: self.train.num_frames(utt) for utt in self.centre})

    @cached_property
    def _dev_batches(self) -> list[list[str]]:
        utts = {*self.trials.enrol_names, *self.trials.test_names}
        return plan_batches({utt: self.dev.num_frames(utt) for utt in utts})


def eer_of_trials(trials: Trials, vectors: Mapping[str, np.ndarray], mean: np.ndarray) -> float:
    """Kaldi's EER (0..1) of the cosine scores of embeddings, each (dim,), centred by `mean`."""
    names = sorted({*trials.enrol_names, *trials.test_names})
    row = {name: i for i, name in enumerate(names)}
    centred = np.stack([vectors[name] for name in names]) - mean
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    enrol = np.array([row[name] for name in trials.enrol_names])[trials.enrol]
    test = np.array([row[name] for name in trials.test_names])[trials.test]
    scores = (centred @ centred.T)[enrol, test]
    return eer_kaldi(scores[trials.target], scores[~trials.target])[0]


def _measured(utt2spk: Mapping[str, str], index: Mapping[str, int], data_dir: str) -> dict[str, int]:
    """The utterances of `valid` that are measured, at most MOST, with the index of their training speaker."""
    speakers = {utt: index[spk] for utt, spk in utt2spk.items() if spk in index}
    if not speakers:
        raise InputError(f"{data_dir}/utt2spk: none of its speakers is a training speaker")
    logger.info("%d of %d utterances of valid are of training speakers", len(speakers), len(utt2spk))
    if len(speakers) > MOST:
        speakers = {utt: speakers[utt] for utt in _spaced(speakers, MOST)}
        logger.info("%d of them, evenly spaced, are measured", MOST)
    return speakers


def _spaced(utts: Collection[str], most: int) -> list[str]:
    """At most this many of the utterances, evenly spaced in their sorted order."""
    number = max(0, min(most, len(utts)))
    in_order = sorted(utts)
    return [in_order[i * len(utts) // number] for i in range(number)]


def _read_dev_trials(path: str | Path, utt2spk: Mapping[str, str], data_dir: str) -> Trials:
    trials = read_trials(path)
    if unknown := sorted({*trials.enrol_names, *trials.test_names} - utt2spk.keys()):
        raise InputError(f"{path}: {unknown[0]} is no utterance of {data_dir}; expected a list without models")
    return trials


def _read_set(
    name: str, data_dirs: Mapping[str, str], feats_dirs: Mapping[str, str], front_end: FrontEnd
) -> tuple[FeatureReader, dict[str, str]]:
    """The features and the utt2spk of a set, which must have the same utterances."""
    utt2spk = read_map(Path(data_dirs[name]) / "utt2spk")
    reader = open_features([feats_dirs[name]], [data_dirs[name]], front_end)
    check_same_keys(f"{feats_dirs[name]}/feats.scp", reader.feats, f"{data_dirs[name]}/utt2spk", utt2spk)
    return reader, utt2spk
