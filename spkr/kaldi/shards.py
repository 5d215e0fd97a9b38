"""Joining what the shards of a set's features wrote."""

from pathlib import Path

from spkr.files import check_same_keys
from spkr.kaldi.datadir import read_map, write_map


def merge_shards(out_dir: str | Path, data_dir: str | Path, shards: int) -> None:
    """Join the shards' scp files and frame counts into feats.scp, vad.scp, utt2num_frames, utt2num_voiced.

    Raises InputError unless they are of all utterances of the data directory, and of no other.
    """
    out, utt2spk = Path(out_dir), read_map(Path(data_dir) / "utt2spk")
    for name in ("utt2num_frames", "utt2num_voiced", "vad.scp", "feats.scp"):
        stem, dot, suffix = name.partition(".")
        merged: dict[str, str] = {}
        for shard in range(1, shards + 1):
            merged |= read_map(out / f"{stem}.{shard}{dot}{suffix}")
        check_same_keys(out / name, merged, Path(data_dir) / "utt2spk", utt2spk)
        write_map(out / name, merged)
