"""`spkr` with the toy model's engine in place of a network; and a running `spkr serve` for tests."""

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager

from spkr.cli import main
from spkr.packed.packed_model import PackedModel
from tests.conftest import ROOT
from tests.unit.voices.toy_model import Hums, toy_model


class Server:
    """A server as a process of its own."""

    def __init__(self, folder, *options, **env):
        """Args: folder: of the model, the store and the temporary files; options: of the command."""
        toy_model(folder / "toy.spkr")
        (folder / "tmp").mkdir(exist_ok=True)
        self.log, self.temporary, self.store = folder / "log", folder / "tmp", folder / "store"
        command = [sys.executable, "-m", "tests.unit.serve.toy_server", "serve", folder / "toy.spkr", self.store]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*map(str, command), "--port", "0", "--rate", "0", *options], cwd=ROOT, stdout=log, stderr=log,
                env=os.environ | {"TMPDIR": str(self.temporary)} | env,
            )  # fmt: skip
        self.url = self._wait_for(r"ready: (\S+)")

    def _wait_for(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.log.read_text())):
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)
        return found[1]

    def end(self, signal):
        """Send a signal, and return the exit status."""
        self.process.send_signal(signal)
        return self.process.wait(60)


@contextmanager
def running(folder, *options, **env):
    """A server, killed at the end if it runs still."""
    server = Server(folder, *options, **env)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


if __name__ == "__main__":
    PackedModel.engine = Hums()
    main()
