"""The primary back-end of finished runs, trained on other embeddings than theirs, and its EER on a list of dev."""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spkr.backend.cohort import Cohort
from spkr.backend.pipeline import Backend
from spkr.backend.score import score_trials
from spkr.backend.train import train_backend
from spkr.config.backend_options import BackendOptions
from spkr.config.loading import Resolved, read_config
from spkr.kaldi.table import TableWriter
from spkr.kaldi.trials import read_trials
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.scores import read_scores

ROOT = Path(__file__).parents[1]


def arguments(description: str) -> argparse.ArgumentParser:
    """The arguments that name runs and a list."""
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("configs", nargs="+", help="config files of the run, as Snakemake's --configfile takes them")
    p.add_argument("--run", nargs="+", default=[], help="runs of its grid, such as four-s1")
    p.add_argument("--list", default="dev_trials_pairs")
    return p


def resolve(args: argparse.Namespace) -> list[Resolved]:
    """The runs that the arguments name."""
    resolved = read_config(ROOT, {}, args.configs)
    return [resolved.runs[run] for run in args.run] or [resolved]


class DevBackend:
    """The primary back-end of a run, which is trained on the embeddings that it is given.

    Args:
        trials: the name of a list of dev
    """

    def __init__(self, resolved: Resolved, trials: str):
        config = resolved.config
        self.options, exp = config.backend, Path(f"exp/{config.experiment}")
        self.chain = self.options.used_chains()[self.options.primary]
        of, name = config.lists()[trials]
        if of != "dev" or self.chain.is_adapted or self.options.trained:
            sys.exit("expected a list of dev, and a back-end that is trained and not adapted")
        self.data, self.feats = exp / "data", exp / "feats" / resolved.front_end_name
        self.trials = self.data / f"dev/trials_{name}"
        self.models = self.data / f"dev/models_{name}" if config.trials[name].models else None
        self.trained_on = config.augmented(self.options.sets, self.options.augment)
        self.cohort_sets = self.options.cohort_sets() if self.chain.norm else ()
        self.sets = sorted({*self.trained_on, "dev", *self.cohort_sets})

    def eer(self, embeddings: Mapping[str, Mapping[str, np.ndarray]]) -> float:
        """The EER in percent of the embeddings of each of `sets`, utterance -> (D,)."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for of, vectors in embeddings.items():
                with TableWriter(folder / f"{of}.ark") as table:
                    for utt in sorted(vectors):
                        table[utt] = vectors[utt].astype(np.float32)
            return self._eer(folder)

    def _eer(self, folder: Path) -> float:
        train_backend(
            [folder / f"{name}.scp" for name in self.trained_on],
            [self.data / f"{name}/utt2spk" for name in self.trained_on],
            folder,
            BackendOptions(**self.options.only(BackendOptions)),
            [self.feats / f"{name}/utt2num_voiced" for name in self.trained_on],
            self.chain.before_adaptation(),
        )
        backend = Backend.read(self.chain, folder, smoothing=self.options.score.smoothing)
        given = {"models_path": self.models, "ignore_num_utts": self.options.score.ignore_num_utts}
        cohort = self._cohort(folder) if self.chain.norm else None
        score_trials(backend, self.trials, [folder / "dev.scp"], folder / "scores", cohort=cohort, **given)
        trials = read_trials(self.trials)
        scores = read_scores(folder / "scores", trials)
        return 100 * eer_kaldi(scores[trials.target], scores[~trials.target])[0]

    def _cohort(self, folder: Path) -> Cohort:
        norm, speakers = self.chain.norm, [self.data / f"{name}/spk2utt" for name in self.cohort_sets]
        top_n = self.options.score.top_n if norm.name == "as-norm" and not norm.number else None
        return Cohort(
            norm, [folder / f"{name}.scp" for name in self.cohort_sets], speakers, top_n, self.data / "dev/utt2spk"
        )
