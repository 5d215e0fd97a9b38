"""The shards of a set's features: which utterances each has, and how their lists are merged."""

from collections.abc import Collection, Sequence
from pathlib import Path

from spkr.errors import InputError
from spkr.files import check_same_keys
from spkr.kaldi.maps import read_map, write_map

LISTS = ("utt2num_frames", "utt2num_voiced", "vad.scp", "feats.scp")


def utts_of_shard(utts: Collection[str], shard: int, shards: int) -> list[str]:
    """The utterances of the `shard`-th (from 1) of `shards` parts, which differ by one utterance at most."""
    n = len(utts)
    return sorted(utts)[n * (shard - 1) // shards : n * shard // shards]


def shard_lists(out_dir: str | Path, shards: int, names: Sequence[str] = LISTS) -> list[Path]:
    """The lists that the shards wrote: feats.<shard>.scp and so on, by name, then by shard."""
    return [shard_list(out_dir, name, shard) for name in names for shard in range(1, shards + 1)]


def shard_list(out_dir: str | Path, name: str, shard: int) -> Path:
    """The path of one shard's list: feats.<shard>.scp for `feats.scp`."""
    stem, dot, end = name.partition(".")
    return Path(out_dir) / f"{stem}.{shard}{dot}{end}"


def merge_shards(out_dir: str | Path, data_dir: str | Path, shards: int) -> None:
    """Merge the shards' lists into feats.scp, vad.scp, utt2num_frames and utt2num_voiced, and copy utt2spk.

    Raises InputError, before anything is written, unless each shard has exactly its utterances of the data directory;
    the message says which command makes that shard.
    """
    utt2spk = Path(data_dir) / "utt2spk"
    speakers = read_map(utt2spk)
    merged: dict[str, dict[str, str]] = {"utt2spk": speakers, **{name: {} for name in LISTS}}
    for shard in range(1, shards + 1):
        utts = utts_of_shard(speakers, shard, shards)
        for name in LISTS:
            path = shard_list(out_dir, name, shard)
            try:
                found = read_map(path)
                check_same_keys(path, found, f"shard {shard}/{shards} of {utt2spk}", utts)
            except InputError as e:
                command = f"spkr feats {data_dir} {out_dir} --shard {shard}/{shards}"
                raise InputError(f"{e}; run `{command}` with the other shards' options") from None
            merged[name] |= found
    for name, table in merged.items():
        write_map(Path(out_dir) / name, table)
