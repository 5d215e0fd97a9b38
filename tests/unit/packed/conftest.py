"""A run of made-up voices with a small network that nobody trained, made by the commands of the stages."""

import os
import shlex
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from spkr.cli import parser
from spkr.config.loading import read_config
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.trials import all_pairs, write_trials
from spkr.nnet.model import make_network, save_model
from spkr.packed.packing import pack

ROOT = Path(__file__).parents[3]
RATE, SECONDS = 16000, 1.6
KINDS = ("plda", "cosine", "cosine_asnorm")
SPEAKERS = {"train": 10, "dev": 6, "test": 6}
SETTINGS = {
    "recipe": "mini",
    "trials": {"enrol3": None},
    "model": {"filters": 8, "last_filters": 16, "embedding_layers": [12], "ensemble": 2},
    "backend": {"kinds": list(KINDS), "primary": "plda", "augment": None, "lda_dim": 5, "min_voiced_frames": 1,
                "score": {"top_n": 4}},
    "train": {"augment": None},
    "calibration": {"quality": ["duration"]},
    "embed": {"batch_frames": 2000},
}  # fmt: skip
XVECTORS = "exp/mini/main/xvectors/{0}/xvector.scp"


def voice(speaker: int, utterance: int, rate: int = RATE, seconds: float = SECONDS) -> np.ndarray:
    """Syllables at a speaker's pitch and resonance, float (samples,) from -1 to 1, with noise."""
    rng = np.random.default_rng([speaker, utterance])
    t = np.arange(int(seconds * rate)) / rate
    pitch, resonance = 90 + 13 * speaker + rng.normal(0, 3), 500 + 90 * speaker + rng.normal(0, 30)
    harmonics = np.arange(pitch, 3500, pitch)
    gains = 1 / (1 + ((harmonics - resonance) / 150) ** 2)
    wave = sum(gain * np.sin(2 * np.pi * f * t) for gain, f in zip(gains, harmonics, strict=True))
    wave *= np.clip(np.sin(2 * np.pi * t / 0.35) + 0.6, 0, 1)
    return (0.2 * wave / np.abs(wave).max() + rng.normal(0, 1e-3, len(t))).astype(np.float32)


def stage(command: str) -> None:
    """Run a verb in this process."""
    args = parser().parse_args(shlex.split(command))
    args.run(args)


def write_set(name: str, first: int) -> None:
    """Recordings, a data directory and a list of all pairs."""
    folder = Path("exp/mini/data", name)
    utt2spk, wav = {}, {}
    for speaker in range(first, first + SPEAKERS[name]):
        for k in range(3):
            utt = f"s{speaker:02d}-{k}"
            utt2spk[utt], wav[utt] = f"s{speaker:02d}", f"audio/{utt}.wav"
            soundfile.write(wav[utt], voice(speaker, k, seconds=SECONDS + 0.3 * k), RATE, subtype="PCM_16")
    durations = {utt: f"{soundfile.info(path).duration:.3f}" for utt, path in wav.items()}
    write_data_dir(folder, {"utt2spk": utt2spk, "wav.scp": wav, "utt2dur": durations})
    write_trials(folder / "trials_pairs", all_pairs(utt2spk))


def score_list(name: str, kind: str) -> None:
    """Scores of a list, and its calibration, or its ratios."""
    listed = "dev_trials_pairs" if name == "dev" else "trials_pairs"
    trials, out = f"exp/mini/data/{name}/trials_pairs", f"exp/mini/main/scores/{listed}.{kind}"
    cohort = f"--cohort {XVECTORS} --cohort-models exp/mini/data/train/spk2utt --top-n 4".format("train")
    stage(f"score {trials} {out} --backend {kind} --backend-dir exp/mini/main/backend --xvectors "
          f"{XVECTORS.format(name)} {cohort if 'norm' in kind else ''}")  # fmt: skip
    calibration = f"exp/mini/main/calibration/dev_trials_pairs.{kind}.json"
    utt2spk = f"--utt2spk exp/mini/data/{name}/utt2spk"
    if name == "dev":
        stage(f"calibrate {trials} {out} {calibration} --quality duration {utt2spk}")
    else:
        stage(f"apply-calibration {calibration} {trials} {out} {out}.llr {utt2spk}")


LISTS = """
{prefix}trials_pairs:
  trials: exp/mini/data/{name}/trials_pairs
  utt2spk: exp/mini/data/{name}/utt2spk
  scores: {{{scores}}}
"""


def write_lists() -> None:
    """results/lists.json, which `spkr eval` reads."""
    text = ""
    for name, prefix in (("test", ""), ("dev", "dev_")):
        files = {kind: f"exp/mini/main/scores/{prefix}trials_pairs.{kind}" for kind in KINDS}
        text += LISTS.format(name=name, prefix=prefix, scores=", ".join(f"{k}: {v}" for k, v in files.items()))
        if name == "test":
            text += f"  dev: dev_trials_pairs\n  llrs: {{{', '.join(f'{k}: {v}.llr' for k, v in files.items())}}}\n"
        else:
            of = {kind: f"exp/mini/main/calibration/dev_trials_pairs.{kind}.json" for kind in KINDS}
            text += f"  calibrations: {{{', '.join(f'{k}: {v}' for k, v in of.items())}}}\n"
    Path("exp/mini/main/results").mkdir(parents=True)
    Path("exp/mini/main/results/lists.json").write_text(text)


def make_run(root: Path) -> None:
    """The run in root/exp/mini/main, up to its results."""
    Path("audio").mkdir()
    resolved = read_config(ROOT, SETTINGS)
    config, first = resolved.config, 0
    torch.manual_seed(3)
    speakers = [f"s{k:02d}" for k in range(SPEAKERS["train"])]
    network = make_network(config.network, config.feats.dim, len(speakers)).eval()
    model = "exp/mini/main/model/final.pt"
    save_model(model, network, config.network, config.feats, speakers, {"seed": 3, "sets": ["train"], "steps": 0})
    for name, count in SPEAKERS.items():
        write_set(name, first)
        first += count
        folders = f"exp/mini/data/{name} exp/mini/feats/fbank80/{name}"
        stage(f"feats {folders} --model {model}")
        stage(f"embed {model} {folders} exp/mini/main/xvectors/{name}")
    stage(f"backend exp/mini/main/backend --xvectors {XVECTORS.format('train')} --utt2spk exp/mini/data/train/utt2spk"
          " --options '{\"lda_dim\": 5, \"min_voiced_frames\": 1}'")  # fmt: skip
    for name in ("dev", "test"):
        for kind in KINDS:
            score_list(name, kind)
    write_lists()
    results = "exp/mini/main/results"
    stage(f"eval {results} {results}/lists.json --primary plda --name mini --run main --model quartznet --seed 3 "
          "--front-end fbank80")  # fmt: skip
    Path(results, "config.yaml").write_text(resolved.as_yaml(ROOT))


@pytest.fixture(scope="session")
def packed_run(tmp_path_factory) -> Path:
    """The folder in which the workflow of the run was started: it holds exp/mini/main and audio/."""
    root = tmp_path_factory.mktemp("packed_run")
    with chdir(root):
        make_run(root)
    return root


@pytest.fixture(scope="session")
def packed_model(packed_run) -> Path:
    """The run as a packed model, with its primary back-end, PLDA, calibrated with the duration."""
    path = packed_run / "mini.spkr"
    with chdir(packed_run):
        pack("exp/mini/main", path)
    return path


@pytest.fixture
def in_run(packed_run, monkeypatch) -> Path:
    """The same folder as `packed_run`, and the working directory."""
    monkeypatch.chdir(packed_run)
    os.environ.pop("SPKR_CORPORA", None)
    return packed_run
