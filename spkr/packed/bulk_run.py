"""Embedding many recordings into one file, and what is said of it at the end."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spkr.audio.channels import Channel
from spkr.errors import InputError
from spkr.outputs import check_outputs
from spkr.packed.bulk import embed_recordings
from spkr.packed.bulk_sources import find_recordings, lists_in
from spkr.packed.embedding_files import KINDS, check_out, files_of, write_failed
from spkr.packed.packed_model import PackedModel

SHOWN = 20  # failures that are logged

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """What was done with many recordings."""

    model: str
    sha256: str
    out: str
    embedded: int
    warned: int  # of them: with a warning
    failed: Sequence[tuple[str, str, str]]  # name, path and reason
    audio: float  # seconds of the recordings that were embedded
    speech: float  # seconds of speech in them
    elapsed: float  # seconds that it took

    def as_json(self) -> dict[str, Any]:
        """The same as JSON types."""
        failed = [dict(zip(("name", "path", "reason"), one, strict=True)) for one in self.failed]
        seconds = {name: round(getattr(self, name), 2) for name in ("audio", "speech", "elapsed")}
        return {"model": self.model, "sha256": self.sha256, "out": self.out, "embedded": self.embedded,
                "warned": self.warned, "failed": failed} | seconds  # fmt: skip


def embed_files(
    path: str,
    settings: Mapping[str, Any],
    sources: Sequence[str],
    out: str,
    channel: Channel = None,
    jobs: int = 1,
) -> Summary:
    """Embed recordings, and write their embeddings to `out` (spkr.packed.embedding_files).

    Recordings that cannot be used are named in the log and in a list beside `out`; the others are embedded.

    Args: sources are those of `find_recordings`; path, settings and jobs are those of `embed_recordings`.
    Raises InputError for sources, a model or an output that cannot be used, and if no recording can be embedded.
    """
    check_out(Path(out))
    recordings = find_recordings(sources)
    check_outputs(files_of(Path(out)), [path, *lists_in(sources), *recordings.values()])
    model, begun = PackedModel.read(path, **settings), time.monotonic()
    failed, embedded, warned, audio, speech = [], 0, 0, 0.0, 0.0
    with KINDS[Path(out).suffix](Path(out), model.dim, model.sha256) as file:
        for name, recording, outcome in embed_recordings(path, settings, recordings, channel, jobs):
            if isinstance(outcome, str):
                failed.append((name, recording, outcome))
                continue
            file.add(name, recording, outcome)
            embedded, warned = embedded + 1, warned + bool(outcome.warnings)
            audio, speech = audio + outcome.seconds, speech + outcome.speech
        listed = write_failed(Path(out), failed)
        _say_failed(failed, listed)
        if not embedded:
            raise InputError(f"{out}: not written, as none of {len(recordings):,} recordings could be embedded")
    found = Summary(path, model.sha256, out, embedded, warned, failed, audio, speech, time.monotonic() - begun)
    _say_done(found, len(recordings))
    return found


def _say_failed(failed: Sequence[tuple[str, str, str]], listed: Path) -> None:
    for _, recording, why in failed[:SHOWN]:
        logger.error("%s: %s", recording, why)
    if len(failed) > SHOWN:
        logger.error("and %s more, which %s lists", f"{len(failed) - SHOWN:,}", listed)


def _say_done(found: Summary, recordings: int) -> None:
    hours, of_speech = found.audio / 3600, found.speech / 3600
    logger.info(
        f"{found.out}: {found.embedded:,} of {recordings:,} recordings embedded, {found.warned:,} of them with "
        f"warnings; {hours:.1f} hours with {of_speech:.1f} of speech, in {found.elapsed:.1f} s: "
        f"{found.embedded / found.elapsed:.0f} a second"
    )
