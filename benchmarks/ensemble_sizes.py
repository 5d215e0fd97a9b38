"""What more networks give: EERs with every choice of the networks of finished runs with `model.ensemble`.

    python benchmarks/ensemble_sizes.py recipes/himia/standin.yaml
    python benchmarks/ensemble_sizes.py recipes/an4/dev24.yaml recipes/an4/four_networks.yaml --run four-s1
    python benchmarks/ensemble_sizes.py CONFIGS --run four-s1 four-s2

The networks of several runs of a grid, which differ in the seed alone, count as those of one ensemble. For each choice
the primary back-end is trained on the embeddings of these networks alone. The list is one of `dev`.
"""

import argparse
import itertools
import sys
import tempfile
from pathlib import Path
from statistics import fmean

import numpy as np

from spkr.backend.cohort import Cohort
from spkr.backend.pipeline import Backend
from spkr.backend.score import score_trials
from spkr.backend.train import train_backend
from spkr.config.backend_options import BackendOptions
from spkr.config.loading import Resolved, read_config
from spkr.kaldi.table import TableReader, TableWriter
from spkr.kaldi.trials import read_trials
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.scores import read_scores

ROOT = Path(__file__).parents[1]
SHOWN = 10  # choices whose EERs are printed one by one


class Networks:
    """The tables of embeddings of runs that differ in the seed, and their primary back-end on some of the networks."""

    def __init__(self, runs: list[Resolved], trials: str):
        resolved, config = runs[0], runs[0].config
        self.backend, self.members = config.backend, len(runs) * config.model.ensemble
        self.chain = config.backend.used_chains()[config.backend.primary]
        of, name = config.lists()[trials]
        if of != "dev" or config.model.ensemble == 1 or self.chain.is_adapted or config.backend.trained:
            sys.exit("expected a list of dev, an ensemble, and a back-end that is trained and not adapted")
        exp = Path(f"exp/{config.experiment}")
        self.data, self.xvectors = exp / "data", [exp / run.config.run / "xvectors" for run in runs]
        self.feats = exp / "feats" / resolved.front_end_name
        self.trials = self.data / f"dev/trials_{name}"
        self.models = self.data / f"dev/models_{name}" if config.trials[name].models else None
        self.sets = config.augmented(config.backend.sets, config.backend.augment)
        self.cohort_sets = config.backend.cohort_sets() if self.chain.norm else ()

    def eer(self, members: tuple[int, ...], folder: Path) -> float:
        """The EER in percent of these networks; what is made for it goes to a folder."""
        scps = {name: self._part(name, members, folder) for name in {*self.sets, "dev", *self.cohort_sets}}
        train_backend(
            [scps[name] for name in self.sets],
            [self.data / f"{name}/utt2spk" for name in self.sets],
            folder,
            BackendOptions(**self.backend.only(BackendOptions)),
            [self.feats / f"{name}/utt2num_voiced" for name in self.sets],
            self.chain.before_adaptation(),
        )
        backend = Backend.read(self.chain, folder, smoothing=self.backend.score.smoothing)
        given = {"models_path": self.models, "ignore_num_utts": self.backend.score.ignore_num_utts}
        cohort = self._cohort(scps) if self.chain.norm else None
        score_trials(backend, self.trials, [scps["dev"]], folder / "scores", cohort=cohort, **given)
        trials = read_trials(self.trials)
        scores = read_scores(folder / "scores", trials)
        return 100 * eer_kaldi(scores[trials.target], scores[~trials.target])[0]

    def _cohort(self, scps: dict[str, Path]) -> Cohort:
        norm, speakers = self.chain.norm, [self.data / f"{name}/spk2utt" for name in self.cohort_sets]
        top_n = self.backend.score.top_n if norm.name == "as-norm" and not norm.number else None
        return Cohort(norm, [scps[name] for name in self.cohort_sets], speakers, top_n, self.data / "dev/utt2spk")

    def _part(self, name: str, members: tuple[int, ...], folder: Path) -> Path:
        tables = [TableReader(xvectors / f"{name}/xvector.scp") for xvectors in self.xvectors]
        with TableWriter(folder / f"{name}.ark") as part:
            for utt in tables[0]:
                parts = np.split(np.concatenate([table[utt] for table in tables]), self.members)
                part[utt] = np.concatenate([parts[k] for k in members])
        return folder / f"{name}.scp"


def main() -> None:
    """Print a line for each number of networks."""
    args = _arguments()
    resolved = read_config(ROOT, {}, args.configs)
    networks = Networks([resolved.runs[run] for run in args.run] or [resolved], args.list)
    for size in range(1, networks.members + 1):
        found = []
        for members in itertools.combinations(range(networks.members), size):
            with tempfile.TemporaryDirectory() as folder:
                found.append(networks.eer(members, Path(folder)))
        eers = ", ".join(f"{eer:.2f}" for eer in found) if len(found) <= SHOWN else f"{len(found)} choices"
        print(f"{size} of {networks.members}: mean {fmean(found):.2f} %, of {eers}", flush=True)


def _arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("configs", nargs="+", help="config files of the run, as Snakemake's --configfile takes them")
    p.add_argument("--run", nargs="+", default=[], help="runs of its grid, such as four-s1")
    p.add_argument("--list", default="dev_trials_pairs")
    return p.parse_args()


if __name__ == "__main__":
    main()
