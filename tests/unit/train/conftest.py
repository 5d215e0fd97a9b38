from pathlib import Path

import pytest

from tests.unit.train.runs import run


@pytest.fixture(scope="session")
def finished(toy, tmp_path_factory) -> Path:
    """The folder of an uninterrupted run."""
    out = tmp_path_factory.mktemp("finished")
    run(toy, out)
    return out
