"""Uploaded recordings: written to a private folder, read, and deleted. The names that clients give are not used."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from soundfile import LibsndfileError
from starlette.exceptions import HTTPException

from spkr.audio.channels import REMEDY, Channel
from spkr.audio.containers import is_longer
from spkr.audio.decoding import check_audio
from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.files import is_left_over
from spkr.packed.heard import Sound, read_sound

PREFIX, LOCK = "spkr-uploads-", ".lock"
UNRECOGNISED = 1  # libsndfile's SF_ERR_UNRECOGNISED_FORMAT


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user may look into, removed at the end.

    It lies in the system's folder of temporary files (TMPDIR). A killed server cannot remove its own: the next server
    of this user does, as the lock inside is free then.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if left.stat().st_uid == os.getuid() and is_left_over(left / LOCK):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        with (folder / "new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "new").rename(folder / LOCK)  # so that nobody ever finds it unlocked
            yield folder


class Reader:
    """Reads uploads as sounds for a front end. Threads may share it."""

    def __init__(self, folder: Path, front_end: FrontEnd, longest: float, channel: Channel = None):
        """Args: folder: for the time of reading; longest: seconds of a recording; channel: of files with several."""
        self.folder, self.front_end, self.longest, self.channel = folder, front_end, longest, channel

    def read(self, files: Sequence[IO[bytes]], field: str, channel: Channel = None) -> list[Sound]:
        """The files of a field of the form; messages and answers call them by the field and their number.

        Args: channel: of files with several; None: that of the reader
        Raises HTTPException 413 for a recording that is too long, 415 for what is no audio, 422 for audio that cannot
        be used.
        """
        channel = self.channel if channel is None else channel
        return [self._sound(file, f"{field} {number}", channel) for number, file in enumerate(files, 1)]

    def _sound(self, file: IO[bytes], called: str, channel: Channel) -> Sound:
        with tempfile.NamedTemporaryFile(dir=self.folder) as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            try:
                self._check_length(copy.name, called, channel)
                sound = read_sound(copy.name, self.front_end, channel=channel)
            except InputError as e:
                unknown = isinstance(e.__context__, LibsndfileError) and e.__context__.code == UNRECOGNISED
                text = str(e).replace(copy.name, called).replace(REMEDY, "set the field `channel` to")
                raise HTTPException(415 if unknown else 422, text) from e
        return replace(sound, source=called)

    def _check_length(self, path: str, called: str, channel: Channel) -> None:
        if is_longer(path, self.longest):
            raise HTTPException(413, f"{called}: longer than {self.longest:g} s; expected at most that")
        rate = int(self.front_end.sample_frequency)
        seconds = check_audio(path, rate, "any", channel=channel).samples / rate
        if seconds > self.longest:
            raise HTTPException(413, f"{called}: {seconds:.1f} s; expected at most {self.longest:g} s")
