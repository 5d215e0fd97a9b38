"""Writing the recipe of a user's own recordings: recipes/NAME/, which local/own.py reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

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


def data_files_of(table: pd.DataFrame) -> dict[str, dict[str, object]]:
    """The files of a set's data directory, from recordings with ids."""
    files: dict[str, dict[str, object]] = {
        "wav.scp": dict(zip(table["reco"], table["audio"], strict=True)),
        "utt2spk": dict(zip(table["utt"], table["spk"], strict=True)),
        "utt2file": dict(zip(table["utt"], table["audio"], strict=True)),
        "utt2dur": {utt: f"{seconds:.6f}" for utt, seconds in zip(table["utt"], table["seconds"], strict=True)},
    }
    if (table["reco"] != table["utt"]).any():
        start, end = table["start"].fillna(0.0), table["end"].fillna(-1.0)
        rows = zip(table["utt"], table["reco"], start, end, strict=True)
        files["segments"] = {
            utt: f"{reco} {a:.3f} {b:.3f}" if b >= 0 else f"{reco} {a:.3f} -1" for utt, reco, a, b in rows
        }
    if "gender" in table and (table["gender"] != "").all():
        files["spk2gender"] = dict(zip(table["spk"], table["gender"], strict=True))
    if "channel" in table and (table["channel"] != "").any():
        files["reco2channel"] = {r: c for r, c in zip(table["reco"], table["channel"], strict=True) if c}
    if "text" in table and (table["text"] != "").any():
        files["text"] = dict(zip(table["utt"], table["text"].str.split().str.join(" "), strict=True))
    for column in attributes(table):
        words = table[column].str.split().str.join("_").replace("", "none")
        files[f"utt2{column}"] = dict(zip(table["utt"], words, strict=True))
    return files


def attributes(table: pd.DataFrame) -> list[str]:
    """The columns by which results are also given, and the session."""
    named = [column for column in table if column not in {*KNOWN, *OWN} or column == "session"]
    return [column for column in named if table[column].nunique() > 1 and column.isidentifier()]


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


def config_of(choices: Choices, sets: dict[str, pd.DataFrame], lists: dict[str, dict], about: str) -> str:
    """The recipe's config.yaml. Args: lists of each set by name, as of `make_lists`; about is a line of comment."""
    names = {name: [s for s in ("test", "dev") if name in lists.get(s, {})] for s in lists for name in lists[s]}
    files = sorted(set(data_files_of(next(iter(sets.values())))) - {"wav.scp", "utt2spk", "utt2dur"})
    lines = [
        f"# {about}",
        f"recipe: {choices.name}",
        "",
        "corpus:",
        f"  name: {choices.name}",
        "  script: local/own.py",
    ]
    lines += [f"  data: recipes/{choices.name}/data", f"  files: [{', '.join(files)}]", "", "trials:"]
    for name, of in names.items():
        models = str(name != "pairs").lower()
        lines.append(f"  {name}: {{models: {models}, sets: [{', '.join(of)}]}}")
    reading = f"resample: {choices.resample}" + (f", channel: {choices.channel}" if choices.channel else "")
    reading += ", allow_pipes: true" if choices.pipes else ""
    if choices.model:
        model = choices.model if choices.model.endswith(".pt") else f"{{pretrained: {choices.model}}}"
        lines += ["", f"model: {model}", f"feats: {{{reading}, shards: 2}}"]
        kinds = "" if "train" in sets else "sets: [], kinds: [cosine], "
        lines += [f"backend: {{{kinds}primary: cosine}}"]
    else:
        lines += ["", f"feats: {{preset: fbank80_utt, {reading}}}", "model: {preset: quartznet3x1_small}"]
        lines += ["train: {preset: small, augment: speed3}", "backend: {preset: plda, primary: plda}"]
    return "\n".join(lines) + "\n"


def write_recipe(
    folder: Path, choices: Choices, sets: dict[str, pd.DataFrame], lists: dict[str, dict], texts: dict[str, str]
) -> None:
    """Write the recipe to `folder`, which does not exist, in one step. Args: texts has further files by name."""
    with replacing_folder(folder) as new:
        for name, table in sets.items():
            write_data_dir(new / "data" / name, data_files_of(table))
            for list_name, (trials, models) in lists.get(name, {}).items():
                write_trials(new / "data" / name / f"trials_{list_name}", trials)
                if models:
                    write_spk2utt(new / "data" / name / f"models_{list_name}", models)
        for name, text in texts.items():
            with replacing(new / name) as f:
                f.write(text)
