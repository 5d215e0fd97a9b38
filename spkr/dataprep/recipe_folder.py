"""Writing the recipe of a user's own recordings: recipes/NAME/, which local/own.py reads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from spkr.corpus.archive import replacing_folder
from spkr.dataprep import KNOWN
from spkr.files import replacing
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import write_spk2utt
from spkr.kaldi.rules import invert
from spkr.kaldi.trials import enrol_models, write_trials

ENROL = 3  # utterances of an enrolment model
MOST = 500_000  # trials of a list
Trial = tuple[str, str, bool]  # enrolment, test, whether of one speaker
OWN = ("spk", "reco", "seconds", "pair")  # columns that are no attributes


@dataclass(frozen=True)
class Choices:
    """What is proposed for the recipe."""

    name: str
    model: str | None  # the trained network: its name in conf/pretrained/, or its path; None: one is trained
    resample: str  # of the section feats
    channel: str | None  # of recordings with several
    pipes: bool  # whether commands may be run
    seed: int


def data_files_of(table: pd.DataFrame, further: Collection[str]) -> dict[str, dict[str, object]]:
    """The files of a set's data directory, from recordings with ids. Args: further as of `further_files`."""
    start, end = table["start"].fillna(0.0), table["end"].fillna(-1.0)
    segments = zip(table["utt"], table["reco"], start, end, strict=True)
    of = {
        "segments": lambda: {u: f"{r} {a:.3f} " + (f"{b:.3f}" if b >= 0 else "-1") for u, r, a, b in segments},
        "spk2gender": lambda: dict(zip(table["spk"], table["gender"], strict=True)),
        "reco2channel": lambda: dict(zip(table["reco"], table["channel"].replace("", "left"), strict=True)),
        "text": lambda: dict(zip(table["utt"], table["text"].str.split().str.join(" "), strict=True)),
        "utt2file": lambda: dict(zip(table["utt"], table["audio"], strict=True)),
    }
    words = {f"utt2{name}": name for name in attributes(table) if f"utt2{name}" in further}
    files = {name: of[name]() for name in further if name in of}
    for name, column in words.items():
        values = table[column].str.split().str.join("_").replace("", "none")
        files[name] = dict(zip(table["utt"], values, strict=True))
    return files | {
        "wav.scp": dict(zip(table["reco"], table["audio"], strict=True)),
        "utt2spk": dict(zip(table["utt"], table["spk"], strict=True)),
        "utt2dur": {utt: f"{seconds:.6f}" for utt, seconds in zip(table["utt"], table["seconds"], strict=True)},
    }


def further_files(table: pd.DataFrame) -> list[str]:
    """The files beside wav.scp, utt2spk and utt2dur that the data directories of all these recordings have."""
    known = {
        "segments": (table["reco"] != table["utt"]).any(),
        "spk2gender": "gender" in table and (table["gender"] != "").all(),
        "reco2channel": "channel" in table and (table["channel"] != "").any(),
        "text": "text" in table and (table["text"] != "").any(),
        "utt2file": True,
    }
    return sorted([name for name, has in known.items() if has] + [f"utt2{name}" for name in attributes(table)])


def attributes(table: pd.DataFrame) -> list[str]:
    """The columns by which results are also given, and the session."""
    named = [column for column in table if column not in {*KNOWN, *OWN} or column == "session"]
    return [column for column in named if column.isidentifier()]


def make_lists(table: pd.DataFrame, seed: int) -> dict[str, tuple[list[Trial], dict[str, list[str]]]]:
    """The trials and models of each list of a set: pairs of utterances, and models of ENROL utterances."""
    utt2spk = dict(zip(table["utt"], table["spk"], strict=True))
    session = dict(zip(table["utt"], table["session"], strict=True)) if "session" in table else {}
    lists = {"pairs": (pairs(utt2spk, session, seed), {})}
    spk2utt = invert(utt2spk)
    if min(map(len, spk2utt.values())) > ENROL and len(spk2utt) * len(utt2spk) <= MOST:
        models, trials = enrol_models(spk2utt, ENROL)
        of_model = {name: {session.get(utt) for utt in utts} - {"", None} for name, utts in models.items()}
        lists[f"enrol{ENROL}"] = [t for t in trials if session.get(t[1]) not in of_model[t[0]]], models
    return lists


def pairs(utt2spk: dict[str, str], session: dict[str, str], seed: int) -> list[Trial]:
    """Pairs of two utterances of different sessions: all of them; or of more than MOST, targets and others at random.

    Args: session is by utterance; empty where it is not known.
    """
    utts, rng = sorted(utt2spk), np.random.default_rng(seed)
    n = len(utts)
    if n * (n - 1) // 2 <= MOST:
        both = np.stack(np.triu_indices(n, 1), axis=1)
    else:
        spk = np.unique([utt2spk[utt] for utt in utts], return_inverse=True)[1]
        same = np.concatenate([np.stack(np.triu_indices(k, 1), axis=1) + f for f, k in _runs(spk)])
        both = np.sort(rng.integers(0, n, (2 * MOST, 2)), axis=1)
        others = np.unique(both[spk[both[:, 0]] != spk[both[:, 1]]], axis=0)
        targets = _some(same, MOST // 5, rng)
        both = np.concatenate([targets, _some(others, MOST - len(targets), rng)])
    trials = [(utts[i], utts[j], utt2spk[utts[i]] == utt2spk[utts[j]]) for i, j in both.tolist()]
    return [t for t in trials if not (session.get(t[0]) and session.get(t[0]) == session.get(t[1]))]


def _runs(spk: np.ndarray) -> list[tuple[int, int]]:
    """The first utterance of each speaker and their number; ids begin with the speaker, so that they lie together."""
    first = np.flatnonzero(np.diff(spk, prepend=-1))
    return list(zip(first.tolist(), np.diff(first, append=len(spk)).tolist(), strict=True))


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """At most this many of the rows, at random, in their order."""
    return rows if len(rows) <= most else rows[np.sort(rng.permutation(len(rows))[:most])]


def config_of(choices: Choices, sets: Collection[str], lists: Mapping[str, Mapping], files: Sequence[str]) -> str:
    """The recipe's config.yaml. Args: lists of each set by name, as of `make_lists`; files as of `further_files`."""
    trials = {
        name: {"models": bool(models), "sets": [s for s in ("test", "dev") if name in lists.get(s, {})]}
        for of_set in lists.values()
        for name, (_, models) in of_set.items()
    }
    reading = {"resample": choices.resample, "channel": choices.channel, "allow_pipes": choices.pipes or None}
    reading = {name: value for name, value in reading.items() if value is not None}
    corpus = {"name": choices.name, "script": "local/own.py", "data": f"recipes/{choices.name}/data", "files": files}
    config = {"recipe": choices.name, "corpus": corpus, "trials": trials}
    if choices.model:
        config["model"] = choices.model if choices.model.endswith(".pt") else {"pretrained": choices.model}
        config["feats"] = {**reading, "shards": 2}
        untrained = {} if "train" in sets else {"sets": [], "kinds": ["cosine"]}
        config["backend"] = {**untrained, "primary": "cosine"}
    else:
        config["feats"] = {"preset": "fbank80_utt", **reading}
        config["model"] = {"preset": "quartznet3x1_small"}
        config["train"] = {"preset": "small", "augment": "speed3"}
        config["backend"] = {"preset": "plda", "primary": "plda"}
    return yaml.safe_dump(config, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


def write_recipe(
    folder: Path, sets: dict[str, pd.DataFrame], lists: dict[str, dict], files: Sequence[str], texts: dict[str, str]
) -> None:
    """Write the recipe to `folder`, which does not exist, in one step.

    Args: sets and lists by name, as of `make_lists`; files as of `further_files`; texts are other files by name.
    """
    with replacing_folder(folder) as new:
        for name, table in sets.items():
            write_data_dir(new / "data" / name, data_files_of(table, files))
            for list_name, (trials, models) in lists.get(name, {}).items():
                write_trials(new / "data" / name / f"trials_{list_name}", trials)
                if models:
                    write_spk2utt(new / "data" / name / f"models_{list_name}", models)
        for name, text in texts.items():
            with replacing(new / name) as f:
                f.write(text)
