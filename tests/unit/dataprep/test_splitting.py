import pandas as pd
import pytest

from spkr.dataprep.splitting import own_sessions, split_sets
from spkr.errors import InputError


def speakers(n, each=4, **columns):
    rows = [
        {"spk": f"s{s:03d}", "utt": f"s{s:03d}-{k}", "place": f"x:{s}", "gender": "fm"[s % 2]}
        | {name: value(s, k) for name, value in columns.items()}
        for s in range(n)
        for k in range(each)
    ]
    return pd.DataFrame(rows)


def of_set(table, name):
    return set(table.loc[table["set"] == name, "spk"])


def test_speakers_are_split_and_women_and_men_alike():
    table = split_sets(speakers(60), trained=True, seed=1)
    sets = {name: of_set(table, name) for name in ("train", "dev", "test")}
    assert {name: len(spks) for name, spks in sets.items()} == {"train": 36, "dev": 10, "test": 14}
    assert len(sets["train"] | sets["dev"] | sets["test"]) == 60
    assert sum(int(spk[1:]) % 2 for spk in sets["test"]) == 7
    assert of_set(table, "valid") == sets["train"] and (table["set"] == "valid").sum() == 36


def test_the_seed_decides():
    one, two = (split_sets(speakers(60), True, seed)["set"].tolist() for seed in (1, 2))
    assert one == split_sets(speakers(60), True, 1)["set"].tolist() != two


def test_few_speakers_are_all_tested():
    assert set(split_sets(speakers(10), trained=False, seed=1)["set"]) == {"test"}
    with pytest.raises(InputError, match="10 speakers; expected 30 or more to train a network on"):
        split_sets(speakers(10), trained=True, seed=1)


def test_speakers_of_one_session_lie_in_one_set():
    table = split_sets(speakers(60, session=lambda s, k: f"meeting{s // 3}"), trained=True, seed=1)
    for _, rows in table.groupby("session"):
        assert len(set(rows["set"]) - {"valid"}) == 1


def test_sessions_of_the_same_name_everywhere_are_each_speakers_own():
    table = own_sessions(speakers(60, session=lambda s, k: f"day{k}"))
    assert table["session"].tolist()[:2] == ["s000/day0", "s000/day1"]
    kept = speakers(60, session=lambda s, k: f"meeting{s // 3}")
    assert own_sessions(kept)["session"].equals(kept["session"])


def test_given_sets_are_kept_and_checked():
    table = speakers(6, set=lambda s, k: ("train", "dev", "test")[s // 2])
    split = split_sets(table, trained=True, seed=1)
    assert of_set(split, "test") == {"s004", "s005"} and of_set(split, "valid") == {"s000", "s001"}
    assert (split_sets(table, trained=False, seed=1)["set"] == table["set"]).all()
    with pytest.raises(InputError, match="2 speakers are in two sets: s000, s001"):
        split_sets(table.assign(set=["dev", "test", *table["set"][2:4], "dev", *table["set"][5:]]), False, 1)
    with pytest.raises(InputError, match="x:0: no set, and 3 more"):
        split_sets(table.assign(set=table["set"].where(table["spk"] != "s000", "")), False, 1)
    with pytest.raises(InputError, match="expected train and dev to train a network on"):
        split_sets(table[table["set"] == "test"], True, 1)
