"""What is measured between epochs: identification on `valid`, verification on `dev`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from spkr.feats.reader import FeatureReader
from spkr.files import check_same_keys
from spkr.kaldi.datadir import read_map
from spkr.kaldi.trials import read_trials
from spkr.metrics.eer import eer_kaldi
from spkr.nnet.embed import embed_utterance
from spkr.nnet.model import SpeakerNet


@dataclass
class Evaluation:
    """The held-out utterances of the training speakers, and a trial list of speakers outside training."""

    valid: FeatureReader
    valid_speakers: dict[str, int]  # utterance -> index of its speaker
    dev: FeatureReader
    trials: tuple[np.ndarray, np.ndarray, np.ndarray]  # rows of both sides, and whether they match

    @classmethod
    def read(
        cls,
        data_dirs: dict[str, str],
        feats_dirs: dict[str, str],
        trials: str,
        front_end: FrontEnd,
        speakers: list[str],
    ) -> "Evaluation":
        """Read the sets `valid` and `dev`; a speaker of `dev` in training is an InputError."""
        index = {spk: i for i, spk in enumerate(speakers)}
        readers = {}
        for name in ("valid", "dev"):
            utt2spk = read_map(Path(data_dirs[name]) / "utt2spk")
            readers[name] = FeatureReader([feats_dirs[name]], front_end)
            check_same_keys(f"{feats_dirs[name]}/feats.scp", readers[name].feats, data_dirs[name], utt2spk)
            if name == "valid":
                valid = {utt: index[spk] for utt, spk in utt2spk.items() if spk in index}
        if not valid:
            raise InputError(f"{data_dirs['valid']}/utt2spk: none of its speakers is a training speaker")
        lists = read_trials(trials)
        row = {utt: i for i, utt in enumerate(readers["dev"].feats)}
        try:
            sides = [np.array([row[utt] for utt in side]) for side in (lists.enrol, lists.test)]
        except KeyError as e:
            raise InputError(f"{trials}: {e} has no features in {feats_dirs['dev']}") from None
        return cls(readers["valid"], valid, readers["dev"], (*sides, lists.target))

    @torch.inference_mode()
    def accuracy(self, net: SpeakerNet, device: torch.device) -> float:
        """Closed-set identification: the share of `valid` utterances whose best-scoring speaker is the right one."""
        right = 0
        for utt, speaker in self.valid_speakers.items():
            feats = torch.from_numpy(self.valid[utt]).to(device)[None]
            right += int(net(feats).argmax()) == speaker
        return right / len(self.valid_speakers)

    def eer(self, net: SpeakerNet, device: torch.device) -> float:
        """EER (0..1) of centred cosine scores on the trial list of `dev`."""
        vectors = np.stack([embed_utterance(net, self.dev[utt], device) for utt in self.dev.feats]).astype(np.float64)
        vectors -= vectors.mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        enrol, test, target = self.trials
        scores = (vectors @ vectors.T)[enrol, test]
        return eer_kaldi(scores[target], scores[~target])[0]
