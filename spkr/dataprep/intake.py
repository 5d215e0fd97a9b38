"""What `spkr new --from` takes: a folder, a table, manifests, Kaldi data directories, or an archive of any of these."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from spkr.corpus.archive import unpack
from spkr.corpus.script import SETS
from spkr.dataprep import KNOWN
from spkr.dataprep.audio_folders import read_folder
from spkr.dataprep.manifests import read_lhotse, read_nemo
from spkr.dataprep.spreadsheets import located_audio, read_spreadsheet, typed
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, clips
from spkr.kaldi.trial_rules import models_beside
from spkr.kaldi.trials import Trials, look_up_utterances, read_models, read_trials

Lists = tuple[list[tuple[str, str, bool]], dict[str, list[str]]]  # trials, and the utterances of their models
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
MANIFESTS = (".json", ".jsonl", ".jsonl.gz", ".json.gz")
ROWS = {"utt2session": "session", "text": "text"}  # other files of a data directory are attributes


def read_recordings(
    sources: Sequence[Path], unpacked: Path, pattern: str | None = None, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The recordings that `sources` name: one source, or several manifests.

    Args: unpacked is where an archive goes; pattern is for names in folders, columns for those of a table.
    Raises InputError for a source that is missing or of no known kind, and as the readers do.
    """
    for source in sources:
        if not source.exists():
            raise InputError(f"{source}: no such file or folder; expected recordings, or what names them")
    if len(sources) == 1 and sources[0].name.lower().endswith(ARCHIVES):
        unpack(sources[0], unpacked)
        sources = [unpacked]
    if len(sources) == 1 and sources[0].is_dir():
        table = _read_dir(sources[0], pattern)
    else:
        table = _read_files(list(sources), columns or {})
        table = located_audio(typed(table), sources[0].parent)
    if len(odd := table[~table["audio"].str.fullmatch(r"\S(.*\S)?")]):
        raise InputError(f"{odd['audio'].iloc[0]!r}: a line end in the name, or a blank at an end; rename the file")
    return table.reset_index(drop=True)


def _read_dir(folder: Path, pattern: str | None) -> pd.DataFrame:
    if (folder / "wav.scp").exists():
        return _read_kaldi(folder, "")
    if named := [s for s in SETS if (folder / s / "wav.scp").exists()]:
        return joined(_read_kaldi(folder / s, s) for s in named)
    if pair := _lhotse_pair(sorted(folder.glob("*.jsonl*"))):
        return located_audio(typed(read_lhotse(*pair)), folder)
    return typed(read_folder(folder.absolute(), pattern))


def _read_files(sources: list[Path], columns: Mapping[str, str]) -> pd.DataFrame:
    if pair := _lhotse_pair(sources):
        return read_lhotse(*pair)
    if all(source.name.lower().endswith(MANIFESTS) for source in sources):
        return joined(map(read_nemo, sources))
    if len(sources) > 1:
        raise InputError(f"{sources[1]}: several sources; expected one, or several NeMo manifests")
    if sources[0].suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise InputError(
            f"{sources[0]}: expected a folder, a table (.csv, .tsv), a manifest (.json, .jsonl), a Kaldi data "
            f"directory, or an archive ({', '.join(ARCHIVES)})"
        )
    return read_spreadsheet(sources[0], columns)


def joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables one below the other; a column that one lacks is empty there."""
    table = pd.concat(tables, ignore_index=True)
    texts = [column for column in table if column not in ("start", "end", "seconds")]
    return table.fillna(dict.fromkeys(texts, ""))


def read_lists(sources: Sequence[Path], of_set: str, utts: Container[str]) -> dict[str, Lists]:
    """The trials and models of a Kaldi data directory's lists by name: `trials_<name>`, or `trials`, called own.

    Raises InputError for a list that is malformed, or that names other recordings than the set's `utts`.
    """
    found = {}
    if len(sources) == 1 and sources[0].is_dir():
        folder = sources[0] if (sources[0] / "wav.scp").exists() else sources[0] / of_set
        if not (folder / "wav.scp").exists():
            return {}
        for path in sorted(p for p in folder.glob("trials*") if re.fullmatch(r"trials(_[A-Za-z0-9._-]+)?", p.name)):
            name = path.name.removeprefix("trials").removeprefix("_") or "own"
            models_path = models_beside(path)
            models = read_models(models_path) if models_path.exists() else {}
            trials = read_trials(path)
            _check_list(trials, path, models, models_path, utts)
            found[name] = [(*trials.pair(k), bool(target)) for k, target in enumerate(trials.target)], models
    return found


def _check_list(
    trials: Trials, path: Path, models: Mapping[str, Sequence[str]], models_path: Path, utts: Container[str]
) -> None:
    """Raise InputError for a list about recordings that are not there, or that were left out."""
    for model, of_model in models.items():
        if missing := [utt for utt in of_model if utt not in utts]:
            raise InputError(f"{models_path}: {model}: {missing[0]!r} is not one of the recordings")
    look_up_utterances(trials, path, utts, "one of the recordings", models, models_path if models else None)


def _lhotse_pair(paths: Sequence[Path]) -> tuple[Path, Path] | None:
    named = [next((p for p in paths if kind in p.name), None) for kind in ("recordings", "supervisions")]
    return tuple(named) if all(named) else None


def _read_kaldi(folder: Path, of_set: str) -> pd.DataFrame:
    """A Kaldi data directory, whose utterances keep their ids."""
    files = check_data_dir(folder, ("wav.scp", "utt2spk"))
    utt2spk, base = files["utt2spk"], Path.cwd()
    rows = []
    for utt, clip in clips(files).items():
        source = clip.source if clip.source.endswith("|") else str(base / clip.source)
        whole = clip.end < 0 and not clip.start
        row = {"utt": utt, "audio": source, "speaker": utt2spk[utt], "place": f"{folder}/utt2spk: {utt}"}
        row |= {"start": float("nan") if whole else clip.start, "end": float("nan") if clip.end < 0 else clip.end}
        rows.append(row | ({"set": of_set} if of_set else {}))
    table = pd.DataFrame(rows)
    for name, content in files.items():
        key = ROWS.get(name) or ("gender" if name == "spk2gender" else name.removeprefix("utt2"))
        if name == "spk2gender":
            table[key] = table["speaker"].map(content).fillna("")
        elif name == "utt2dur":
            table["seconds"] = table["utt"].map(content).astype(float)
        elif name in ROWS or name.startswith("utt2") and key not in ("spk", *KNOWN):
            table[key] = table["utt"].map(content).fillna("")
    return table
