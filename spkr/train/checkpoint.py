"""The folder of a training run: its lock, its checkpoints, and files that identify it and mark it as finished.

checkpoints/<fingerprint>/
  settings.json     what the fingerprint is made of, to read and compare
  arks.json         digests of the arks that it is trained on
  step-<n>.pt       model, optimiser, step, settings, speakers, and what the log of the epoch needs; the last few stay
  best.pt           the checkpoint of the epoch with the lowest EER on dev
  train_log.tsv     one line per epoch
  tensorboard/
  finished          marks a finished run; the next one starts again
"""

import fcntl
import hashlib
import json
import logging
import shutil
from pathlib import Path

import torch

from spkr.errors import InputError
from spkr.files import replacing
from spkr.train.arks import Arks

logger = logging.getLogger(__name__)


def fingerprint(identity: dict) -> str:
    """A name for all that decides a run's results: twelve hex digits of the SHA-256 of its canonical JSON."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _flat(settings: dict, prefix: str = "") -> dict:
    """Nested settings by dotted names."""
    flat = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


class RunFolder:
    """The folder of one training run, held by one trainer at a time.

    Args:
        root: folder of the runs' folders.
        identity: all that decides the run's results, for JSON.
        arks: what it is trained on.
        keep: how many of the last checkpoints are kept.

    Raises InputError if another trainer holds the folder, and if an ark has changed since the run began.
    """

    def __init__(self, root: str | Path, identity: dict, arks: Arks, keep: int = 2):
        self.path = Path(root) / fingerprint(identity)
        self.arks, self.keep = arks, keep
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / ".lock").open("w")
        try:
            fcntl.lockf(
                self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB
            )  # unlike a lock of flock, not inherited by a loader's workers
        except (BlockingIOError, PermissionError):
            raise InputError(f"{self.path}: another trainer is running here; wait for it or stop it") from None
        for torn in self.path.glob(".*.tmp"):  # a trainer was killed while it saved
            torn.unlink()
        if (self.path / "finished").exists():
            logger.info("%s holds a finished run; starting again", self.path)
            self._clear()
        if not (self.path / "settings.json").exists():
            self._say_why_not_another(identity)
        with replacing(self.path / "settings.json") as f:
            json.dump(identity, f, indent=1, sort_keys=True)
        self._check_arks()

    def _check_arks(self) -> None:
        """Compare the arks with those that the checkpoints were trained on, if there are any, and record them."""
        file = self.path / "arks.json"
        before = json.loads(file.read_text()) if file.exists() and self._steps() else {}
        for ark, digest in self.arks.digests.items():
            if before.get(ark, digest) != digest:
                raise InputError(
                    f"{ark}: changed since the training in {self.path} began; restore it, or remove that folder "
                    "to start again"
                )
        with replacing(file) as f:
            json.dump(self.arks.digests, f, indent=1)

    def _say_why_not_another(self, identity: dict) -> None:
        """Log how this run differs from the unfinished ones beside it, which it cannot resume."""
        for other in sorted(self.path.parent.glob("*/settings.json")):
            if not (other.parent / "finished").exists() and any(other.parent.glob("step-*.pt")):
                mine, its = _flat(identity), _flat(json.loads(other.read_text()))
                changed = sorted(key for key in mine.keys() | its.keys() if mine.get(key) != its.get(key))
                logger.info("not resuming %s, which differs in %s", other.parent, ", ".join(changed))

    def _clear(self) -> None:
        for item in sorted(self.path.iterdir(), key=lambda item: item.name == "finished"):  # the mark is removed last
            if item.is_dir():
                shutil.rmtree(item)
            elif item.name != ".lock":
                item.unlink()

    def _steps(self) -> list[Path]:
        return sorted(self.path.glob("step-*.pt"), key=lambda p: int(p.stem.split("-")[1]))

    def save(self, step: int, state: dict, best: bool = False) -> None:
        """Write a checkpoint by rename, also as best.pt if it is the best, then remove all but the last few.

        Raises InputError if an ark has changed meanwhile or the disk is full; the last checkpoint then stays.
        """
        self.arks.check()
        # best.pt first: if the run is killed between the two, it resumes before this step and writes both again
        for name in [*(["best.pt"] if best else []), f"step-{step}.pt"]:
            with replacing(self.path / name, "wb", orphaned=True) as f:
                torch.save(state, f)
        for old in self._steps()[: -self.keep]:
            old.unlink()

    def latest(self) -> dict | None:
        """The newest checkpoint that can be read, or None; a damaged one is logged and removed."""
        for path in reversed(self._steps()):
            try:
                return torch.load(path, map_location="cpu", weights_only=True)
            except Exception as e:  # torch may raise any error for damaged bytes
                logger.warning("%s is damaged (%s); trying the one before it", path, str(e).partition("\n")[0])
                path.unlink()
        return None

    def finish(self) -> None:
        """Mark the run as finished and release the folder."""
        (self.path / "finished").touch()
        self._lock.close()
