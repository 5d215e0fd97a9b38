"""Joining what the shards of a set's features wrote."""

from collections.abc import Sequence
from pathlib import Path

from spkr.files import check_same_keys
from spkr.kaldi.datadir import read_map, write_map
from spkr.kaldi.select import read_maps

LISTS = ("utt2num_frames", "utt2num_voiced", "vad.scp", "feats.scp")


def shard_lists(out_dir: str | Path, shards: int, names: Sequence[str] = LISTS) -> list[Path]:
    """The lists that the shards wrote: feats.<shard>.scp and so on, by name, then by shard."""
    parts = [name.partition(".") for name in names]
    return [Path(out_dir) / f"{stem}.{i}{dot}{end}" for stem, dot, end in parts for i in range(1, shards + 1)]


def merge_shards(out_dir: str | Path, data_dir: str | Path, shards: int) -> None:
    """Join the shards' lists to feats.scp, vad.scp, utt2num_frames and utt2num_voiced, and copy utt2spk beside them.

    Raises InputError, before anything is written, unless each is of all utterances of the data directory, each of
    them in one shard, and of no other.
    """
    out, utt2spk = Path(out_dir), Path(data_dir) / "utt2spk"
    expected = read_map(utt2spk)
    merged = {"utt2spk": expected}
    for name in LISTS:
        merged[name] = read_maps(shard_lists(out, shards, [name]))
        check_same_keys(out / name, merged[name], utt2spk, expected)
    for name, table in merged.items():
        write_map(out / name, table)
