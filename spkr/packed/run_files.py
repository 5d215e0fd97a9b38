"""The files of a finished run that go into a packed model."""

from dataclasses import dataclass
from pathlib import Path

from spkr.backend.calibration_file import Calibration, read_calibration
from spkr.backend.chain import Chain
from spkr.config.backend_options import FUSION
from spkr.config.options import read_options
from spkr.config.schema import Config
from spkr.config.sources import read_source
from spkr.errors import InputError
from spkr.files import located
from spkr.report.runs import Run, find_runs


@dataclass(frozen=True)
class RunFiles:
    """A run, the back-end of it that is packed, and where their files are."""

    run: Run
    config: Config
    backend: str
    trials: str  # the list whose calibration and thresholds are packed, by its name in the results

    @property
    def folder(self) -> Path:
        """exp/<name>/<run>."""
        return self.run.results.parent

    @property
    def experiment(self) -> Path:
        """exp/<name>."""
        return self.folder.parent

    @property
    def chain(self) -> Chain:
        """The back-end's steps."""
        return self.config.backend.used_chains()[self.backend]

    @property
    def network(self) -> Path:
        """The model file that made the embeddings."""
        if self.config.pretrained:
            return self.run.path(self.config.pretrained)
        return self.folder / ("finetuned" if self.config.finetune.preset is not None else "model") / "final.pt"

    @property
    def trained_backend(self) -> Path | None:
        """The folder of the chain's files; None for cosine of embeddings as they are."""
        backend = self.config.backend
        if not (backend.trained or backend.sets):
            return None
        if self.chain.is_adapted:
            base = self.folder / "adapted_backend"
        else:
            base = self.run.path(backend.trained) if backend.trained else self.folder / "backend"
        return base / backend.folder(self.backend)

    @property
    def cohort(self) -> list[tuple[Path, Path]]:
        """xvector.scp and spk2utt of each set of the cohort; none for a chain that does not normalise."""
        sets = self.config.backend.cohort_sets() if self.chain.norm else ()
        return [(self.folder / "xvectors" / s / "xvector.scp", self.experiment / "data" / s / "spk2utt") for s in sets]

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the list; None without a list of dev."""
        dev = self.run.lists[self.trials].dev
        path = dev and self.run.lists[dev].calibrations.get(self.backend)
        return read_calibration(located(path, self.run.file)) if path else None


def find_run_files(path: str | Path, backend: str | None = None, trials: str | None = None) -> RunFiles:
    """The files of a run.

    Args:
        path: a run (exp/an4/main), its results, or a folder with one run (exp/an4)
        backend: default: the run's primary one
        trials: the list of test whose calibration and thresholds are packed; default: the first one of the run
    Raises InputError if there is no such run, back-end or list, if the folder has several runs, and for `fusion`.
    """
    runs, _ = find_runs([path])
    if len(runs) > 1:
        named = {run.results.parent.name: run for run in runs}
        if "main" not in named:
            raise InputError(f"{path}: has the runs {', '.join(named)}; expected one, such as {runs[0].name}")
        runs = [named["main"]]
    run = runs[0]
    source = read_source(run.results / "config.yaml")
    config = read_options(Config, source.settings, source.name)
    if (backend := run.backends([backend] if backend else [])[0]) == FUSION:
        raise InputError(f"{run.file}: fusion needs several back-ends; a packed model has one: expected --backend NAME")
    of_test = [name for name in run.list_names() if not name.startswith("dev_")]
    if trials and trials not in of_test:
        raise InputError(f"{run.file}: no list {trials!r} of test; expected one of {', '.join(of_test)}")
    return RunFiles(run, config, backend, trials or of_test[0])
