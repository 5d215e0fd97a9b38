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
from spkr.train.distributed import Processes
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
        processes: Processes,
        folder: RunFolder | None,
        net: SpeakerNet,
        options: dict,
        batches: CropBatches,
        evaluation: Evaluation,
        code: str,
    ):
        self.processes, self.folder, self.code = processes, folder, code  # the first process alone has a folder
        self.options, self.batches, self.evaluation, self.device = options, batches, evaluation, processes.device
        if self.device.type == "cpu":
            keep_freed_memory()
        self.net = net.to(self.device)
        trained = processes.spread(self.net)
        self.trained = torch.compile(trained) if options["compile"] else trained
        half = not (self.device.type == "cpu" or torch.cuda.is_bf16_supported())
        self.precision = torch.float16 if half else torch.bfloat16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half and options["mixed_precision"])
        self.optimizer = make_optimizer(self.net.parameters(), options)
        self.total = options["epochs"] * batches.steps_per_epoch
        self.step, self.running, self.history = 0, dict(NO_SUMS), []
        self.averaged: dict[str, torch.Tensor] = {}  # sums of the weights at the ends of the last epochs
        parameters = sum(p.numel() for p in net.parameters())
        where = f"{processes.size} times {self.device.type}" if processes.size > 1 else self.device
        logger.info("%d parameters on %s, %d steps in all", parameters, where, self.total)
        if state := processes.from_first(folder and folder.latest()):
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
            self.step, self.running, self.history = state["step"], state["running"], state["history"]
            self.averaged = {name: total.to(self.device) for name, total in state["averaged"].items()}
            logger.info("going on from step %d", self.step)
            if state["code"] != code:
                logger.warning("the code has changed since that step; the run may end with other weights than either's")
        if folder:
            self.board = SummaryWriter(folder.path / "tensorboard", purge_step=self.step + 1)

    def checkpoint(self) -> None:
        """Save all that the next step depends on, and what the log of the epoch needs."""
        if not self.folder:
            return
        state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict(), "averaged": self.averaged}
        state |= {"scaler": self.scaler.state_dict(), "step": self.step, "running": self.running}
        state |= {"history": self.history, "code": self.code}
        best = min(self.history, key=lambda row: row["dev_eer"], default={"step": 0})
        self.folder.save(self.step, state, best=best["step"] == self.step)

    def run(self, stop_after: float | None = None) -> None:
        """All steps that are left; the weights end as the average of the last epochs'.

        A signal to stop, or the end of `stop_after` minutes, is heeded after the step it came in, with a checkpoint.
        """
        source = loader(self.batches, self.step, self.total, self.options["workers"], self.device.type == "cuda")
        hidden = None if self.folder else True  # None: shown on a terminal
        bar = tqdm(source, initial=self.step, total=self.total, unit="step", disable=hidden, smoothing=0.05)
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
                signal, late = self.processes.largest([stop[0] if stop else 0, late])
                if ended or signal or late or self.step % self.options["checkpoint_steps"] == 0:
                    self.checkpoint()
                if signal or late:
                    why = f"signal {signal}" if signal else f"{stop_after:g} minutes are over"
                    logger.warning("%s: stopped after step %d; the next start goes on there", why, self.step)
                    raise SystemExit(128 + signal if signal else STOPPED)
                clock = time.monotonic()
        if self.folder:
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
        self.net.begin_step(self.step, self.total)
        seed = np.random.SeedSequence([self.batches.seed, self.step, self.processes.rank])
        torch.manual_seed(int(seed.generate_state(1)[0]))  # dropout's
        feats = feats.to(self.device, non_blocking=True)
        speakers = speakers.to(self.device, non_blocking=True)
        lengths = lengths if lengths is None else lengths.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, self.precision, enabled=self.options["mixed_precision"]):
            logits = self.trained(feats, lengths, speakers)
        loss = cross_entropy(logits, speakers, label_smoothing=self.options["label_smoothing"])
        if not math.isfinite(loss.item()):
            raise InputError(
                f"step {self.step}: the loss is {loss.item()}; lower train.lr, or look at {' '.join(utts)}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        grad_norm = torch.nn.utils.get_total_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        right = int((logits.argmax(1) == speakers).sum())
        loss, right, frames = self.processes.sums([loss.item(), right, feats.shape[0] * feats.shape[1]])
        self.running["loss"] += loss / self.processes.size
        self.running["grad_norm"] += grad_norm.item()
        self.running["right"] += right
        self.running["frames"] += frames

    def end_epoch(self, remaining: float) -> None:
        """Measure, log, and begin the next epoch's sums; `remaining` is a guess in seconds."""
        if self.folder:
            self.measure(remaining)
        self.running = dict(NO_SUMS)
        if self.step // self.batches.steps_per_epoch > self.options["epochs"] - self.options["average"]:
            for name, value in self.net.state_dict().items():
                self.averaged[name] = self.averaged.get(name, 0) + value.double()

    def measure(self, remaining: float) -> None:
        """What the epoch gave, into the history and the logs."""
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
        self.history.append(row)
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
