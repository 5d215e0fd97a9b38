"""The training loop: cross-entropy over the training speakers, on a GPU where there is one.

A run is a fixed number of steps. Batch, learning rate and dropout follow from the seed and the number of the step, and
a checkpoint holds the rest, so that a run that was killed ends with the weights it would have had.
"""

import logging
import math
import time

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from spkr.errors import InputError
from spkr.files import replacing
from spkr.nnet.model import SpeakerNet
from spkr.train.batches import CropBatches, loader
from spkr.train.checkpoint import RunFolder
from spkr.train.evaluate import Evaluation
from spkr.train.process import keep_freed_memory, stop_signals
from spkr.train.schedule import learning_rate, make_optimizer

LOG_COLUMNS = ("epoch", "step", "lr", "loss", "grad_norm", "train_accuracy", "valid_accuracy", "dev_eer")
LOG_COLUMNS += ("waiting", "frames_per_second")  # share of the time spent waiting for batches
NO_SUMS = {"loss": 0.0, "grad_norm": 0.0, "right": 0, "frames": 0, "seconds": 0.0, "waited": 0.0}
STOPPED = 75  # exit status where time was up: "try again", EX_TEMPFAIL of sysexits.h

logger = logging.getLogger(__name__)


class Run:
    """A training run: its state, taken up from the folder's last checkpoint if there is one, and its steps."""

    def __init__(
        self,
        folder: RunFolder,
        net: SpeakerNet,
        options: dict,
        batches: CropBatches,
        evaluation: Evaluation,
        code: str,
    ):
        self.folder, self.options, self.batches, self.evaluation, self.code = folder, options, batches, evaluation, code
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            keep_freed_memory()
        self.net = net.to(self.device)
        self.optimizer = make_optimizer(self.net.parameters(), options)
        self.total = options["epochs"] * batches.steps_per_epoch
        self.step, self.running, self.history = 0, dict(NO_SUMS), []
        self.averaged: dict[str, torch.Tensor] = {}  # sums of the weights at the ends of the last epochs
        parameters = sum(p.numel() for p in net.parameters())
        logger.info("%d parameters on %s, %d steps in all, %s", parameters, self.device, self.total, folder.path)
        if state := folder.latest():
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.running, self.history = state["step"], state["running"], state["history"]
            self.averaged = {name: total.to(self.device) for name, total in state["averaged"].items()}
            logger.info("going on from step %d", self.step)
            if state["code"] != code:
                logger.warning("the code has changed since that step; the run may end with other weights than either's")
        self.board = SummaryWriter(folder.path / "tensorboard", purge_step=self.step + 1)

    def checkpoint(self) -> None:
        """Save all that the next step depends on, and what the log of the epoch needs."""
        state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict(), "averaged": self.averaged}
        state |= {"step": self.step, "running": self.running, "history": self.history, "code": self.code}
        best = min(self.history, key=lambda row: row["dev_eer"], default={"step": 0})
        self.folder.save(self.step, state, best=best["step"] == self.step)

    def run(self, stop_after: float | None = None) -> None:
        """All steps that are left; the weights end as the average of the last epochs'.

        A signal to stop, or the end of `stop_after` minutes, is heeded after the step it came in, with a checkpoint.
        """
        source = loader(self.batches, self.step, self.total, self.options["workers"], self.device.type == "cuda")
        bar = tqdm(source, initial=self.step, total=self.total, unit="step", disable=None, smoothing=0.05)
        begun, first = time.monotonic(), self.step
        self.net.train()
        with stop_signals() as stop, logging_redirect_tqdm():
            clock = begun
            for feats, lengths, speakers, utts in bar:
                self.running["waited"] += time.monotonic() - clock
                self.train_step(feats, lengths, speakers, utts)
                self.running["seconds"] += time.monotonic() - clock
                ended = self.step % self.batches.steps_per_epoch == 0
                if ended:
                    self.end_epoch((time.monotonic() - begun) / (self.step - first) * (self.total - self.step))
                late = stop_after is not None and clock - begun > 60 * stop_after and self.step < self.total
                if ended or stop or late or self.step % self.options["checkpoint_steps"] == 0:
                    self.checkpoint()
                if stop or late:
                    why = f"signal {stop[0]}" if stop else f"{stop_after:g} minutes are over"
                    logger.warning("%s: stopped after step %d; the next start goes on there", why, self.step)
                    raise SystemExit(128 + stop[0] if stop else STOPPED)
                clock = time.monotonic()
        self.board.close()
        self.take_average()

    def take_average(self) -> None:
        """Bring the network to the average of its weights at the ends of the last epochs."""
        own = self.net.state_dict()
        average = {k: (total / self.options["average"]).to(own[k].dtype) for k, total in self.averaged.items()}
        self.net.load_state_dict(average)

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
        grad_norm = torch.nn.utils.get_total_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        self.optimizer.step()
        self.step += 1
        self.running["loss"] += value
        self.running["grad_norm"] += grad_norm.item()
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
            "grad_norm": self.running["grad_norm"] / steps,
            "train_accuracy": self.running["right"] / steps / size,
            "valid_accuracy": self.evaluation.accuracy(self.net, self.device),
            "dev_eer": self.evaluation.eer(self.net, self.device),
            "waiting": self.running["waited"] / self.running["seconds"],
            "frames_per_second": self.running["frames"] / self.running["seconds"],
        }
        self.net.train()
        if row["epoch"] > self.options["epochs"] - self.options["average"]:
            for name, value in self.net.state_dict().items():
                self.averaged[name] = self.averaged.get(name, 0) + value.double()
        self.history.append(row)
        self.running = dict(NO_SUMS)
        self.write_log()
        logger.info(
            "epoch %d/%d: loss %.3f, accuracy %.1f %% (valid %.1f %%), dev EER %.2f %%, %.0f frames/s, "
            "%.0f %% waiting, %s left",
            row["epoch"],
            self.options["epochs"],
            row["loss"],
            100 * row["train_accuracy"],
            100 * row["valid_accuracy"],
            100 * row["dev_eer"],
            row["frames_per_second"],
            100 * row["waiting"],
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
