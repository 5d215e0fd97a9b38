"""What is measured between epochs: identification on `valid`, verification on `dev`."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from spkr.feats.reader import FeatureReader
from spkr.files import check_same_keys
from spkr.kaldi.datadir import read_map
from spkr.kaldi.trials import Trials, read_trials
from spkr.metrics.eer import eer_kaldi
from spkr.nnet.embed import MAX_CHUNK, embed_utterance
from spkr.nnet.model import Network

MOST = 4000  # utterances of `valid` that are measured between two epochs

logger = logging.getLogger(__name__)


@dataclass
class Evaluation:
    """The held-out utterances of the training speakers, and a trial list of speakers outside training."""

    valid: FeatureReader
    valid_speakers: dict[str, int]  # utterance -> index of its speaker, of those that are measured
    dev: FeatureReader
    trials: Trials | None  # of utterances of `dev`; None where the network learns from `dev`, too

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
    ) -> "Evaluation":
        """Read the sets `valid` and `dev`, and the trial list of `dev`.

        Args:
            data_dirs, feats_dirs: directories of `valid` and `dev`, by name.
            trials: a trial list of the utterances of `dev`.
            front_end: that of the network.
            utt2spk: utterance -> speaker of what is learnt from.
            speakers: those of `utt2spk`, in the network's order.
            train_sets: names of the sets that are learnt from.

        Raises InputError where an utterance of `valid`, or a speaker of `dev`, is learnt from (unless `dev` itself, or
        an augmented copy of it, is one of the training sets), and where `valid` has no training speaker.
        """
        valid, valid_utt2spk = _read_set("valid", data_dirs, feats_dirs, front_end)
        dev, dev_utt2spk = _read_set("dev", data_dirs, feats_dirs, front_end)
        if learnt := sorted(valid_utt2spk.keys() & utt2spk.keys()):
            raise InputError(
                f"{data_dirs['valid']}/utt2spk: {learnt[0]} is in training, too; hold it out of one of them"
            )
        index = {spk: i for i, spk in enumerate(speakers)}
        valid_speakers = {utt: index[spk] for utt, spk in valid_utt2spk.items() if spk in index}
        if not valid_speakers:
            raise InputError(f"{data_dirs['valid']}/utt2spk: none of its speakers is a training speaker")
        logger.info("%d of %d utterances of valid are of training speakers", len(valid_speakers), len(valid_utt2spk))
        if (count := len(valid_speakers)) > MOST:
            utts = sorted(valid_speakers)
            spaced = [utts[i * count // MOST] for i in range(MOST)]
            valid_speakers = {utt: valid_speakers[utt] for utt in spaced}
            logger.info("%d of them, evenly spaced, are measured", MOST)

        if any(name == "dev" or name.startswith("dev_") for name in train_sets):
            logger.warning("dev is learnt from; its EER would mean nothing, and is logged as nan")
            return cls(valid, valid_speakers, dev, None)
        if known := sorted(index.keys() & set(dev_utt2spk.values())):
            raise InputError(
                f"{data_dirs['dev']}/utt2spk: speaker {known[0]} is in training, too; choose other speakers"
            )
        lists = read_trials(trials)
        if unknown := sorted({*lists.enrol_names, *lists.test_names} - dev_utt2spk.keys()):
            raise InputError(
                f"{trials}: {unknown[0]} is no utterance of {data_dirs['dev']}; expected a list without models"
            )
        return cls(valid, valid_speakers, dev, lists)

    @torch.inference_mode()
    def accuracy(self, net: Network, device: torch.device) -> float:
        """Closed-set identification: the share of `valid` utterances whose best-scoring speaker is the right one."""
        right = 0
        for utt, speaker in self.valid_speakers.items():
            feats = torch.from_numpy(self.valid[utt][:MAX_CHUNK]).to(device)[None]
            right += int(net(feats).argmax()) == speaker
        return right / len(self.valid_speakers)

    def eer(self, net: Network, device: torch.device) -> float:
        """EER (0..1) of centred cosine scores on the trial list of `dev`; nan where the network learns from `dev`."""
        if self.trials is None:
            return math.nan
        row = {utt: i for i, utt in enumerate(sorted({*self.trials.enrol_names, *self.trials.test_names}))}
        vectors = np.stack([embed_utterance(net, self.dev[utt], device) for utt in row]).astype(np.float64)
        vectors -= vectors.mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        trials = self.trials
        enrol = np.array([row[utt] for utt in trials.enrol_names])[trials.enrol]
        test = np.array([row[utt] for utt in trials.test_names])[trials.test]
        scores, target = (vectors @ vectors.T)[enrol, test], trials.target
        return eer_kaldi(scores[target], scores[~target])[0]


def _read_set(
    name: str, data_dirs: Mapping[str, str], feats_dirs: Mapping[str, str], front_end: FrontEnd
) -> tuple[FeatureReader, dict[str, str]]:
    """The features and the utt2spk of a set, which must be of the same utterances."""
    utt2spk = read_map(Path(data_dirs[name]) / "utt2spk")
    reader = FeatureReader([feats_dirs[name]], front_end)
    check_same_keys(f"{feats_dirs[name]}/feats.scp", reader.feats, f"{data_dirs[name]}/utt2spk", utt2spk)
    return reader, utt2spk
