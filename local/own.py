"""Kaldi data directories of a user's own recordings: `spkr new` writes the folder that this reads, or the user does.

    CORPUS_DIR/                 the config's corpus.data; no archive is fetched
      train/ valid/ dev/ test/  any of them: Kaldi data directories, wav.scp and utt2spk at least
      {dev,test}/trials_<list>  <enrolment> <test> target|nontarget
      {dev,test}/models_<list>  <model> <utterance> <utterance> ...   where the list has models

    OUT_DIR/
      the same, with utt2dur from the headers of the audio and reco2sum

A command in a wav.scp (`... |`) is not run here: its utterances need a utt2dur.

Example:
    python local/own.py recipes/NAME/data exp/NAME/data
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from spkr.audio.fingerprint import fingerprints
from spkr.config.options import Options
from spkr.corpus.durations import read_seconds
from spkr.corpus.script import SETS, run
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.datadir import check_data_dir, clips, write_data_dir
from spkr.kaldi.maps import write_spk2utt
from spkr.kaldi.rules import is_command
from spkr.kaldi.trial_rules import models_beside
from spkr.kaldi.trials import look_up_utterances, read_models, read_trials

MISSING = "; expected the folder of the data directories, as `spkr new` writes it"


class CorpusOptions(Options):
    """`corpus.options`: none."""


def read_sets(corpus: Path, jobs: int) -> dict[str, dict]:
    """The files of each set's data directory, with utt2dur and reco2sum."""
    sets = {}
    for name in SETS:
        if (corpus / name).is_dir():
            files = check_data_dir(corpus / name, ("wav.scp", "utt2spk"))
            check_files(corpus / name / "wav.scp", files["wav.scp"])
            made = {"reco2sum": fingerprints(files["wav.scp"])}
            made["utt2dur"] = files.get("utt2dur") or read_durations(files, jobs)
            sets[name] = {k: v for k, v in files.items() if k != "spk2utt"} | made
    if not sets:
        raise InputError(f"{corpus}: none of {', '.join(SETS)} in it{MISSING}")
    seen: dict[str, str] = {}
    for name, files in sets.items():
        for spk in set(files["utt2spk"].values()) if name != "valid" else ():
            if seen.setdefault(spk, name) != name:
                raise InputError(f"{corpus}: speaker {spk} is in {seen[spk]} and in {name}; expected each in one set")
    return sets


def check_files(wav_scp: Path, sources: Mapping[str, str]) -> None:
    """Raise InputError unless all audio files are there."""
    files = [source for source in sources.values() if not is_command(source)]
    if missing := [file for file in files if not Path(file).is_file()]:
        raise InputError(f"{wav_scp}: {missing[0]}: no such file; {len(missing)} of {len(files)} are missing")


def read_durations(files: dict, jobs: int) -> dict[str, str]:
    """The seconds of each utterance, by the headers of the files and the segments."""
    sources = sorted({clip.source for clip in clips(files).values()})
    if commands := [source for source in sources if is_command(source)]:
        raise InputError(f"{commands[0]}: a command; expected a utt2dur beside a wav.scp with commands")
    with ThreadPoolExecutor(jobs) as pool:
        seconds = dict(zip(sources, pool.map(partial(read_seconds, sample_rate=0, channel=0), sources), strict=True))
    return {
        utt: f"{(clip.end if clip.end >= 0 else seconds[clip.source]) - clip.start:.6f}"
        for utt, clip in clips(files).items()
    }


def read_lists(folder: Path, utts: set[str]) -> dict[str, str | dict]:
    """The trial lists in a folder as text, and their models; InputError for one about recordings that are not there."""
    lists: dict[str, str | dict] = {}
    for path in sorted(folder.glob("trials_*")):
        models_path = models_beside(path)
        models = read_models(models_path) if models_path.exists() else {}
        if missing := sorted({utt for of_model in models.values() for utt in of_model} - utts):
            raise InputError(f"{models_path}: {missing[0]}: no utterance of {folder}; {len(missing)} are missing")
        given = models_path if models else None
        look_up_utterances(read_trials(path), path, utts, f"an utterance of {folder}", models, given)
        lists[path.name] = path.read_text(encoding="utf-8")
        lists |= {models_path.name: models} if models else {}
    return lists


def prepare(corpus: Path, out_dir: Path, options: CorpusOptions, jobs: int) -> None:
    """Check the data directories and trial lists, then write them."""
    sets = read_sets(corpus, jobs)
    lists = {name: read_lists(corpus / name, set(sets[name]["utt2spk"])) for name in sets if name in ("dev", "test")}
    for name, files in sets.items():
        write_data_dir(out_dir / name, files)
        print(f"{name}: {len(files['utt2spk'])} utterances of {len(set(files['utt2spk'].values()))} speakers")
        for list_name, content in lists.get(name, {}).items():
            if isinstance(content, dict):
                write_spk2utt(out_dir / name / list_name, content)
            else:
                with replacing(out_dir / name / list_name) as f:
                    f.write(content)
    with replacing(out_dir / "bad_files"):
        pass  # a recording that cannot be used is an error


if __name__ == "__main__":
    run(__doc__, CorpusOptions, prepare)
