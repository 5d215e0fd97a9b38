"""The training loop: cross-entropy over the training speakers, on a GPU where there is one.

A run is a fixed number of steps. Batch, learning rate and dropout follow from the seed and the number of the step, and
a checkpoint holds the rest, so that a run that was killed ends with the weights it would have had.
"""

import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from spkr.feats.reader import FeatureReader
from spkr.files import check_same_keys, replacing, sha256
from spkr.kaldi.select import filter_utterances, read_maps
from spkr.nnet.model import SpeakerNet, save_model
from spkr.train.batches import BatchOptions, CropBatches, loader
from spkr.train.checkpoint import RunFolder
from spkr.train.evaluate import Evaluation
from spkr.train.process import keep_freed_memory, stop_signals
from spkr.train.schedule import learning_rate, make_optimizer

LOG_COLUMNS = ("epoch", "step", "lr", "loss", "train_accuracy", "valid_accuracy", "dev_eer", "frames_per_second")
NUMBERLESS = ("workers", "checkpoint_steps")  # options that change no number
OPTIONS = (
    *("filter", "batches", "epochs", "optimizer", "lr", "min_lr", "warmup", "betas", "weight_decay"),
    *("label_smoothing", "bfloat16", *NUMBERLESS),
)
FILTER_OPTIONS = ("min_voiced_frames", "min_utts_per_speaker")
BATCH_OPTIONS = tuple(field.name for field in fields(BatchOptions))
NO_SUMS = {"loss": 0.0, "right": 0, "frames": 0, "seconds": 0.0}

logger = logging.getLogger(__name__)


def train(
    out_dir: str | Path,
    checkpoints: str | Path,
    settings: dict[str, Any],
    train_sets: list[str],
    data_dirs: Mapping[str, str],
    feats_dirs: Mapping[str, str],
    dev_trials: str | Path,
    seed: int,
) -> None:
    """Train a speaker network and write final.pt and valid.json to `out_dir`.

    Args:
        out_dir: where the results go.
        checkpoints: folder of the runs' own folders; what a killed run left there is taken up.
        settings: the config's sections `model`, `train` and `feats`.
        train_sets: names of the sets to learn from, of `data_dirs` and `feats_dirs`, which also have valid and dev.
        data_dirs: data directory of each set.
        feats_dirs: feature directory of each set.
        dev_trials: trial list of `dev`.
        seed: of the weights, the batches and the dropout.

    Raises InputError for wrong settings or data, and where the loss is no number any more; SystemExit with 128 and the
    signal's number where SIGTERM or SIGINT came, after a checkpoint.
    """
    _check(settings, train_sets, data_dirs, feats_dirs)
    options, front_end = settings["train"], FrontEnd.from_dict(settings["feats"])
    reader = FeatureReader([feats_dirs[s] for s in train_sets], front_end)
    utt2spk = read_maps([Path(data_dirs[s]) / "utt2spk" for s in train_sets])
    check_same_keys("feats.scp", reader.feats, "utt2spk", utt2spk)
    num_voiced = read_maps([Path(feats_dirs[s]) / "utt2num_voiced" for s in train_sets])
    lengths = "utt2num_voiced" if front_end.select_voiced else "utt2num_frames"
    num_frames = {utt: int(n) for utt, n in read_maps([Path(feats_dirs[s]) / lengths for s in train_sets]).items()}
    utt2spk = filter_utterances(utt2spk, num_voiced, **options["filter"])
    speakers = sorted(set(utt2spk.values()))
    evaluation = Evaluation.read(data_dirs, feats_dirs, dev_trials, front_end, utt2spk, speakers, train_sets)
    index = {spk: i for i, spk in enumerate(speakers)}
    labels = {utt: index[spk] for utt, spk in utt2spk.items()}
    batches = CropBatches(reader, labels, num_frames, BatchOptions(**options["batches"]), seed)

    torch.manual_seed(seed)
    net = SpeakerNet(settings["model"], front_end.dim, len(speakers))
    numbers = {k: v for k, v in options.items() if k not in NUMBERLESS}
    data = {s: _digests(data_dirs[s], feats_dirs[s]) for s in train_sets}
    folder = RunFolder(checkpoints, {"seed": seed, "settings": settings | {"train": numbers}, "data": data})
    run = Run(folder, net, options, batches, evaluation)
    run.run()

    training = {"seed": seed, "settings": numbers, "sets": train_sets, "steps": run.step}
    save_model(Path(out_dir) / "final.pt", net, settings["model"], front_end, speakers, training)
    with replacing(Path(out_dir) / "valid.json") as f:
        json.dump({"valid_accuracy": run.history[-1]["valid_accuracy"], "n": len(evaluation.valid_speakers)}, f)
    folder.finish()


def _check(settings: dict[str, Any], train_sets: list[str], *dirs: Mapping[str, str]) -> None:
    """Raise InputError unless every option is there, and no other one, and two directories for every set."""
    check_same_keys("settings", settings, "a training's sections", ("model", "train", "feats"))
    options = settings["train"]
    check_same_keys("settings: train", options, "the options", OPTIONS)
    check_same_keys("settings: train.filter", options["filter"], "the options", FILTER_OPTIONS)
    check_same_keys("settings: train.batches", options["batches"], "the options", BATCH_OPTIONS)
    for given in dirs:
        if missing := sorted({*train_sets, "valid", "dev"} - given.keys()):
            raise InputError(f"set {missing[0]!r}: no directory is given; expected one of data and one of features")


def _digests(data_dir: str, feats_dir: str) -> list[str]:
    """Of the files that say which utterances a set has."""
    return [sha256(f) for f in (f"{data_dir}/utt2spk", f"{feats_dir}/feats.scp", f"{feats_dir}/utt2num_voiced")]


class Run:
    """A training run: its state, taken up from the folder's last checkpoint if there is one, and its steps."""

    def __init__(self, folder: RunFolder, net: SpeakerNet, options: dict, batches: CropBatches, evaluation: Evaluation):
        self.folder, self.options, self.batches, self.evaluation = folder, options, batches, evaluation
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            keep_freed_memory()
        self.net = net.to(self.device)
        self.optimizer = make_optimizer(self.net.parameters(), options)
        self.total = options["epochs"] * batches.steps_per_epoch
        self.step, self.running, self.history = 0, dict(NO_SUMS), []
        parameters = sum(p.numel() for p in net.parameters())
        logger.info("%d parameters on %s, %d steps in all, %s", parameters, self.device, self.total, folder.path)
        if state := folder.latest():
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.running, self.history = state["step"], state["running"], state["history"]
            logger.info("going on from step %d", self.step)
        self.board = SummaryWriter(folder.path / "tensorboard", purge_step=self.step + 1)

    def checkpoint(self) -> None:
        """Save all that the next step depends on, and what the log of the epoch needs."""
        state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        self.folder.save(self.step, state | {"step": self.step, "running": self.running, "history": self.history})

    def run(self) -> None:
        """All steps that are left; a signal to stop is heeded after the step it came in, with a checkpoint."""
        source = loader(self.batches, self.step, self.total, self.options["workers"], self.device.type == "cuda")
        bar = tqdm(source, initial=self.step, total=self.total, unit="step", disable=None, smoothing=0.05)
        begun, first = time.monotonic(), self.step
        self.net.train()
        with stop_signals() as stop, logging_redirect_tqdm():
            clock = begun
            for feats, lengths, speakers, utts in bar:
                self.train_step(feats, lengths, speakers, utts)
                self.running["seconds"] += time.monotonic() - clock
                ended = self.step % self.batches.steps_per_epoch == 0
                if ended:
                    self.end_epoch((time.monotonic() - begun) / (self.step - first) * (self.total - self.step))
                if ended or stop or self.step % self.options["checkpoint_steps"] == 0:
                    self.checkpoint()
                if stop:
                    logger.warning("signal %d: stopped after step %d; the next start goes on there", stop[0], self.step)
                    raise SystemExit(128 + stop[0])
                clock = time.monotonic()
        self.board.close()

    def train_step(
        self, feats: torch.Tensor, lengths: torch.Tensor | None, speakers: torch.Tensor, utts: list[str]
    ) -> None:
        """Forward, backward and one step of the optimiser."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total, self.options)
        torch.manual_seed(int(np.random.SeedSequence([self.batches.seed, self.step]).generate_state(1)[0]))  # dropout's
        feats = feats.to(self.device, non_blocking=True)
        speakers = speakers.to(self.device, non_blocking=True)
        lengths = lengths if lengths is None else lengths.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options["bfloat16"]):
            logits = self.net(feats, lengths, speakers)
        loss = cross_entropy(logits, speakers, label_smoothing=self.options["label_smoothing"])
        value = loss.item()
        if not math.isfinite(value):
            raise InputError(f"step {self.step}: the loss is {value}; lower train.lr, or look at {' '.join(utts)}")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.running["loss"] += value
        self.running["right"] += int((logits.argmax(1) == speakers).sum())
        self.running["frames"] += feats.shape[0] * feats.shape[1]

    def end_epoch(self, remaining: float) -> None:
        """Measure, log, and begin the next epoch's sums; `remaining` is a guess in seconds."""
        steps, size = self.batches.steps_per_epoch, self.batches.options.batch_size
        self.net.eval()
        row = {
            "epoch": self.step // steps,
            "step": self.step,
            "lr": self.optimizer.param_groups[0]["lr"],
            "loss": self.running["loss"] / steps,
            "train_accuracy": self.running["right"] / steps / size,
            "valid_accuracy": self.evaluation.accuracy(self.net, self.device),
            "dev_eer": self.evaluation.eer(self.net, self.device),
            "frames_per_second": self.running["frames"] / self.running["seconds"],
        }
        self.net.train()
        self.history.append(row)
        self.running = dict(NO_SUMS)
        self.write_log()
        logger.info(
            "epoch %d/%d: loss %.3f, accuracy %.1f %% (valid %.1f %%), dev EER %.2f %%, %.0f frames/s, %s left",
            row["epoch"],
            self.options["epochs"],
            row["loss"],
            100 * row["train_accuracy"],
            100 * row["valid_accuracy"],
            100 * row["dev_eer"],
            row["frames_per_second"],
            tqdm.format_interval(remaining),
        )

    def write_log(self) -> None:
        """train_log.tsv whole, and the epoch's values for TensorBoard."""
        with replacing(self.folder.path / "train_log.tsv") as f:
            f.write("\t".join(LOG_COLUMNS) + "\n")
            f.writelines("\t".join(f"{row[c]:.6g}" for c in LOG_COLUMNS) + "\n" for row in self.history)
        for name in LOG_COLUMNS[2:]:
            if not math.isnan(self.history[-1][name]):
                self.board.add_scalar(name, self.history[-1][name], self.step)
        self.board.flush()
