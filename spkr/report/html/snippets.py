"""The beginning of utterances as data URIs, for audio players in a page."""

import base64
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np
import soundfile

from spkr.audio.decoding import read_audio
from spkr.audio.opening import open_audio
from spkr.kaldi.datadir import Clip, check_data_dir, clips
from spkr.kaldi.rules import is_command

SECONDS = 10  # of each utterance, at most


def snippets(data_dir: str | Path, utts: Collection[str], channel: str | int | None = None) -> dict[str, str]:
    """The first SECONDS of utterances of a data directory, as data URIs of 16-bit FLAC.

    A recording that is a command is left out: a report runs none.

    Args: channel of recordings with several that reco2channel does not list, as in the section `feats`.
    Raises InputError as `check_data_dir` and `read_audio` do.
    """
    found = clips(check_data_dir(data_dir, ("wav.scp", "utt2spk")), channel)
    return {utt: _flac(found[utt]) for utt in sorted(utts) if not is_command(found[utt].source)}


def _flac(clip: Clip) -> str:
    """The beginning of a clip, in its own sampling rate."""
    with open_audio(clip.source, channel=clip.channel) as f:
        rate, seconds = f.samplerate, f.frames / f.samplerate
    end = min(clip.end if clip.end >= 0 else seconds, clip.start + SECONDS)
    samples = read_audio(clip.source, rate, start=clip.start, end=-1 if end >= seconds else end, channel=clip.channel)
    file = io.BytesIO()
    whole = np.clip(np.rint(samples), -(2**15), 2**15 - 1).astype(np.int16)
    soundfile.write(file, whole, rate, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
