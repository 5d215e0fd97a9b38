"""What the benchmarks of training share: arks of noise, a run of the loop that is timed, the bare step beside it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from torch.nn.functional import cross_entropy

from spkr.config.model_options import NetworkOptions
from spkr.config.train_options import TrainOptions
from spkr.feats import make_front_end
from spkr.feats.reader import FeatureReader
from spkr.kaldi.maps import read_map, write_map
from spkr.kaldi.table import TableWriter
from spkr.nnet import network_options
from spkr.nnet.ensemble import members
from spkr.nnet.model import make_network
from spkr.train.batches import CropBatches
from spkr.train.distributed import Processes
from spkr.train.loop import Run
from spkr.train.schedule import make_optimizer

CONF = Path(__file__).parents[1] / "conf"
DIM, SPEAKERS = 80, 100


@dataclass(frozen=True)
class Work:
    """What is trained: a preset of conf/model, in batches of `batch` crops of `seconds`."""

    model: str
    batch: int
    seconds: float
    steps: int  # in an epoch; speeds are those of whole epochs
    epochs: int  # of which the first is left out: it warms up
    workers: int
    compile: bool = False
    mixed_precision: bool = True
    ensemble: int = 1  # networks at once

    def network(self) -> NetworkOptions:
        """The section `model`: the preset's, with `ensemble`."""
        preset = yaml.safe_load((CONF / f"model/{self.model}.yaml").read_text())["model"]
        return network_options(preset | {"ensemble": self.ensemble})

    def options(self) -> TrainOptions:
        """The section `train`, as `small` has it; crops are of one length."""
        own = {"epochs": self.epochs, "workers": self.workers, "compile": self.compile}
        own["mixed_precision"] = self.mixed_precision
        own["batches"] = {"batch_size": self.batch, "crop": [self.seconds, self.seconds], "short": "tile"}
        return TrainOptions(**yaml.safe_load((CONF / "train/small.yaml").read_text())["train"] | own)


def write_feats(folder: Path, work: Work) -> list[str]:
    """Compressed features of noise, as long as AN4's utterances or a little longer than the crop; their names."""
    rng, frames = np.random.default_rng(1), round(100 * max(3, work.seconds + 1))
    noise = rng.standard_normal((frames + 1000, DIM)).astype(np.float32)
    utts = [f"utt{i:06}" for i in range(work.batch * work.steps)]
    with TableWriter(folder / "feats.ark", compress=True) as feats, TableWriter(folder / "vad.ark") as vad:
        for utt in utts:
            start = int(rng.integers(1000))
            feats[utt], vad[utt] = noise[start : start + frames], np.ones(frames, np.float32)
    write_map(folder / "utt2num_frames", dict.fromkeys(utts, frames))
    return utts


class TimedRun(Run):
    """A training run that nothing measures or saves; after each epoch it notes its speed, and calls all of `between`.

    These must not take time where `work.workers` would use it to load batches ahead.
    """

    def __init__(self, folder: Path, utts: list[str], work: Work, *between: Callable[[], None]):
        front_end = make_front_end({"num_mel_bins": DIM, "select_voiced": False, "cmvn": {"type": "utterance"}})
        labels = {utt: i % SPEAKERS for i, utt in enumerate(utts)}
        frames = {utt: int(n) for utt, n in read_map(folder / "utt2num_frames").items()}
        options = work.options()
        batches = CropBatches(FeatureReader([folder], front_end), labels, frames, options.batches, seed=1)
        torch.manual_seed(1)
        net = make_network(work.network(), DIM, SPEAKERS)
        self.speeds, self.between = [], list(between)
        super().__init__(Processes.join(work.batch), None, net, options, batches, None, {"code": ""})

    def end_epoch(self, remaining: float) -> None:
        """Note frames a second, as the trainer's log has them."""
        self.speeds.append(self.running["frames"] / self.running["seconds"])
        super().end_epoch(remaining)
        for call in self.between:
            call()


class BareStep:
    """Forward, backward and step on one batch in memory, of a network like a run's."""

    def __init__(self, work: Work):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(1)
        self.work, self.speeds = work, []
        self.net = make_network(work.network(), DIM, SPEAKERS).to(self.device).train()
        self.trained = [torch.compile(one) if work.compile else one for one in members(self.net)]
        self.optimizer = make_optimizer([{"params": list(self.net.parameters())}], work.options())
        self.feats = torch.randn(work.batch, round(100 * work.seconds), DIM, device=self.device)
        self.speakers = torch.arange(work.batch, device=self.device) % SPEAKERS

    def step(self) -> None:
        """Learn from the batch once."""
        self.optimizer.zero_grad(set_to_none=True)
        for member in self.trained:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.work.mixed_precision):
                logits = member(self.feats, None, self.speakers)
            cross_entropy(logits, self.speakers).backward()
        self.optimizer.step()

    def beside(self, run: TimedRun) -> None:
        """Run `run`, and time as many epochs here: in turns, or all of them first where it has loaders of its own."""
        if self.work.workers:
            for _ in range(self.work.epochs):
                self.time_epoch()
        else:
            run.between.append(self.time_epoch)
        run.run(math.inf)

    def time_epoch(self) -> None:
        """Note frames a second over as many steps as an epoch has."""
        begun = time.monotonic()
        for _ in range(self.work.steps):
            self.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.speeds.append(self.work.steps * self.feats.shape[0] * self.feats.shape[1] / (time.monotonic() - begun))
