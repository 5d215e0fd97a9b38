"""The training loop: cross-entropy over the training speakers, on a GPU if there is one.

A run has a fixed number of steps. Batch, learning rate and dropout depend only on the seed and the number of the step.
A checkpoint holds the rest, so that a killed run, once resumed, ends with the same weights as an uninterrupted one.
"""

import logging
import math
import time
from contextlib import nullcontext

import numpy as np
import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from spkr.config.train_options import TrainOptions
from spkr.errors import InputError
from spkr.nnet.ensemble import members
from spkr.nnet.memory import keep_freed_memory, too_little_memory
from spkr.nnet.model import Network
from spkr.train.averaging import WeightAverage
from spkr.train.batches import CropBatches, loader
from spkr.train.checkpoint import RunFolder
from spkr.train.distillation import Teacher, total_loss
from spkr.train.distributed import Processes
from spkr.train.evaluation import Evaluation
from spkr.train.on_device import Waveforms
from spkr.train.precision import Precision
from spkr.train.prefetch import prefetch
from spkr.train.schedule import learning_rate, make_optimizer
from spkr.train.signals import stop_signals
from spkr.train.training_log import NO_SUMS, TrainingLog, means
from spkr.train.tuning import Start

STOPPED = 75  # exit status when the time is up: "try again", EX_TEMPFAIL of sysexits.h

logger = logging.getLogger(__name__)


class NoNumber(InputError):
    """A step whose loss, or the norm of its gradient, is not finite."""


class Run:
    """A training run: its state, resumed from the folder's last checkpoint if there is one, and its steps.

    Only the first process has a folder. `about` goes into the checkpoints: the version of the `code`, and other facts.
    """

    def __init__(
        self,
        processes: Processes,
        folder: RunFolder | None,
        net: Network,
        options: TrainOptions,
        batches: CropBatches,
        evaluation: Evaluation,
        about: dict,
        teacher: Teacher | None = None,
    ):
        self.processes, self.folder, self.about, self.teacher = processes, folder, about, teacher
        self.options, self.batches, self.evaluation, self.device = options, batches, evaluation, processes.device
        if self.device.type == "cpu":
            keep_freed_memory()
        self.net = net.to(self.device)
        spread = [processes.spread(member) for member in members(self.net)]
        self.trained = [torch.compile(member) if options.compile else member for member in spread]
        self.precision = Precision(self.device, options.mixed_precision)
        self.scaler = self.precision.scaler
        self.start = Start(self.net, options.tuning)
        self.optimizer = make_optimizer(self.start.groups(self.net), options)
        self.total = options.epochs * batches.steps_per_epoch
        self.step, self.running, self.history, self.lr_factor = 0, dict(NO_SUMS), [], 1.0
        self.average = WeightAverage(options.average)
        where = f"{processes.size} times {self.device.type}" if processes.size > 1 else self.device
        logger.info("%d parameters on %s, %d steps in all", sum(map(torch.numel, net.parameters())), where, self.total)
        self.take_up()
        if folder:
            self.log = TrainingLog(folder.path, self.step)

    def take_up(self) -> None:
        """Resume from the folder's last checkpoint if there is one."""
        if not (state := self.processes.from_first(self.folder and self.folder.latest())):
            return
        self.net.load_state_dict(state["net"])
        for group, own in zip(state["optimizer"]["param_groups"], self.optimizer.param_groups, strict=True):
            if "fused" in own:  # as on this device
                group["fused"] = own["fused"]
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:  # empty if the run began on a device that needs none
            self.scaler.load_state_dict(state["scaler"])
        self.step, self.running, self.history = state["step"], state["running"], state["history"]
        self.average.sums = {name: total.to(self.device) for name, total in state["averaged"].items()}
        self.lr_factor, self.start.best = state["lr_factor"], state["best"]
        logger.info("resuming from step %d", self.step)
        if state["code"] != self.about["code"]:
            logger.warning("the code has changed since that step; an uninterrupted run may end with other weights")

    def checkpoint(self) -> None:
        """Save all that the next step depends on, and what the log of the epoch needs."""
        if not self.folder:
            return
        state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict(), "averaged": self.average.sums}
        state |= {"scaler": self.scaler.state_dict(), "step": self.step, "running": self.running}
        state |= {"history": self.history, "lr_factor": self.lr_factor, "best": self.start.best} | self.about
        measured = [row for row in self.history if not math.isnan(row["dev_eer"])]
        best = min(measured, key=lambda row: row["dev_eer"], default={"step": None})
        self.folder.save(self.step, state, best=best["step"] == self.step)

    def run(self, minutes: float) -> None:
        """Run the remaining steps, then set the weights to the average of the last epochs'.

        On a signal to stop, or after `minutes`, it finishes the current step, saves a checkpoint and exits.
        Raises InputError if the loss is not finite, or if a GPU has too little memory.
        """
        end = time.monotonic() + 60 * minutes
        if self.step == 0 and self.folder and self.start.weights:
            self.measure()
        if self.step == 0 and self.options.nan_retry:
            self.checkpoint()  # for a retry to resume from
        self.start.train_mode(self.net)
        with stop_signals() as stop, logging_redirect_tqdm():
            while self.step < self.total:
                try:
                    self.steps(stop, end, minutes)
                except NoNumber as e:
                    self.retry(e)
        if self.folder:
            self.log.close()
        self.average.take(self.net)
        self.start.finish(self.net)

    def steps(self, stop: list[int], end: float, minutes: float) -> None:
        """Run the remaining steps until a signal comes (it is then in `stop`) or the time is `end`, after `minutes`."""
        source = loader(self.batches, self.step, self.total, self.options.workers, self.device.type == "cuda")
        source, hidden = prefetch(source, self.device), None if self.folder else True  # None: only on a terminal
        bar = tqdm(source, initial=self.step, total=self.total, unit="step", disable=hidden, smoothing=0.05)
        begun, first = time.monotonic(), self.step
        clock = begun
        for crops, lengths, speakers, _ in bar:
            self.running["waited"] += time.monotonic() - clock
            try:
                self.train_step(crops, lengths, speakers)
            except torch.OutOfMemoryError:
                raise too_little_memory(self.step, self.device, self.options) from None
            self.running["seconds"] += time.monotonic() - clock
            remaining = (time.monotonic() - begun) / (self.step - first) * (self.total - self.step)
            ended = self.step % self.batches.steps_per_epoch == 0
            due = self.step % self.options.checkpoint_steps == 0
            if ended:
                self.end_epoch(remaining)
            elif due and self.folder:
                row = means(self.running, self.batches.options.batch_size)
                self.log.progress(self.step, self.total, row, remaining)
            late = clock > end and self.step < self.total
            signal, late = self.processes.largest([stop[0] if stop else 0, late])
            if ended or due or signal or late:
                self.checkpoint()
            if signal or late:
                why = f"signal {signal}" if signal else f"{minutes:g} minutes are over"
                logger.warning("%s: stopped after step %d; the next start resumes there", why, self.step)
                self.processes.leave()  # the launcher kills the others once one exits, even while they save
                raise SystemExit(128 + signal if signal else STOPPED)
            clock = time.monotonic()

    def retry(self, error: NoNumber) -> None:
        """Resume from the last checkpoint at half the rate; raise the error if `nan_retry` is off or used up."""
        if not self.options.nan_retry or self.lr_factor < 1:
            raise error
        logger.warning("%s; trying once more from the last checkpoint, at half the rate", error)
        self.take_up()
        self.lr_factor = 0.5
        self.checkpoint()

    def train_step(self, crops: torch.Tensor | Waveforms, lengths: torch.Tensor | None, speakers: torch.Tensor) -> None:
        """Forward, backward and one step of the optimiser, on one batch."""
        for group in self.optimizer.param_groups:
            rate = self.lr_factor * learning_rate(self.step, self.total, self.options)
            group["lr"] = rate * self.start.factor(group, self.step)
        self.net.begin_step(self.step, self.total)
        seed = np.random.SeedSequence([self.batches.seed, self.step, self.processes.rank])
        torch.manual_seed(int(seed.generate_state(1)[0]))  # for dropout and dither
        feats = self.batches.features(crops)
        self.optimizer.zero_grad(set_to_none=True)
        loss, right = self.backward(feats, lengths, speakers)
        self.scaler.unscale_(self.optimizer)
        self.start.pull(self.net)
        grad_norm = torch.nn.utils.get_total_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        loss, right, grad_norm = torch.stack([loss, right, grad_norm]).tolist()  # one wait for the device
        loss, right, frames = self.processes.sums([loss, right, feats.shape[0] * feats.shape[1]])
        loss /= self.processes.size
        skipped = not math.isfinite(grad_norm)  # the scaler skips the step and lowers its scale; that is 1 if it is off
        if not math.isfinite(loss) or skipped and self.scaler.get_scale() <= 1:
            raise NoNumber(
                f"step {self.step}: the loss is {loss}, the norm of its gradient {grad_norm}; lower train.lr, or look "
                f"at {' '.join(self.batches.utterances(self.step))}"
            )
        self.step += 1
        step = {"steps": 1, "loss": loss, "grad_norm": 0.0 if skipped else grad_norm, "right": right, "frames": frames}
        self.running |= {name: self.running[name] + value for name, value in step.items()}

    def backward(
        self, feats: torch.Tensor, lengths: torch.Tensor | None, speakers: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the gradients of a batch, in `accumulate` parts; return its mean loss and how many rows are right.

        The members of an ensemble are trained one after another, each with its own loss, so that only the activations
        of one are in memory. The loss is the mean of theirs; a row is right if the sum of their logits is.
        """
        n = len(feats) // self.options.accumulate
        loss, right = torch.zeros(2, device=self.device)
        for begin in range(0, len(feats), n):
            part = [None if rows is None else rows[begin : begin + n] for rows in (feats, lengths, speakers)]
            last, together = begin + n == len(feats), 0
            theirs = self.teacher and self.teacher.similarities(*part[:2], self.precision.autocast())
            for trained in self.trained:
                with nullcontext() if last else self.processes.apart(trained):
                    with self.precision.autocast():
                        logits, x = trained(*part, with_embedding=True)
                    own = total_loss(logits, x, part[2], theirs, self.options) / self.options.accumulate
                    self.scaler.scale(own).backward()
                loss = loss + own.detach() / len(self.trained)
                together = together + logits.detach()
            right = right + (together.argmax(1) == part[2]).sum()
        return loss, right

    def end_epoch(self, remaining: float) -> None:
        """Measure, log, and begin the next epoch's sums; `remaining` is an estimate in seconds."""
        if self.folder:
            self.history.append(self.measure())
            self.log.epoch(self.history, self.options.epochs, remaining)
        self.running = dict(NO_SUMS)
        if self.step // self.batches.steps_per_epoch > self.options.epochs - self.options.average:
            self.average.add(self.net)

    def measure(self) -> dict:
        """Measure the network after an epoch; returns a row of the log."""
        self.net.eval()
        with self.start.interpolated(self.net):
            valid_accuracy, dev_eer = self.evaluation.measure(self.net, self.device)
        epoch = self.step // self.batches.steps_per_epoch
        self.start.note(self.net, epoch, valid_accuracy, dev_eer)
        self.start.train_mode(self.net)
        row = {"epoch": epoch, "step": self.step, "lr": self.optimizer.param_groups[-1]["lr"]}
        row |= {"valid_accuracy": valid_accuracy, "dev_eer": dev_eer}
        return row | means(self.running, self.batches.options.batch_size) if self.step else row
