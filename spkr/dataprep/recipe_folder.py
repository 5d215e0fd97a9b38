"""Writing the recipe of a user's own recordings: recipes/NAME/, which local/own.py reads."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import yaml

from spkr.corpus.archive import replacing_folder
from spkr.dataprep import KNOWN
from spkr.dataprep.intake import Lists
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import write_spk2utt
from spkr.kaldi.trial_rules import TrialRules, make_trials
from spkr.kaldi.trials import write_trials

ENROL = 3  # utterances of an enrolment model
MOST = 500_000  # trials of a list
# Columns that are no attributes: ids, and those of which utt2<column> is a file of another meaning
OWN = ("reco", "spk", "aug", "dur", "file", "num_frames", "num_voiced")
FILES = ("aug", "dur", "file", "num_frames", "num_voiced", "spk")  # utt2<name> is another file than an attribute's


@dataclass(frozen=True)
class Choices:
    """What is proposed for the recipe."""

    name: str
    model: str | None  # the trained network: its name in conf/pretrained/, or its path; None: one is trained
    resample: str  # of the section feats
    channel: str | None  # of recordings with several
    pipes: bool  # whether commands may be run


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
    return [column for column in named if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", column)]


def make_lists(table: pd.DataFrame, seed: int) -> dict[str, Lists]:
    """The lists of a set by name: pairs of utterances, and models of ENROL utterances where all speakers have more.

    A target trial is not within a session, or a recording with segments, unless none is left then. A list of more than
    MOST trials is drawn, as many for each speaker.
    """
    further = [name for name in further_files(table) if name in ("utt2session", "segments")]
    files = data_files_of(table, further)
    counts = table["spk"].value_counts()
    pairs, tests = len(table) * (len(table) - 1) // 2, len(counts) * len(table)
    lists = {"pairs": _make(files, _rules(pairs, len(counts), seed))}
    if counts.min() > ENROL:
        lists[f"enrol{ENROL}"] = _make(files, replace(_rules(tests, len(counts), seed), models=ENROL))
    return lists


def _rules(number: int, speakers: int, seed: int) -> TrialRules:
    """All of this number of trials, or MOST of them, of which a fifth are target trials."""
    each = MOST // speakers
    drawn = {"targets": max(1, each // 5), "nontargets": max(1, each - each // 5)} if number > MOST else {}
    return TrialRules(seed=seed, **drawn)


def _make(files: Mapping[str, Mapping], rules: TrialRules) -> Lists:
    try:
        models, trials = make_trials(files, rules)
    except InputError:
        models, trials = make_trials(files, replace(rules, session="any"))
    return trials, models


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
