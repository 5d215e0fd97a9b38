"""One training run, from its files to its model: the checks before it, and the files written after it."""

import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from spkr.audio.augment_sounds import read_sounds
from spkr.code import code_version
from spkr.config.schema import Training
from spkr.config.train_options import Running, TrainOptions
from spkr.config.wavlm_checks import wavlm_faults
from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.feats.waveform_reader import open_features
from spkr.files import check_same_keys, replacing, sha256
from spkr.kaldi.select import filter_utterances, read_maps
from spkr.kaldi.specifiers import table_in
from spkr.manifest import PACKAGE
from spkr.nnet.model import FORMAT, Network, load_model, make_network, save_model
from spkr.nnet.wavlm_file import wavlm_of
from spkr.train.arks import Arks
from spkr.train.batches import CropBatches
from spkr.train.checkpoint import RunFolder
from spkr.train.distillation import Teacher
from spkr.train.distributed import Processes
from spkr.train.evaluation import Evaluation
from spkr.train.loop import Run
from spkr.train.start import check_front_end, check_network, heard_before, init_from
from spkr.train.training_log import DIGITS, LOG_COLUMNS
from spkr.train.tuning import start_head
from spkr.train.waveforms import WaveBatches
from spkr.tsv import write_tsv

CODE = [PACKAGE / name for name in ("nnet", "train", "feats", "audio")]  # what computes a training's results

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sets:
    """The sets that a network is trained on and measured on: their names, and the folders of each."""

    train: Sequence[str]
    data: Mapping[str, str]  # data directories, also of valid and dev
    feats: Mapping[str, str]  # features, also of valid and dev
    dev_trials: str | Path  # trial list of dev
    sounds: str | Path | None = None  # what `spkr sounds` wrote, for training on waveforms

    def check(self, settings: Training) -> None:
        """Raise InputError unless each set has both folders, recordings are given if the settings name some, and the
        settings go with a WavLM if they name one.
        """
        for keys, message in wavlm_faults(settings.feats, settings.model, settings.train):
            raise InputError(f"{'.'.join(keys)}: {message}")
        if any(settings.train.on_the_fly.folders().values()) and not self.sounds:
            raise InputError(
                "train.on_the_fly: names folders of recordings; expected --sounds, what `spkr sounds` wrote"
            )
        for given in (self.data, self.feats):
            if missing := sorted({*self.train, "valid", "dev"} - given.keys()):
                raise InputError(f"set {missing[0]!r}: no directory is given; expected one of data and one of features")

    def of_train(self, folders: Mapping[str, str], file: str = "") -> list[str | Path]:
        """A folder of each training set, or a file in each."""
        return [Path(folders[s]) / file if file else folders[s] for s in self.train]

    def digests(self) -> dict[str, object]:
        """Digests of the files that say which utterances each set has, and of the trial list."""
        found: dict[str, object] = {}
        for name in (*self.train, "valid", "dev"):
            data, feats = self.data[name], self.feats[name]
            files = f"{data}/utt2spk", table_in(feats, "feats"), f"{feats}/utt2num_voiced"
            found[name] = [sha256(file) for file in files]
        return found | {"dev_trials": sha256(self.dev_trials)}


def train(
    out_dir: str | Path,
    checkpoints: str | Path,
    settings: Training,
    sets: Sets,
    seed: int,
    stop_after: float = math.inf,
) -> None:
    """Train a speaker network and write final.pt, valid.json and train_log.tsv to `out_dir`.

    Args:
        checkpoints: folder of the runs' own folders; a killed run is resumed from there.
        seed: seed of the weights, the batches and the dropout.
        stop_after: minutes after which it saves a checkpoint and stops; start it again to resume.

    Raises InputError for wrong settings or data, and if the loss is not finite. Raises SystemExit, after a checkpoint:
    with 128 plus the signal's number on SIGTERM or SIGINT, and with STOPPED when the time is up.
    """
    sets.check(settings)
    options, front_end = settings.train, settings.feats
    reader, utt2spk, num_frames = _read(settings, sets)
    speakers = sorted(set(utt2spk.values()))
    evaluation = Evaluation.read(
        sets.data, sets.feats, sets.dev_trials, front_end, utt2spk, speakers, sets.train, reader
    )
    if options.tuning.select == "dev" and not evaluation.trials:
        raise InputError("train.tuning.select: dev, which is trained on, too; take last, or train.sets without dev")
    processes = Processes.join(options.batches.batch_size, options.accumulate)
    index = {spk: i for i, spk in enumerate(speakers)}
    labels = {utt: index[spk] for utt, spk in utt2spk.items()}
    batches = _batches(options, sets, reader, labels, num_frames, options.batches, seed, processes.rank, processes.size)
    net = _network(settings, speakers, seed)
    identity = _identity(settings, sets, batches, seed, net)
    folder = RunFolder(checkpoints, identity, Arks([reader.feats, reader.vad])) if processes.first else None
    about = {"code": code_version(*CODE), "settings": settings.to_dict(), "speakers": speakers}
    teacher = Teacher(options.teacher, front_end, processes.device) if options.teacher else None
    run = Run(processes, folder, net, options, batches, evaluation, about, teacher)
    if options.tuning.head == "means" and run.step == 0:
        start_head(run.net, reader, labels, num_frames, processes.device)
    run.run(stop_after)
    if folder:
        training = _about_training(run, settings, sets, seed)
        save_model(Path(out_dir) / "final.pt", net, settings.model, front_end, speakers, training)
        _write_logs(Path(out_dir), run)
        folder.finish()
    processes.leave()


def _about_training(run: Run, settings: Training, sets: Sets, seed: int) -> dict:
    """What a model file says of a training that has ended."""
    about = {"seed": seed, "sets": list(sets.train), "steps": run.step, "lr_factor": run.lr_factor}
    heard = _heard(run.net, settings)
    return about | {"settings": _numbers(settings)["train"]} | ({"trained_on": heard} if heard else {})


def _heard(net: Network, settings: Training) -> str:
    """What a network has heard before this training, in words; also logs which layers of a WavLM it listens to."""
    models = settings.train.init_from, settings.train.teacher
    heard = heard_before([model for model in models if model]) or ""
    if not (front := getattr(net, "front", None)):
        return heard
    for number, shares in enumerate(front.shares().tolist(), 1):
        logger.info("weights of the WavLM's layers, sum %d: %s", number, " ".join(f"{share:.3f}" for share in shares))
    name, digest = Path(settings.feats.file).name, front.wavlm.sha256.hex()[:8]
    wavlm = f"The WavLM is {name} (sha256 {digest}); docs/howto/wavlm.md says what the published ones have heard."
    return heard if wavlm in heard else f"{heard} {wavlm}".strip()


def _batches(options: TrainOptions, sets: Sets, *shared) -> CropBatches:
    """Crops of features, or waveforms; `shared` are the arguments that both kinds of batches take."""
    if not options.waveforms:
        return CropBatches(*shared)
    folders = sets.of_train(sets.data), sets.of_train(sets.feats)
    return WaveBatches(*folders, options.on_the_fly, read_sounds(sets.sounds) if sets.sounds else {}, *shared)


def _identity(settings: Training, sets: Sets, batches: CropBatches, seed: int, net: Network) -> dict:
    """All that decides the run's results; only a run of the same identity is resumed."""
    data = sets.digests()
    if settings.train.waveforms:
        data["waveforms"] = batches.sources()
    for name in ("init_from", "teacher"):
        if model := getattr(settings.train, name):
            data[name] = sha256(model)
    if front := getattr(net, "front", None):
        data["wavlm"] = front.wavlm.sha256.hex()
    return {"format": FORMAT, "seed": seed, "settings": _numbers(settings), "data": data}


def _read(settings: Training, sets: Sets) -> tuple[FeatureReader, dict[str, str], dict[str, int]]:
    """The features of the training sets, and the speaker and number of frames of each utterance to train on."""
    reader = open_features(sets.of_train(sets.feats), sets.of_train(sets.data), settings.feats)
    utt2spk = read_maps(sets.of_train(sets.data, "utt2spk"))
    check_same_keys("feats.scp", reader.feats, "utt2spk", utt2spk)
    num_voiced = read_maps(sets.of_train(sets.feats, "utt2num_voiced"))
    utt2spk = filter_utterances(utt2spk, num_voiced, **settings.train.filter.to_dict())
    counts = num_voiced
    if not settings.feats.select_voiced:
        counts = read_maps(sets.of_train(sets.feats, "utt2num_frames"))
    return reader, utt2spk, {utt: int(counts[utt]) for utt in utt2spk}


def _network(settings: Training, speakers: list[str], seed: int) -> Network:
    """A network with random weights, or those of `init_from`. Raises InputError if that has another front end."""
    options, front_end = settings.train, settings.feats
    wavlm = wavlm_of(front_end)
    torch.manual_seed(seed)
    net = make_network(settings.model, front_end.dim, len(speakers), wavlm)
    if options.init_from:
        check_front_end("train.init_from", options.init_from, load_model(options.init_from)[1], front_end)
        check_network(options.init_from, settings.model)
        init_from(net, options.init_from, speakers)
    if options.wavlm_lr:
        net.front.train_wavlm(options.wavlm_lr)
    if options.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it torch refuses CUDA's matrix products
    torch.use_deterministic_algorithms(options.deterministic)
    return net


def _numbers(settings: Training) -> dict:
    """The settings that change the results of a training in which nothing goes wrong."""
    train = {k: v for k, v in settings.train.to_dict().items() if k not in Running.model_fields}
    network = {k: v for k, v in settings.model.to_dict().items() if k != "preset"}
    return {"model": network, "train": train, "feats": settings.feats.numbers()}


def _write_logs(out_dir: Path, run: Run) -> None:
    valid = {"valid_accuracy": run.history[-1]["valid_accuracy"], "n": len(run.evaluation.valid_speakers)}
    valid["threads"] = torch.get_num_threads()  # with another number, sums round differently
    with replacing(out_dir / "valid.json") as f:
        json.dump(valid, f)
    write_tsv(out_dir / "train_log.tsv", run.history, dict.fromkeys(LOG_COLUMNS, DIGITS))
