"""AN4's config with changes, as a user's file has them."""

from pathlib import Path

import yaml

from spkr.config.loading import Resolved, read_config
from tests.conftest import ROOT


def an4(folder: Path, **changes) -> Resolved:
    """What AN4's recipe and a file of these changes make together; InputError as `read_config` raises it."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(changes, sort_keys=False))
    return read_config(ROOT, changes, [folder / "mine.yaml"])
