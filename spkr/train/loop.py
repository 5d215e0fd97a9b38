"""The training loop: cross-entropy over the training speakers, on a GPU where there is one.

A run is a fixed number of steps. Batch, learning rate and all that is random follow from the seed and the step, and
a checkpoint holds the rest, so that a run that was killed ends with the weights it would have had.
"""

import json
import logging
import time
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from spkr.feats.reader import FeatureReader
from spkr.files import replacing, sha256
from spkr.kaldi.select import filter_utterances, read_maps
from spkr.nnet.model import SpeakerNet, save_model
from spkr.train.batches import BatchOptions, CropBatches, loader
from spkr.train.checkpoint import RunFolder
from spkr.train.evaluate import Evaluation
from spkr.train.schedule import learning_rate, make_optimizer

LOG_COLUMNS = ("epoch", "step", "lr", "loss", "train_accuracy", "valid_accuracy", "dev_eer", "frames_per_second")

logger = logging.getLogger(__name__)


def train(
    out_dir: str | Path,
    checkpoints: str | Path,
    settings: dict,
    train_sets: list[str],
    data_dirs: dict[str, str],
    feats_dirs: dict[str, str],
    dev_trials: str,
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
    """
    options, front_end = settings["train"], FrontEnd.from_dict(settings["feats"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reader = FeatureReader([feats_dirs[s] for s in train_sets], front_end)
    utt2spk = filter_utterances(
        read_maps([Path(data_dirs[s]) / "utt2spk" for s in train_sets]),
        read_maps([Path(feats_dirs[s]) / "utt2num_voiced" for s in train_sets]),
        **options["filter"],
    )
    speakers = sorted(set(utt2spk.values()))
    labels = {utt: speakers.index(spk) for utt, spk in utt2spk.items()}
    evaluation = Evaluation.read(data_dirs, feats_dirs, dev_trials, front_end, speakers)
    batches = CropBatches(reader, labels, BatchOptions(**options["batches"]), seed)

    identity = {
        "seed": seed,
        "settings": settings,
        "data": {
            s: [sha256(Path(d[s]) / f) for d, f in ((data_dirs, "utt2spk"), (feats_dirs, "feats.scp"))]
            for s in train_sets
        },
    }
    folder = RunFolder(checkpoints, identity)
    run = Run(folder, options, batches, evaluation, device)
    torch.manual_seed(seed)
    run.start(SpeakerNet(settings["model"], front_end.dim, len(speakers)))
    run.run()
    training = {"seed": seed, "settings": options, "sets": train_sets, "steps": run.step}
    save_model(Path(out_dir) / "final.pt", run.net, settings["model"], front_end, speakers, training)
    with replacing(Path(out_dir) / "valid.json") as f:
        json.dump({"valid_accuracy": run.history[-1]["valid_accuracy"], "n": len(evaluation.valid_speakers)}, f)
    folder.finish()


class Run:
    """The state of a training run and its steps."""

    def __init__(self, folder: RunFolder, options: dict, batches: CropBatches, evaluation: Evaluation, device):
        self.folder, self.options, self.batches = folder, options, batches
        self.evaluation, self.device = evaluation, device
        self.total = options["epochs"] * batches.steps_per_epoch
        self.step = 0
        self.history: list[dict] = []
        self.running = {"loss": 0.0, "right": 0, "frames": 0, "seconds": 0.0}

    def start(self, net: SpeakerNet) -> None:
        """Take the network to the device, and up where the last checkpoint left it."""
        self.net = net.to(self.device)
        self.optimizer = make_optimizer(self.net.parameters(), self.options)
        logger.info(
            "%d parameters on %s, %d steps in all, %s",
            sum(p.numel() for p in net.parameters()),
            self.device,
            self.total,
            self.folder.path,
        )
        if state := self.folder.latest():
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["random"])
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(state["random_cuda"])
            self.step, self.history, self.running = state["step"], state["history"], state["running"]
            logger.info("going on from step %d", self.step)
        self.board = SummaryWriter(self.folder.path / "tensorboard", purge_step=self.step)

    def checkpoint(self) -> None:
        """Save all that the next step depends on."""
        self.folder.save(
            self.step,
            {
                "net": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "random": torch.get_rng_state(),
                "random_cuda": torch.cuda.get_rng_state() if self.device.type == "cuda" else None,
                "step": self.step,
                "history": self.history,
                "running": self.running,
            },
        )

    def run(self) -> None:
        """All steps that are left."""
        source = loader(self.batches, self.step, self.total, self.options["workers"], self.device.type == "cuda")
        bar = tqdm(source, initial=self.step, total=self.total, unit="step", disable=None, smoothing=0.05)
        begun, first = time.monotonic(), self.step
        self.net.train()
        for feats, lengths, speakers, utts in bar:
            before = time.monotonic()
            self.train_step(feats, lengths, speakers, utts)
            self.running["seconds"] += time.monotonic() - before
            if self.step % self.batches.steps_per_epoch == 0:
                self.end_epoch((time.monotonic() - begun) / (self.step - first) * (self.total - self.step))
                self.checkpoint()
            elif self.step % self.options["checkpoint_steps"] == 0:
                self.checkpoint()

    def train_step(self, feats, lengths, speakers, utts) -> None:
        """Forward, backward and one step of the optimiser."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total, self.options)
        feats = feats.to(self.device, non_blocking=True)
        speakers = speakers.to(self.device, non_blocking=True)
        lengths = lengths if lengths is None else lengths.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options["bfloat16"]):
            logits = self.net(feats, lengths, speakers)
        loss = cross_entropy(logits.float(), speakers, label_smoothing=self.options["label_smoothing"])
        if not torch.isfinite(loss):
            raise InputError(
                f"step {self.step}: the loss is {loss.item()}; lower train.lr, or look at {' '.join(utts)}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.running["loss"] += loss.item()
        self.running["right"] += int((logits.argmax(1) == speakers).sum())
        self.running["frames"] += feats.shape[0] * feats.shape[1]

    def end_epoch(self, remaining: float) -> None:
        """Measure, log, and begin the next epoch's sums; `remaining` is a guess in seconds."""
        steps, size = self.batches.steps_per_epoch, self.options["batches"]["batch_size"]
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
        self.running = {"loss": 0.0, "right": 0, "frames": 0, "seconds": 0.0}
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
            time.strftime("%H:%M:%S", time.gmtime(remaining)),
        )

    def write_log(self) -> None:
        """train_log.tsv whole, and the epoch's values for TensorBoard."""
        with replacing(self.folder.path / "train_log.tsv") as f:
            f.write("\t".join(LOG_COLUMNS) + "\n")
            f.writelines("\t".join(f"{row[c]:.6g}" for c in LOG_COLUMNS) + "\n" for row in self.history)
        for name in LOG_COLUMNS[2:]:
            self.board.add_scalar(name, self.history[-1][name], self.step)
        self.board.flush()
