"""Trainings of the toy corpus, for the tests of training."""

import json
import math
import os
import subprocess
import sys

import pytest
import torch

from spkr.config.options import read_options
from spkr.config.schema import Training
from spkr.config.train_options import Batches, TrainOptions
from spkr.feats.reader import FeatureReader
from spkr.kaldi.maps import read_map
from spkr.train.batches import CropBatches
from spkr.train.run import Sets, train
from spkr.train.training_log import LOG_COLUMNS, SPEED_COLUMNS
from tests.unit.nnet.networks import SMALL

torch.set_num_threads(1)

EPOCHS, STEPS_PER_EPOCH = 6, 5  # 36 utterances, 7 at a time
BATCHES = {
    "batch_size": 7,
    "crop": [0.2, 0.4],
    "short": "tile",
    "time_masks": 1,
    "time_mask_width": 5,
    "freq_masks": 1,
    "freq_mask_width": 2,
    "utts_per_speaker": 0,
    "utts_per_speaker_in_batch": 1,
    "shuffle_buffer": 0,
}
TRAIN = {
    "filter": {"min_voiced_frames": 10, "min_utts_per_speaker": 2},
    "batches": BATCHES,
    "waveforms": False,
    "on_the_fly": {"speeds": [1.0], "copies": 0},
    "epochs": EPOCHS,
    "optimizer": "adamw",
    "lr": 0.02,
    "min_lr": 0.0,
    "warmup": 0.1,
    "betas": [0.9, 0.98],
    "weight_decay": 0.05,
    "label_smoothing": 0.0,
    "init_from": None,
    "average": 1,
    "accumulate": 1,
    "mixed_precision": False,
    "compile": False,
    "deterministic": True,  # so that runs end with the same bytes on a GPU, too
    "workers": 0,
    "checkpoint_steps": 3,
    "nan_retry": False,
}
MODEL = SMALL | {
    "type": "quartznet",
    "filters": 16,
    "kernels": [3, 5],
    "repeat": 1,
    "last_filters": 20,
    "dropout": 0.2,
    "embedding_layers": [12, 8],
}


def settings(toy, model=None, **options):
    return {"model": MODEL | (model or {}), "train": TRAIN | options, "feats": toy.front_end.to_dict()}


def train_options(**changes):
    return read_options(TrainOptions, TRAIN | changes, "train")


def run(toy, out, sets=("train",), model=None, data=None, seed=1, stop_after=math.inf, **options):
    """Train in this process; out/model gets the results, out/checkpoints the runs' folders. Returns out/model."""
    data_dirs = toy.data | (data or {})
    read = Sets(list(sets), data_dirs, toy.feats, f"{data_dirs['dev']}/trials_pairs")
    trained = read_options(Training, settings(toy, model, **options), "settings")
    train(out / "model", out / "checkpoints", trained, read, seed, stop_after)
    return out / "model"


def only_folder(out):
    (folder,) = (out / "checkpoints").iterdir()
    return folder


def log_without_speed(out):
    lines = (only_folder(out) / "train_log.tsv").read_text().splitlines()
    assert lines[0].split("\t") == list(LOG_COLUMNS + SPEED_COLUMNS)
    return [line.split("\t")[:-2] for line in lines]


def crash(monkeypatch, toy, out, step, **options):
    """Train until batch `step` is asked for, where the process meets its end."""

    def until(self, index, get=CropBatches.__getitem__):
        if index == step:
            raise OSError("the power went")
        return get(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(CropBatches, "__getitem__", until)
        with pytest.raises(OSError, match="the power went"):
            run(toy, out, **options)
    assert not (out / "model").exists()


def arguments(toy, out, tmp_path):
    return [
        *("train", out / "model", "--checkpoints", out / "checkpoints", "--settings", tmp_path / "settings.json"),
        *("--train", "train", "--data", *(f"{k}={v}" for k, v in toy.data.items())),
        *("--feats", *(f"{k}={v}" for k, v in toy.feats.items())),
        *("--dev-trials", f"{toy.data['dev']}/trials_pairs"),
    ]


def spkr_train(toy, out, tmp_path, **options):
    """The command line that trains, as a process of its own, the first of a group."""
    (tmp_path / "settings.json").write_text(json.dumps(settings(toy, **options)))
    command = [sys.executable, "-c", "from spkr.cli import main; main()", *arguments(toy, out, tmp_path)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, env=env, process_group=0)


def batches(toy, seed=1, rank=0, size=1, **options):
    reader = FeatureReader([toy.feats["train"]], toy.front_end)
    labels = {utt: int(spk[1:]) for utt, spk in read_map(f"{toy.data['train']}/utt2spk").items()}
    num_frames = {utt: len(reader[utt]) for utt in labels}
    options = read_options(Batches, BATCHES | {"time_masks": 0, "freq_masks": 0} | options, "train.batches")
    return CropBatches(reader, labels, num_frames, options, seed, rank, size)


def same(a, b):
    return all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in zip(a, b, strict=True))
