"""Data directories as the manifests of other toolkits.

    NeMo      OUT.json: a JSON object a line, for each utterance
    lhotse    OUT_DIR/recordings.jsonl.gz, supervisions.jsonl.gz

Audio is named by absolute paths. Lengths are counted in samples, as the audio files' headers give them.
Source of the fields: NeMo's ASRSpeechLabel (nemo/collections/common/parts/preprocessing/collections.py, commit
018df0b0), and lhotse 1.33.
"""

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from spkr.audio.channels import Channel
from spkr.audio.decoding import sample_range
from spkr.audio.opening import open_audio
from spkr.errors import InputError
from spkr.files import located, replacing
from spkr.kaldi.datadir import Clip, check_data_dir, clips, recordings_of
from spkr.kaldi.rules import Files, is_command
from spkr.outputs import check_outputs


class Header(NamedTuple):
    """What the header of a recording says."""

    path: str  # absolute
    samplerate: int  # Hz
    frames: int  # samples
    channels: int


def write_nemo(data_dir: str | Path, out: str | Path) -> int:
    """Write NeMo's manifest of a data directory, and return the number of utterances.

    Raises InputError as `check_data_dir` and `open_audio` do, and for augmented copies, commands in wav.scp, and
    recordings of several channels, as no key of the manifest chooses one.
    """
    files = _checked(data_dir, [Path(out)])
    headers = _headers(Path(data_dir), files, 0)
    for reco, header in headers.items():
        if header.channels > 1:
            raise InputError(
                f"{header.path}: {header.channels} channels, and NeMo's manifests choose none; expected one: write the "
                f"channels of {reco} to files of their own"
            )
    lines = []
    for utt, (reco, first, last) in _parts(files, headers).items():
        path, rate, *_ = headers[reco]
        part = {"audio_filepath": path, "offset": first / rate, "duration": (last - first) / rate}
        lines.append(part | {"label": files["utt2spk"][utt]})
    with replacing(out) as f:
        f.writelines(map(_line, lines))
    return len(lines)


def write_lhotse(data_dir: str | Path, out_dir: str | Path, channel: str | int | None = None) -> int:
    """Write lhotse's RecordingSet and SupervisionSet of a data directory, and return the number of utterances.

    A supervision has the channel of its recording; if that is `mix`, all channels, which lhotse can mix. Args: channel
    as of `recordings_of`. Raises InputError as `check_data_dir` and `open_audio` do, and for augmented copies and
    commands in wav.scp.
    """
    outs = [Path(out_dir) / f"{name}.jsonl.gz" for name in ("recordings", "supervisions")]
    files = _checked(data_dir, outs)
    headers = _headers(Path(data_dir), files, channel)
    chosen = {reco: clip.channel for reco, clip in recordings_of(files, channel).items()}
    supervisions = []
    for utt, (reco, first, last) in _parts(files, headers).items():
        header, spk = headers[reco], files["utt2spk"][utt]
        part = {"start": first / header.samplerate, "duration": (last - first) / header.samplerate}
        about = {"channel": _channels(chosen[reco], header.channels), "speaker": spk}
        for key, name, of in (("gender", "spk2gender", spk), ("text", "text", utt), ("language", "utt2lang", utt)):
            about |= {key: files[name][of]} if name in files else {}
        supervisions.append({"id": utt, "recording_id": reco} | part | about)
    for out, lines in zip(outs, ([_recording(*item) for item in headers.items()], supervisions), strict=True):
        with replacing(out, "wb") as f, gzip.GzipFile("", "wb", fileobj=f, mtime=0) as zipped:
            zipped.writelines(_line(line).encode() for line in lines)
    return len(supervisions)


def _checked(data_dir: str | Path, outs: Iterable[Path]) -> Files:
    files = check_data_dir(data_dir)
    check_outputs(outs, [Path(data_dir) / name for name in files])
    if "utt2aug" in files:
        raise InputError(f"{data_dir}/utt2aug: these are augmented copies, without audio; export what they are made of")
    return files


def _headers(data_dir: Path, files: Files, channel: str | int | None) -> dict[str, Header]:
    """The header of each recording. Raises InputError for a command, and as `open_audio` does."""
    headers = {}
    for number, (reco, clip) in enumerate(recordings_of(files, channel).items(), 1):
        if is_command(clip.source):
            raise InputError(
                f"{data_dir}/wav.scp:{number}: {reco} is a command; expected an audio file: run it, and name its output"
            )
        path = os.path.abspath(located(clip.source, data_dir / "wav.scp"))  # noqa: PTH100, links stay
        with open_audio(path, channel=clip.channel) as f:
            headers[reco] = Header(path, f.samplerate, f.frames, f.channels)
    return headers


def _parts(files: Files, headers: dict[str, Header]) -> dict[str, tuple[str, int, int]]:
    """Each utterance's recording, its first sample there and the one after its last, sorted by utterance."""
    recos = {utt: value.split()[0] for utt, value in files.get("segments", {}).items()}

    def part(utt: str, clip: Clip) -> tuple[str, int, int]:
        reco = recos.get(utt, utt)
        return reco, *sample_range(clip.source, headers[reco], clip.start, clip.end)

    return {utt: part(utt, clip) for utt, clip in sorted(clips(files).items())}


def _recording(reco: str, header: Header) -> dict[str, object]:
    """A line of recordings.jsonl."""
    channels = list(range(header.channels))
    return {
        "id": reco,
        "sources": [{"type": "file", "channels": channels, "source": header.path}],
        "sampling_rate": header.samplerate,
        "num_samples": header.frames,
        "duration": header.frames / header.samplerate,
        "channel_ids": channels,
    }


def _channels(channel: Channel, number: int) -> int | list[int]:
    if channel == "mix":
        return list(range(number)) if number > 1 else 0
    return channel or 0


def _line(entry: dict[str, object]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"
