"""Splitting a user's recordings into train, valid, dev and test by speakers."""

from collections import defaultdict

import pandas as pd

from spkr.corpus.script import SETS
from spkr.dataprep import SHOWN
from spkr.errors import InputError
from spkr.kaldi.select import shuffled

FEW = 30  # training speakers; below, a network is not trained from scratch
SHARES = {"train": 0.6, "dev": 0.15, "test": 0.25}  # of the speakers, where there are enough to train on
LEAST = 5  # speakers of dev and of test
VALID = 10  # one utterance in VALID of each training speaker is held out


def split_sets(table: pd.DataFrame, trained: bool, seed: int) -> pd.DataFrame:
    """The recordings with the column set filled.

    Speakers that share a session lie in one set; women and men are spread alike over the sets. Without training, and
    with fewer than FEW speakers, all are in test. A column set is kept as it is; rows where it is empty are refused.

    Args: trained says whether a network is going to be trained on them.
    Raises InputError if a speaker is in training and outside, or if there are too few speakers to train on.
    """
    if "set" in table and (table["set"] != "").any():
        return _given(table, seed, trained)
    speakers = table["spk"].nunique()
    if trained and speakers < FEW:
        raise InputError(
            f"{speakers} speakers; expected {FEW} or more to train a network on: give --model, a trained one"
        )
    if speakers < FEW:
        return table.assign(set="test")
    of_speaker = {spk: name for name, spks in _shared_out(_groups(table), seed).items() for spk in spks}
    return (
        _with_valid(table.assign(set=table["spk"].map(of_speaker)), seed)
        if trained
        else table.assign(set=table["spk"].map(of_speaker))
    )


def own_sessions(table: pd.DataFrame) -> pd.DataFrame:
    """The recordings with each session as one of its speaker, where names of sessions are used for all of them.

    That is so where sessions of the same name connect more than a third of the speakers: `1` and `2` of everybody.
    """
    if "session" not in table:
        return table
    largest = max(map(len, _groups(table).values()))
    if largest <= max(1, table["spk"].nunique() // 3):
        return table
    return table.assign(session=(table["spk"] + "/" + table["session"]).where(table["session"] != "", ""))


def _groups(table: pd.DataFrame) -> dict[str, list[str]]:
    """Speakers that must lie in one set, since they share a session, by a name that says their gender first."""
    above = {spk: spk for spk in sorted(set(table["spk"]))}

    def root(spk: str) -> str:
        while above[spk] != spk:
            spk = above[spk]
        return spk

    for _, spks in table[table["session"] != ""].groupby("session")["spk"] if "session" in table else ():
        first, *others = sorted(set(spks))
        for other in others:
            above[root(other)] = root(first)
    groups = defaultdict(list)
    for spk in above:
        groups[root(spk)].append(spk)
    gender = table.groupby("spk")["gender"].first() if "gender" in table else {}
    return {f"{gender.get(spk) or '-'}{spk}": spks for spk, spks in groups.items()}


def _shared_out(groups: dict[str, list[str]], seed: int) -> dict[str, list[str]]:
    """The speakers of each set: groups in a random order, women and men apart, to the set that lacks most."""
    total = sum(map(len, groups.values()))
    sets: dict[str, list[str]] = {name: [] for name in SHARES}
    for gender in sorted({name[0] for name in groups}):
        of_gender = [name for name in shuffled(seed, groups) if name[0] == gender]
        mine = {name: 0 for name in SHARES}
        number = sum(len(groups[name]) for name in of_gender)
        for group in of_gender:
            lacks = max(SHARES, key=lambda s: SHARES[s] * number - mine[s])
            mine[lacks] += len(groups[group])
            sets[lacks] += groups[group]
    for name in ("dev", "test"):
        if len(sets[name]) < min(LEAST, total // 6):
            raise InputError(f"{name} would have {len(sets[name])} speakers, as many share sessions; give a column set")
    return sets


def _with_valid(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Hold out one utterance in VALID, at least one, of each training speaker with two or more."""
    held = set()
    for _, utts in table[table["set"] == "train"].groupby("spk")["utt"]:
        if len(utts) > 1:
            held.update(shuffled(seed, utts)[: max(1, len(utts) // VALID)])
    return table.assign(set=table["set"].where(~table["utt"].isin(held), "valid"))


def _given(table: pd.DataFrame, seed: int, trained: bool) -> pd.DataFrame:
    """Check the sets that the user gave, and hold `valid` out of train where a training needs it."""
    if (empty := table["set"] == "").any():
        places = table["place"][empty]
        raise InputError(
            f"{places.iloc[0]}: no set, and {len(places) - 1} more; expected {', '.join(SETS)} in every row"
        )
    sides = table["set"].replace("valid", "train").groupby(table["spk"]).agg(set)
    if mixed := [spk for spk, found in sides.items() if len(found) > 1]:
        raise InputError(f"{len(mixed)} speakers are in two sets: {', '.join(mixed[:SHOWN])}; expected each in one")
    has = set(table["set"])
    if trained and not {"train", "dev"} <= has:
        raise InputError(f"sets {', '.join(sorted(has))}; expected train and dev to train a network on, or --model")
    return _with_valid(table, seed) if trained and "valid" not in has else table
