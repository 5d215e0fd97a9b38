"""Kaldi data directories and trial lists of CN-Celeb 1 and 2 (OpenSLR 82), or of a corpus with their layout.

    CORPUS_DIR/
      cn1/CN-Celeb_flac/
        data/id00000/singing-01-001.flac      <genre>-<session>-<number>
        dev/dev.lst                           the training speakers, one a line
        eval/test/id00800-singing-01-002.flac
        eval/lists/enroll.map                 id00800-enroll id00800/interview-01-001.wav ...
        eval/lists/trials.lst                 id00800-enroll test/id00800-singing-01-002.wav 1
      cn2/CN-Celeb2_flac/
        data/id10000/drama-01-001.flac
        spk.lst                               its speakers, one a line

    OUT_DIR/
      bad_files                               <part> <utterance> <reason>: recordings that are skipped
      dev/                                    some training speakers, chosen by the seed
      valid/                                  an utterance of each of some other training speakers
      train/                                  the rest
      test/                                   recordings of enrolment and of test
      dev/trials_pairs                        pairs of utterances of different sessions
      test/{trials,models}_eval               as published; a model is the average of its utterances' embeddings

The lists say .wav where the archives have .flac.

Example:
    python local/cnceleb.py exp/corpora/cnceleb exp/cnceleb/data --options '{"dev_speakers": 50}' --jobs 8
"""

from collections.abc import Container, Mapping
from pathlib import Path

from celeb_sets import (
    SPEAKER,
    CelebOptions,
    check_count,
    count_part,
    dev_trials,
    labelled,
    read_part,
    split,
    write_sets,
)

from spkr.corpus.script import run
from spkr.errors import InputError
from spkr.files import read_lines
from spkr.kaldi.maps import read_spk2utt, write_spk2utt
from spkr.kaldi.trials import look_up_utterances, read_trials, write_trials


class CorpusOptions(CelebOptions):
    """`corpus.options` of CN-Celeb."""


def find_training(root: Path, list_of_speakers: str) -> dict[str, str]:
    """The recordings of the speakers of a list, utterance -> path. Raises InputError for one who has none."""
    paths = {}
    for number, line in read_lines(root / list_of_speakers):
        spk = line.strip()
        files = sorted((root / "data" / spk).glob("[!.]*.flac"))
        if not SPEAKER.fullmatch(spk) or not files:
            raise InputError(
                f"{root / list_of_speakers}:{number}: no files data/{spk}/*.flac of a speaker such as id00000 in {root}"
            )
        paths |= {f"{spk}-{path.stem}": str(path) for path in files}
    return paths


def utterance(file: str) -> str:
    """The utterance of a file of the lists: id00800/interview-01-001.wav, or test/id00800-singing-01-002.wav."""
    return file.removeprefix("test/").rpartition(".")[0].replace("/", "-")


def read_models(root: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The utterances of each enrolment model, and their paths."""
    models, paths = {}, {}
    for model, files in read_spk2utt(root / "eval/lists/enroll.map").items():
        models[model] = [utterance(file) for file in files]
        paths |= {utterance(file): f"{root}/data/{file.rpartition('.')[0]}.flac" for file in files}
    return models, paths


def read_list(
    root: Path, utts: Container[str], models: Mapping[str, list[str]], options: CorpusOptions
) -> list[tuple[str, str, bool]]:
    """Read the published trial list.

    Raises InputError if its numbers of trials and targets are not the expected ones, if a file is not in `utts`, and if
    a label contradicts the names of the speakers.
    """
    path = root / "eval/lists/trials.lst"
    trials = read_trials(path)
    check_count("test/trials_eval", [len(trials), int(trials.target.sum())], "trials, {} target", options)
    trials.test_names[:] = map(utterance, trials.test_names)
    look_up_utterances(trials, path, utts, "a recording of test that can be used", models, "enroll.map")
    return labelled(path, trials)


def prepare(corpus: Path, out_dir: Path, options: CorpusOptions, jobs: int) -> None:
    """Check the corpus, then write all data directories, trial lists and bad_files."""
    first, second = corpus / "cn1/CN-Celeb_flac", corpus / "cn2/CN-Celeb2_flac"
    models, test = read_models(first)
    test |= {path.stem: str(path) for path in sorted((first / "eval/test").glob("[!.]*.flac"))}
    found = {"eval": test, "cn1": find_training(first, "dev/dev.lst"), "cn2": find_training(second, "spk.lst")}
    for part, paths in found.items():
        count_part(part, paths, options)
    read = {"eval": read_part("eval", test, options, jobs)}
    trials = read_list(first, read["eval"].seconds, models, options)
    read |= {part: read_part(part, found[part], options, jobs) for part in ("cn1", "cn2")}
    sets = split((utt for part in ("cn1", "cn2") for utt in read[part].seconds), options)
    of_dev = dev_trials(sets["dev"], options)
    write_sets(
        out_dir,
        sets | {"test": read["eval"].seconds},
        {k: v for paths in found.values() for k, v in paths.items()},
        read,
    )
    write_trials(out_dir / "dev/trials_pairs", of_dev)
    write_spk2utt(out_dir / "test/models_eval", models)
    write_trials(out_dir / "test/trials_eval", trials)


if __name__ == "__main__":
    run(__doc__, CorpusOptions, prepare)
