"""Kaldi data directories and trial lists of VoxCeleb1 and 2, or of a corpus with their layout.

    CORPUS_DIR/
      vox1_dev/  ... id10001/1zcIwhmdeo4/00001.wav       at any depth; .wav, .m4a or .flac
      vox1_test/ ... id10270/5r0dWxy17C8/00001.wav       the speakers id10270 to id10309
      vox2_dev/  ... id00012/21Uxsk56VDQ/00001.m4a
      lists/O/veri_test.txt                              1 id10270/x6uYqmx31kE/00001.wav id10270/8jEAjG6SegY/00008.wav

    OUT_DIR/
      bad_files               <part> <utterance> <reason>: recordings that are skipped
      dev/                    some speakers of the parts that are trained on, chosen by the seed
      valid/                  an utterance of each of some other speakers
      train/                  the rest
      test/                   the parts that are tested on
      dev/trials_pairs        pairs of utterances of different videos
      test/trials_<list>      O, E and H, original and cleaned, as published

A folder of VoxCeleb1 may hold both its parts. The utterance id10001/1zcIwhmdeo4/00001.wav is called
id10001-1zcIwhmdeo4-00001, as in Kaldi's recipe.

Example:
    python local/voxceleb.py exp/corpora/voxceleb exp/voxceleb/data --options '{"train": ["vox2_dev"]}' --jobs 8
"""

import os
from collections.abc import Container
from pathlib import Path
from typing import Annotated, Literal

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
from pydantic import AfterValidator, Field, model_validator

from spkr.config.options import option, unique
from spkr.corpus.script import run
from spkr.errors import InputError
from spkr.kaldi.trials import look_up_utterances, read_trials, write_trials

SUFFIXES = (".wav", ".m4a", ".flac")
OF_TEST = {f"id{number}" for number in range(10270, 10310)}  # the test speakers of VoxCeleb1
LISTS = {
    "O": "veri_test.txt",
    "O_cleaned": "veri_test2.txt",
    "E": "list_test_all.txt",
    "E_cleaned": "list_test_all2.txt",
    "H": "list_test_hard.txt",
    "H_cleaned": "list_test_hard2.txt",
}
Part = Literal["vox1_dev", "vox1_test", "vox2_dev"]
Parts = Annotated[tuple[Part, ...], Field(min_length=1), AfterValidator(unique)]
Lists = Annotated[tuple[Literal[tuple(LISTS)], ...], Field(min_length=1), AfterValidator(unique)]


class CorpusOptions(CelebOptions):
    """`corpus.options` of VoxCeleb."""

    train: Parts = option(("vox2_dev",), "parts that train, valid and dev are made of")
    test: Parts = option(("vox1_dev", "vox1_test"), "parts that test is made of")
    lists: Lists = option(tuple(LISTS), "trial lists of test; E and H need all of VoxCeleb1 in test")

    @model_validator(mode="after")
    def _check(self):
        if both := [part for part in self.train if part in self.test]:
            raise InputError(f"train: {both[0]} is in test, too; expected other parts to train on")
        whole = [name for name in self.lists if not name.startswith("O")]
        if whole and not {"vox1_dev", "vox1_test"} <= set(self.test):
            raise InputError(
                f"lists: {whole[0]} has speakers of all of VoxCeleb1; expected vox1_dev and vox1_test in test, or the "
                "lists O and O_cleaned alone"
            )
        return self


def find_recordings(folder: Path, part: str) -> dict[str, str]:
    """The recordings of a part, utterance -> path. Raises InputError for no recording, or two of one name."""
    paths: dict[str, str] = {}
    for parent, _, names in os.walk(folder, followlinks=True):
        spk, video = ("", *Path(parent).parts)[-2:]
        if not SPEAKER.fullmatch(spk) or (part != "vox2_dev" and (spk in OF_TEST) != (part == "vox1_test")):
            continue
        for name in names:
            stem, dot, suffix = name.rpartition(".")
            if dot + suffix.lower() in SUFFIXES and not stem.startswith("."):
                path = f"{parent}/{name}"
                if (other := paths.setdefault(f"{spk}-{video}-{stem}", path)) != path:
                    raise InputError(f"{path}: {other} is the same utterance; remove one of them")
    if not paths:
        raise InputError(
            f"{folder}: no files <speaker>/<video>/<number>.wav, .m4a or .flac of {part} below it; expected VoxCeleb "
            "as its archives unpack"
        )
    return dict(sorted(paths.items()))


def read_list(corpus: Path, name: str, utts: Container[str], options: CorpusOptions) -> list[tuple[str, str, bool]]:
    """Read a published trial list, whose files become utterances. A repeated trial counts once.

    Raises InputError if its numbers of trials and targets are not the expected ones, if a file is not in `utts`, and if
    a label contradicts the names of the speakers.
    """
    path = corpus / "lists" / name / LISTS[name]
    trials = read_trials(path, allow_duplicates=True)
    lines = path.read_text(encoding="utf-8").splitlines()
    count = [len(lines), sum(line.startswith("1") for line in lines)]
    check_count(f"test/trials_{name}", count, "trials, {} target", options)
    for files in (trials.enrol_names, trials.test_names):
        files[:] = [file.rpartition(".")[0].replace("/", "-") for file in files]
    look_up_utterances(trials, path, utts, "a recording of test that can be used", {}, None)
    return labelled(path, trials)


def prepare(corpus: Path, out_dir: Path, options: CorpusOptions, jobs: int) -> None:
    """Check the corpus, then write all data directories, trial lists and bad_files."""
    found = {part: find_recordings(corpus / part, part) for part in (*options.test, *options.train)}
    for part, paths in found.items():
        count_part(part, paths, options)
    read = {part: read_part(part, found[part], options, jobs) for part in options.test}  # to find faults sooner
    test = {utt for part in options.test for utt in read[part].seconds}
    lists = {name: read_list(corpus, name, test, options) for name in options.lists}
    read |= {part: read_part(part, found[part], options, jobs) for part in options.train}
    sets = split((utt for part in options.train for utt in read[part].seconds), options)
    trials = {"dev/trials_pairs": dev_trials(sets["dev"], options)}
    trials |= {f"test/trials_{name}": of for name, of in lists.items()}
    write_sets(out_dir, sets | {"test": test}, {k: v for paths in found.values() for k, v in paths.items()}, read)
    for name, of in trials.items():
        write_trials(out_dir / name, of)


if __name__ == "__main__":
    run(__doc__, CorpusOptions, prepare)
