"""One training run from its files to its model: what is read and checked at the door, what is written at the end."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from spkr.feats.reader import FeatureReader
from spkr.files import check_same_keys, replacing, sha256
from spkr.kaldi.select import filter_utterances, read_maps
from spkr.kaldi.specifiers import table_in
from spkr.manifest import PACKAGE, code_version
from spkr.nnet.model import FORMAT, init_from, load_model, make_network, save_model
from spkr.train.arks import Arks
from spkr.train.batches import BatchOptions, CropBatches
from spkr.train.checkpoint import RunFolder
from spkr.train.distributed import Processes
from spkr.train.evaluate import Evaluation
from spkr.train.loop import Run
from spkr.train.watch import LOG_COLUMNS, write_history
from spkr.train.waveforms import WaveBatches, on_the_fly

NUMBERLESS = ("workers", "checkpoint_steps", "nan_retry")  # options that change no number of a run that goes well
OPTIONS = (
    *("filter", "batches", "epochs", "optimizer", "lr", "min_lr", "warmup", "betas", "weight_decay"),
    *(
        "waveforms",
        "on_the_fly",
        "label_smoothing",
        "init_from",
        "average",
        "accumulate",
        "mixed_precision",
        "compile",
        "deterministic",
    ),
    *NUMBERLESS,
)
FILTER_OPTIONS = ("min_voiced_frames", "min_utts_per_speaker")
BATCH_OPTIONS = tuple(field.name for field in fields(BatchOptions))
CODE = tuple(
    PACKAGE / name for name in ("nnet", "train", "feats", "audio")
)  # whose code makes the numbers of a training

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
    stop_after: float | None = None,
) -> None:
    """Train a speaker network and write final.pt, valid.json and train_log.tsv to `out_dir`.

    Args:
        out_dir: where the results go.
        checkpoints: folder of the runs' own folders; what a killed run left there is taken up.
        settings: the config's sections `model`, `train` and `feats`.
        train_sets: names of the sets to learn from, of `data_dirs` and `feats_dirs`, which also have valid and dev.
        data_dirs: data directory of each set.
        feats_dirs: feature directory of each set.
        dev_trials: trial list of `dev`.
        seed: of the weights, the batches and the dropout.
        stop_after: minutes after which it stops, with a checkpoint, to be started again.

    Raises InputError for wrong settings or data, and where the loss is no number any more; SystemExit, after a
    checkpoint, with 128 and the signal's number where SIGTERM or SIGINT came, and with STOPPED where time was up.
    """
    _check(settings, train_sets, data_dirs, feats_dirs)
    options, front_end = settings["train"], FrontEnd.from_dict(settings["feats"])
    reader = FeatureReader([feats_dirs[s] for s in train_sets], front_end)
    utt2spk = read_maps([Path(data_dirs[s]) / "utt2spk" for s in train_sets])
    check_same_keys("feats.scp", reader.feats, "utt2spk", utt2spk)
    num_voiced = read_maps([Path(feats_dirs[s]) / "utt2num_voiced" for s in train_sets])
    utt2spk = filter_utterances(utt2spk, num_voiced, **options["filter"])
    counts = num_voiced
    if not front_end.select_voiced:
        counts = read_maps([Path(feats_dirs[s]) / "utt2num_frames" for s in train_sets])
    num_frames = {utt: int(counts[utt]) for utt in utt2spk}
    speakers = sorted(set(utt2spk.values()))
    evaluation = Evaluation.read(data_dirs, feats_dirs, dev_trials, front_end, utt2spk, speakers, train_sets)
    index = {spk: i for i, spk in enumerate(speakers)}
    labels = {utt: index[spk] for utt, spk in utt2spk.items()}
    batch_options = BatchOptions(**options["batches"])
    processes = Processes.join(batch_options.batch_size, options["accumulate"])
    shared = reader, labels, num_frames, batch_options, seed, processes.rank, processes.size
    if options["waveforms"]:
        learnt = ([folders[s] for s in train_sets] for folders in (data_dirs, feats_dirs))
        batches = WaveBatches(*learnt, options["on_the_fly"], *shared)
    else:
        batches = CropBatches(*shared)

    torch.manual_seed(seed)
    net = make_network(settings["model"], front_end.dim, len(speakers))
    if options["init_from"]:
        if (other := load_model(options["init_from"])[1].for_data_of(front_end)) != front_end:
            raise InputError(f"train.init_from: {options['init_from']} has another front end; take it: {other}")
        init_from(net, options["init_from"], speakers)
    if options["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA's matrix products are refused
    torch.use_deterministic_algorithms(options["deterministic"])
    numbers = {k: v for k, v in options.items() if k not in NUMBERLESS}
    data = {s: _digests(data_dirs[s], feats_dirs[s]) for s in (*train_sets, "valid", "dev")}
    data["dev_trials"] = sha256(dev_trials)
    if options["waveforms"]:
        data["waveforms"] = batches.sources()
    if options["init_from"]:
        data["init_from"] = sha256(options["init_from"])
    identity = {"format": FORMAT, "seed": seed, "settings": settings | {"train": numbers}, "data": data}
    folder = RunFolder(checkpoints, identity, Arks([reader.feats, reader.vad])) if processes.first else None
    about = {"code": code_version(*CODE), "settings": settings, "speakers": speakers}
    run = Run(processes, folder, net, options, batches, evaluation, about)
    run.run(stop_after)

    if folder:
        training = {"seed": seed, "settings": numbers, "sets": train_sets, "steps": run.step}
        training["lr_factor"] = run.lr_factor
        save_model(Path(out_dir) / "final.pt", net, settings["model"], front_end, speakers, training)
        with replacing(Path(out_dir) / "valid.json") as f:
            json.dump({"valid_accuracy": run.history[-1]["valid_accuracy"], "n": len(evaluation.valid_speakers)}, f)
        write_history(Path(out_dir) / "train_log.tsv", run.history, LOG_COLUMNS)
        folder.finish()
    processes.leave()


def _check(settings: dict[str, Any], train_sets: list[str], *dirs: Mapping[str, str]) -> None:
    """Raise InputError unless every option is there, and no other one, and two directories for every set."""
    check_same_keys("settings", settings, "a training's sections", ("model", "train", "feats"))
    options = settings["train"]
    check_same_keys("settings: train", options, "the options", OPTIONS)
    check_same_keys("settings: train.filter", options["filter"], "the options", FILTER_OPTIONS)
    check_same_keys("settings: train.batches", options["batches"], "the options", BATCH_OPTIONS)
    if not 1 <= options["average"] <= options["epochs"]:
        raise InputError(f"train.average: {options['average']} of {options['epochs']} epochs; expected some of them")
    if on_the_fly(options["on_the_fly"]).copies and not options["waveforms"]:
        raise InputError("train.on_the_fly: copies, of features from arks; set train.waveforms to true with them")
    for given in dirs:
        if missing := sorted({*train_sets, "valid", "dev"} - given.keys()):
            raise InputError(f"set {missing[0]!r}: no directory is given; expected one of data and one of features")


def _digests(data_dir: str, feats_dir: str) -> list[str]:
    """Of the files that say which utterances a set has."""
    return [sha256(f) for f in (f"{data_dir}/utt2spk", table_in(feats_dir, "feats"), f"{feats_dir}/utt2num_voiced")]
