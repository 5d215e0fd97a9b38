"""What more networks give: EERs of a finished run with every choice of the networks of its ensemble (`model.ensemble`).

    python benchmarks/ensemble_sizes.py recipes/himia/standin.yaml
    python benchmarks/ensemble_sizes.py recipes/an4/few_speakers_four.yaml --run four-s1 --list dev_trials_pairs

For each choice the primary back-end is trained on the embeddings of these networks alone. The list is one of `dev`.
"""

import argparse
import itertools
import tempfile
from pathlib import Path
from statistics import fmean

import numpy as np

from spkr.backend.cohort import Cohort
from spkr.backend.pipeline import Backend
from spkr.backend.score import score_trials
from spkr.backend.train import train_backend
from spkr.config.backend_options import BackendOptions
from spkr.config.loading import read_config
from spkr.config.schema import Config
from spkr.kaldi.table import TableReader, TableWriter
from spkr.kaldi.trials import read_trials
from spkr.metrics.eer import eer_kaldi

ROOT = Path(__file__).parents[1]


class Run:
    """A run's tables of embeddings, and its primary back-end on some of the dimensions."""

    def __init__(self, config: Config, run: str, trials: str):
        self.exp, self.run, self.backend = Path(f"exp/{config.experiment}"), run, config.backend
        self.chain = config.backend.used_chains()[config.backend.primary]
        self.set, name = config.lists()[trials]
        self.trials = self.exp / f"data/{self.set}/trials_{name}"
        self.sets = config.augmented(config.backend.sets, config.backend.augment)
        self.members = config.model.ensemble

    def eer(self, members: tuple[int, ...], folder: Path) -> float:
        """The EER in percent of these networks; what is made for it goes to a folder."""
        options = BackendOptions(**self.backend.only(BackendOptions))
        scps = {name: self._part(name, members, folder) for name in {*self.sets, self.set, *self.cohort_sets}}
        utt2spks = [self.exp / f"data/{name}/utt2spk" for name in self.sets]
        xvectors, trained = [scps[name] for name in self.sets], self.chain.before_adaptation()
        train_backend(xvectors, utt2spks, folder, options, chain=trained)
        cohort = self.chain.norm and Cohort(
            self.chain.norm,
            [scps[name] for name in self.cohort_sets],
            [self.exp / f"data/{name}/spk2utt" for name in self.cohort_sets],
            None if self.chain.norm.number else self.backend.score.top_n,
            self.exp / f"data/{self.set}/utt2spk",
        )
        backend = Backend.read(self.chain, folder, smoothing=self.backend.score.smoothing)
        score_trials(backend, self.trials, [scps[self.set]], folder / "scores", cohort=cohort)
        scores = np.array([float(line.split()[2]) for line in (folder / "scores").read_text().splitlines()])
        target = read_trials(self.trials).target
        return 100 * eer_kaldi(scores[target], scores[~target])[0]

    @property
    def cohort_sets(self) -> tuple[str, ...]:
        """The sets of the cohort, where the back-end has one."""
        return self.backend.cohort_sets() if self.chain.norm else ()

    def _part(self, name: str, members: tuple[int, ...], folder: Path) -> Path:
        table = TableReader(self.exp / self.run / f"xvectors/{name}/xvector.scp")
        with TableWriter(folder / f"{name}.ark") as part:
            for utt in table:
                parts = np.split(table[utt], self.members)
                part[utt] = np.concatenate([parts[k] for k in members])
        return folder / f"{name}.scp"


def main() -> None:
    """Print a line for each number of networks."""
    args = _arguments()
    config = read_config(ROOT, {}, args.configs).config
    run = Run(config, args.run or config.run, args.list)
    for size in range(1, run.members + 1):
        found = []
        for members in itertools.combinations(range(run.members), size):
            with tempfile.TemporaryDirectory() as folder:
                found.append(run.eer(members, Path(folder)))
        print(f"{size} of {run.members}: mean {fmean(found):.2f} %, of {', '.join(f'{eer:.2f}' for eer in found)}")


def _arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("configs", nargs="+", help="config files of the run, as Snakemake's --configfile takes them")
    p.add_argument("--run", help="a run of its grid (default: the config's)")
    p.add_argument("--list", default="dev_trials_pairs")
    return p.parse_args()


if __name__ == "__main__":
    main()
