"""Embedding many recordings, in windows: what is in memory at once does not grow with their number.

Recordings of a window are embedded in batches of similar length. Windows depend on the list of recordings alone, so the
embeddings do not depend on the number of processes.
"""

import logging
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Any

from spkr.audio.channels import Channel
from spkr.errors import InputError
from spkr.packed.heard import Heard, Prepared, read_sound
from spkr.packed.packed_model import PackedModel

WINDOW = 512  # recordings
FRAMES = 200_000  # that wait at most to be embedded: a window of long recordings is embedded in parts
PROGRESS = 30.0  # seconds between two lines of progress

Recording = tuple[str, str]  # name and path
Outcome = Heard | str  # or why there is no embedding

logger = logging.getLogger(__name__)
_models: dict[str, PackedModel] = {}  # of a process that works for another one


def embed_recordings(
    path: str, settings: Mapping[str, Any], recordings: Mapping[str, str], channel: Channel = None, jobs: int = 1
) -> Iterator[tuple[str, str, Outcome]]:
    """Yield name, path and outcome of each recording, in their order.

    Args:
        path, settings: of `PackedModel.read`
        recordings: path by name
        jobs: processes that read and embed; each one holds the network
    Raises InputError for a model that cannot be used. What is wrong with a recording is its outcome.
    """
    items = list(recordings.items())
    windows = [items[at : at + WINDOW] for at in range(0, len(items), WINDOW)]
    if jobs == 1:
        model = PackedModel.read(path, **settings)
        found = (embed_window(model, window, channel) for window in windows)
    else:
        found = _in_processes(path, settings, windows, channel, jobs)
    done, said = 0, time.monotonic()
    for of_window in found:
        yield from of_window
        done += len(of_window)
        if time.monotonic() - said > PROGRESS:
            said = time.monotonic()
            logger.info("%s of %s recordings", f"{done:,}", f"{len(items):,}")


def embed_window(
    model: PackedModel, window: Sequence[Recording], channel: Channel = None
) -> list[tuple[str, str, Outcome]]:
    """Name, path and outcome of each recording of a window."""
    outcomes: dict[str, Outcome] = {}
    waiting: dict[str, Prepared] = {}
    _ = model.engine  # so that an error of it is not that of a recording
    for name, path in window:
        try:
            waiting[name] = model.prepare(read_sound(path, model.front_end, channel=channel))
        except InputError as e:
            outcomes[name] = str(e).removeprefix(f"{path}: ")
        if sum(len(one.feats) for one in waiting.values()) >= FRAMES:
            outcomes |= _embedded(model, waiting)
    outcomes |= _embedded(model, waiting)
    return [(name, path, outcomes[name]) for name, path in window]


def _embedded(model: PackedModel, waiting: dict[str, Prepared]) -> dict[str, Outcome]:
    """The embeddings of those that wait, which are removed."""
    found = dict(zip(waiting, model.embed(list(waiting.values())), strict=True))
    waiting.clear()
    return found


def _in_processes(
    path: str, settings: Mapping[str, Any], windows: Iterable[Sequence[Recording]], channel: Channel, jobs: int
) -> Iterator[list[tuple[str, str, Outcome]]]:
    """What `embed_window` gives for each window, by processes, of which few windows are ahead of the reader."""
    settings = dict(settings) | {"threads": settings.get("threads") or 1}
    windows = iter(windows)
    with ProcessPoolExecutor(jobs, get_context("spawn"), _open, (path, settings)) as pool:
        ahead = deque(pool.submit(_work, window, channel) for window in islice(windows, jobs + 1))
        while ahead:
            try:
                yield ahead.popleft().result()
            except BrokenProcessPool:
                raise InputError("--nj: a process was killed, perhaps as memory is short; lower --nj") from None
            ahead.extend(pool.submit(_work, window, channel) for window in islice(windows, 1))


def _open(path: str, settings: Mapping[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it; the main process says so
    _models["opened"] = PackedModel.read(path, **settings)


def _work(window: Sequence[Recording], channel: Channel) -> list[tuple[str, str, Outcome]]:
    return embed_window(_models["opened"], window, channel)
