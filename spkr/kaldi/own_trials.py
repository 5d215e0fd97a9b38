"""Trial lists of one's own, with names of utterances or paths of files, matched with a data directory.

    Kaldi's       <enrolment> <test> target|nontarget
    VoxCeleb's    1|0 <enrolment> <test>
    a table       enroll,test,label                     a header line; separated by commas, semicolons or tabs

A name is an utterance; or the end of a path in wav.scp, with any suffix (id10270/x/00001.wav); or an utterance with a
suffix; or one whose name has `-` for the slashes of the path, as Kaldi's recipe for VoxCeleb names them.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np

from spkr.errors import InputError
from spkr.files import read_text
from spkr.kaldi.datadir import clips
from spkr.kaldi.rules import Files, is_command
from spkr.kaldi.trials import KALDI_LABELS, VOXCELEB_LABELS, Trials, read_trials, without_repeated

HEADINGS = {  # of a table's columns, in any case
    "enrolment": ("enroll", "enrol", "enrollment", "enrolment", "model", "modelid"),
    "test": ("test", "segment", "segmentid"),
    "label": ("label", "target", "targettype"),
}
SEPARATORS = ",;\t"
LABELS = KALDI_LABELS | VOXCELEB_LABELS


def read_own_trials(
    path: str | Path,
    data_dir: str | Path,
    files: Files,
    models: Mapping[str, Sequence[str]],
    allow_duplicates: bool = False,
) -> Trials:
    """Read a labelled list and match its names with the models and with the utterances of a checked data directory.

    Raises InputError, with the line, as `read_trials` does, for a malformed table, for a name that means no utterance
    or several ones, and for a trial that occurs twice.
    """
    trials = _read_as_table(path) or read_trials(path, allow_duplicates=allow_duplicates)
    known = {name: [name] for name in models}
    utts = _utterances({*trials.enrol_names, *trials.test_names}, files)
    enrol = [known.get(name) or utts[name] for name in trials.enrol_names]
    test = [utts[name] or known.get(name, []) for name in trials.test_names]
    _check_matches(path, data_dir, trials, (enrol, test))
    a, b = ([of_name[0] for of_name in side] for side in (enrol, test))
    matched = Trials.of([a[k] for k in trials.enrol], [b[k] for k in trials.test], trials.target)
    matched.lines = np.array([trials.line(k) for k in range(len(trials))])
    return without_repeated(path, matched, allow_duplicates)


def _check_matches(
    path: str | Path, data_dir: str | Path, trials: Trials, matches: tuple[Sequence[Collection[str]], ...]
) -> None:
    """Raise InputError for the first trial with a name that has no match, or several ones; it counts the former."""
    counts = [np.array([len(of_name) for of_name in side]) for side in matches]
    of_trials = np.stack([counts[0][trials.enrol], counts[1][trials.test]])
    if (of_trials == 1).all():
        return
    k = int((of_trials != 1).any(axis=0).argmax())
    side = int((of_trials[:, k] != 1).argmax())
    name, found = trials.pair(k)[side], matches[side][(trials.enrol, trials.test)[side][k]]
    where = f"{path}:{trials.line(k)}: {name!r}"
    if found:
        first, second, *_ = found
        raise InputError(f"{where} may be {first!r} or {second!r}; write the utterance, or more of the path")
    lost = {
        name
        for names, of_side in zip((trials.enrol_names, trials.test_names), counts, strict=True)
        for name, count in zip(names, of_side, strict=True)
        if not count
    }
    raise InputError(
        f"{where} is no utterance of {data_dir} and no path in its wav.scp; "
        f"{(of_trials == 0).any(axis=0).sum()} of {len(trials)} trials name {len(lost)} such recordings: add these to "
        f"{data_dir}, or leave the trials out"
    )


def _read_as_table(path: str | Path) -> Trials | None:
    """The trials of a table with a header line; None if the first line is no such header."""
    text = read_text(path)
    head = text.partition("\n")[0].rstrip("\r")
    separator = max(SEPARATORS, key=head.count)
    columns = [cell.strip().strip('"').lower() for cell in head.split(separator)]
    places = [[k for k, cell in enumerate(columns) if cell in headings] for headings in HEADINGS.values()]
    if any(len(found) != 1 for found in places):
        if Path(path).suffix.lower() == ".csv" or len(head.split()) == 1:
            raise InputError(f"{path}:1: expected a header line such as enroll,test,label, found {head!r}")
        return None
    rows = []
    for number, row in _rows(path, text, separator, len(columns)):
        enrol, test, label = (row[k].strip() for (k,) in places)
        if not (enrol and test):
            raise InputError(f"{path}:{number}: an empty name; expected an enrolment and a test recording")
        if label.lower() not in LABELS:
            raise InputError(f"{path}:{number}: label {label!r}; expected target or nontarget, or 1 or 0")
        rows.append((number, enrol, test, LABELS[label.lower()]))
    if not rows:
        raise InputError(f"{path}: no trial below the header line; expected at least one")
    lines, *sides, target = zip(*rows, strict=True)
    trials = Trials.of(*sides, target)
    trials.lines = np.array(lines)
    return trials


def _rows(path: str | Path, text: str, separator: str, n_columns: int) -> Iterator[tuple[int, list[str]]]:
    """The lines below the header: their number and cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            if len(row) != n_columns:
                expected = f"expected {n_columns}, as in the header line"
                raise InputError(f"{path}:{reader.line_num}: {len(row)} columns; {expected}")
            if reader.line_num > 1:
                yield reader.line_num, row
    except csv.Error as e:
        raise InputError(f"{path}:{reader.line_num}: {e}; expected a line of a CSV file") from None


def _utterances(names: Iterable[str], files: Files) -> dict[str, list[str]]:
    """The utterances that each name may mean."""
    utt2spk = files["utt2spk"]
    found = {name: [name] if name in utt2spk else [] for name in names}
    parts = {name: _parts(PurePath(name)) for name, utts in found.items() if not utts}
    by_end = _by_end(files, {len(of_name) for of_name in parts.values()})
    for name, of_name in parts.items():
        named = dict.fromkeys(("/".join(of_name), "-".join(of_name)))
        found[name] = by_end.get(of_name) or [utt for utt in named if utt in utt2spk]
    return found


def _by_end(files: Files, lengths: Collection[int]) -> dict[tuple[str, ...], list[str]]:
    """The utterances by the last parts of their paths in wav.scp, for these numbers of parts."""
    utts: dict[tuple[str, ...], list[str]] = {}
    for utt, clip in clips(files).items() if lengths and "wav.scp" in files else ():
        if not is_command(clip.source):
            parts = _parts(Path(clip.source).absolute())
            for n in lengths:
                utts.setdefault(parts[-n:], []).append(utt)
    return utts


def _parts(path: PurePath) -> tuple[str, ...]:
    """The folders of a path, and its name without suffix."""
    return (*path.parts[:-1], path.stem)
