"""The records of a training: the log's lines, train_log.tsv, and TensorBoard's curves."""

import logging
import math
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from spkr.tsv import write_tsv

LOG_COLUMNS = ("epoch", "step", "lr", "loss", "grad_norm", "train_accuracy", "valid_accuracy", "dev_eer")
SPEED_COLUMNS = ("waiting", "frames_per_second")  # share of time spent waiting for batches; both differ between runs
DIGITS = ".6g"
NO_SUMS = {"steps": 0, "loss": 0.0, "grad_norm": 0.0, "right": 0, "frames": 0, "seconds": 0.0, "waited": 0.0}

logger = logging.getLogger("spkr.progress")  # shown on the console even if there is a log file


def means(sums: dict, batch_size: int) -> dict:
    """Columns of the log from sums over some steps, which began as NO_SUMS."""
    return {
        "loss": sums["loss"] / sums["steps"],
        "grad_norm": sums["grad_norm"] / sums["steps"],
        "train_accuracy": sums["right"] / sums["steps"] / batch_size,
        "waiting": sums["waited"] / sums["seconds"],
        "frames_per_second": sums["frames"] / sums["seconds"],
    }


class TrainingLog:
    """The logs in a run's folder, from `step` on; `remaining` is an estimate of the time left, in seconds."""

    def __init__(self, folder: Path, step: int):
        self.folder = folder
        self.board = SummaryWriter(folder / "tensorboard", purge_step=step + 1)

    def epoch(self, history: list[dict], epochs: int, remaining: float) -> None:
        """Log the last row of the history; write all of train_log.tsv, and the row's values for TensorBoard."""
        row, columns = history[-1], LOG_COLUMNS + SPEED_COLUMNS
        write_tsv(self.folder / "train_log.tsv", history, dict.fromkeys(columns, DIGITS))
        for name in columns[2:]:
            if not math.isnan(row[name]):
                self.board.add_scalar(name, row[name], row["step"])
        self.board.flush()
        logger.info(
            "epoch %d/%d: loss %.3f, accuracy %.1f %% (valid %.1f %%), dev EER %.2f %% (cosine), %s",
            *(row["epoch"], epochs, row["loss"], 100 * row["train_accuracy"], 100 * row["valid_accuracy"]),
            *(100 * row["dev_eer"], _speed(row, remaining)),
        )

    def progress(self, step: int, total: int, row: dict, remaining: float) -> None:
        """Log the progress of an unfinished epoch."""
        speed = _speed(row, remaining)
        logger.info(
            "step %d/%d: loss %.3f, accuracy %.1f %%, %s", step, total, row["loss"], 100 * row["train_accuracy"], speed
        )

    def close(self) -> None:
        """Write what TensorBoard has not written yet."""
        self.board.close()


def _speed(row: dict, remaining: float) -> str:
    left = tqdm.format_interval(remaining)
    return f"{row['frames_per_second']:.0f} frames/s, {100 * row['waiting']:.0f} % waiting, {left} left"
