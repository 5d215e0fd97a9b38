"""The embeddings of a set: the merged lists of its shards, and the average of each speaker.

xvector.<shard>.{ark,scp}    of one shard, by `spkr embed`
xvector.scp                  of the whole set
spk_xvector.{ark,scp}        averages by speaker
num_utts                     the number of utterances in each average
utt2num_voiced               voiced frames of each utterance, if the features have them
"""

from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import check_same_keys
from spkr.kaldi.counts import read_silent, report_silent, without_silent
from spkr.kaldi.maps import read_map, write_map
from spkr.kaldi.rules import invert
from spkr.kaldi.shards import shard_lists
from spkr.kaldi.table import TableReader, TableWriter


def merge_xvectors(
    data_dir: str | Path, feats_dir: str | Path, out_dir: str | Path, shards: int, silent: str = "warn"
) -> None:
    """Merge the shards' xvector.<shard>.scp, and average by speaker.

    Utterances without a voiced frame, by the features' utt2num_voiced, are left out of averages that have others.
    `silent` says whether to warn of them or refuse them. Raises InputError, before anything is written, unless the
    shards have each utterance of the data directory once.
    """
    out, lists = Path(out_dir), shard_lists(out_dir, shards, ["xvector.scp"])
    places: dict[str, str] = {}
    for scp in lists:
        of_shard = read_map(scp)
        if twice := sorted(of_shard.keys() & places.keys()):
            raise InputError(f"{scp}: {twice[0]!r} is in another shard, too; embed the set again")
        places |= of_shard
    utt2spk = read_map(Path(data_dir) / "utt2spk")
    check_same_keys(f"{out}/xvector.*.scp", places, Path(data_dir) / "utt2spk", utt2spk)
    num_voiced, spk2utt = Path(feats_dir) / "utt2num_voiced", invert(utt2spk)
    without_speech = read_silent([num_voiced] if num_voiced.exists() else [], utt2spk)
    report_silent(feats_dir, without_speech, "averages of speakers leave them out", silent)
    averaged = dict(zip(spk2utt, without_silent(spk2utt.values(), without_speech), strict=True))
    vectors = TableReader(*lists)
    with TableWriter(out / "spk_xvector.ark") as table:
        for spk, utts in averaged.items():
            table[spk] = np.mean([vectors[utt] for utt in utts], axis=0, dtype=np.float64)
    if num_voiced.exists():
        write_map(out / "utt2num_voiced", read_map(num_voiced))
    write_map(out / "num_utts", {spk: len(utts) for spk, utts in averaged.items()})
    write_map(out / "xvector.scp", dict(sorted(places.items())))
