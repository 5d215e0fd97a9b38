"""Parts of data directories, as subset_data_dir.sh and split_data.sh make them."""

import logging
from collections.abc import Callable, Collection
from itertools import chain
from pathlib import Path

from spkr.errors import InputError
from spkr.files import read_lines, replacing
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.fields import decimal
from spkr.kaldi.rules import Files, invert, restrict
from spkr.kaldi.select import shuffled
from spkr.kaldi.trial_rules import models_beside
from spkr.kaldi.trials import read_models, read_trials

ALWAYS = ("utt2spk", "spk2utt")

logger = logging.getLogger(__name__)


def subset_data_dir(path: str | Path, out_dir: str | Path, choose: Callable[[Files], Collection[str]]) -> None:
    """Write a data directory with the utterances of `path` that `choose` picks, given the files of `path`.

    Trial lists and models are copied if all of their utterances are chosen; the log names the others.

    Raises InputError, before anything is written, if `path` or one of its lists is malformed, or if no utterance is
    chosen.
    """
    path, out = Path(path), Path(out_dir)
    if out.resolve() == path.resolve():
        raise InputError(f"{out}: is the data directory itself; name another for the subset")
    files = check_data_dir(path, ALWAYS)
    try:
        utts = set(choose(files))
    except InputError as e:
        raise InputError(f"{path}: {e}") from None
    if not utts:
        raise InputError(f"{path}: no utterance is chosen; expected at least one")
    lists = _whole_lists(path, utts)
    write_data_dir(out, restrict(files, utts))
    logger.info("%s: %d of %d utterances of %s", out, len(utts), len(files["utt2spk"]), path)
    for source in _lists(path):
        (out / source.name).unlink(missing_ok=True)  # of an earlier subset
    for name, text in lists.items():
        with replacing(out / name) as f:
            f.write(text)
        logger.info("%s: copied", path / name)


def of_speakers(speakers: Path) -> Callable[[Files], Collection[str]]:
    """The utterances of the speakers in a file, one at the beginning of each line (--spk-list)."""
    return lambda files: [
        utt for spk in _listed(speakers, files["spk2utt"], "speaker") for utt in files["spk2utt"][spk].split()
    ]


def of_list(utterances: Path) -> Callable[[Files], Collection[str]]:
    """The utterances in a file, one at the beginning of each line (--utt-list)."""
    return lambda files: _listed(utterances, files["utt2spk"], "utterance")


def _listed(path: Path, known: Collection[str], what: str) -> list[str]:
    names = [(number, line.split()[0]) for number, line in read_lines(path)]
    for number, name in names:
        if name not in known:
            raise InputError(f"{path}:{number}: {name!r} is no {what} of the data directory")
    return [name for _, name in names]


def first(n: int) -> Callable[[Files], Collection[str]]:
    """The first n utterances (--first)."""
    return lambda files: sorted(files["utt2spk"])[: _at_most(n, files)]


def last(n: int) -> Callable[[Files], Collection[str]]:
    """The last n utterances (--last)."""
    return lambda files: sorted(files["utt2spk"])[-_at_most(n, files) :]


def at_random(n: int, seed: int) -> Callable[[Files], Collection[str]]:
    """n random utterances, which depend only on the seed and the names of all utterances (--num-utt)."""
    return lambda files: shuffled(seed, files["utt2spk"])[: _at_most(n, files)]


def shortest(n: int) -> Callable[[Files], Collection[str]]:
    """The n shortest utterances, by utt2num_frames or else utt2dur (--shortest)."""

    def choose(files: Files) -> Collection[str]:
        lengths = files.get("utt2num_frames") or files.get("utt2dur")
        if not lengths:
            raise InputError("utt2num_frames, utt2dur: no such files; --shortest needs one of them")
        return sorted(lengths, key=lambda utt: (decimal(lengths[utt]), utt))[: _at_most(n, files)]

    return choose


def per_speaker(n: int) -> Callable[[Files], Collection[str]]:
    """Up to n utterances of each speaker, evenly spaced (--per-spk)."""

    def spread(utts: list[str]) -> list[str]:
        return utts[:: max(1, len(utts) // n)][:n]

    return lambda files: list(chain.from_iterable(map(spread, invert(files["utt2spk"]).values())))


def whole_speakers(n: int, seed: int) -> Callable[[Files], Collection[str]]:
    """All utterances of random speakers, who are added until there are at least n utterances (--speakers)."""

    def choose(files: Files) -> Collection[str]:
        spk2utt, chosen = invert(files["utt2spk"]), []
        for spk in shuffled(seed, spk2utt):
            if len(chosen) < _at_most(n, files):
                chosen += spk2utt[spk]
        return chosen

    return choose


def _at_most(n: int, files: Files) -> int:
    if n > len(files["utt2spk"]):
        raise InputError(f"{n} utterances are asked for; the data directory has {len(files['utt2spk'])}")
    return n


def _whole_lists(path: Path, utts: set[str]) -> dict[str, str]:
    """The text of trial lists and models whose utterances are all in the subset, by name; the log names the others."""
    texts: dict[str, str] = {}
    models: dict[str, set[str]] = {}  # of the lists that are kept
    for source in _lists(path):
        if source.name.startswith("trials"):
            known = models.get(models_beside(source).name, models.get("enroll_spk2utt", set())) | utts
            trials = read_trials(source, labelled=False, allow_duplicates=True)
            lost = {*trials.enrol_names, *trials.test_names} - known
        else:
            utts_of_model = read_models(source)
            lost = set(chain.from_iterable(utts_of_model.values())) - utts
            if not lost:
                models[source.name] = set(utts_of_model)
        if lost:
            what = "%s: left out, as %d of its names are not in the subset, first %r"
            logger.warning(what, source, len(lost), min(lost))
        else:
            texts[source.name] = source.read_text(encoding="utf-8")
    return texts


def _lists(path: Path) -> list[Path]:
    """The models and trial lists of a data directory, models first."""
    return sorted([*path.glob("models_*"), *path.glob("enroll_spk2utt"), *path.glob("trials*")])


def parts_of(path: str | Path, n: int, per_utt: bool = False) -> list[Path]:
    """The data directories that `split_data_dir` writes."""
    return [Path(path) / f"split{n}{'utt' * per_utt}" / str(i + 1) for i in range(n)]


def split_data_dir(path: str | Path, n: int, per_utt: bool = False) -> list[Path]:
    """Split into `path`/split<n>/1 to n of whole speakers or, `per_utt`, into split<n>utt/ of equally many utterances.

    Speakers stay in order, as in split_scp.pl. They are moved between neighbouring parts while that makes the parts'
    numbers of utterances more alike. Raises InputError if there are fewer speakers, or utterances, than parts.
    """
    path = Path(path)
    files = check_data_dir(path, ALWAYS)
    groups = [[utt] for utt in sorted(files["utt2spk"])] if per_utt else list(invert(files["utt2spk"]).values())
    if not 1 <= n <= len(groups):
        raise InputError(f"{path}: {len(groups)} {'utterances' if per_utt else 'speakers'} do not make {n} parts")
    outs = parts_of(path, n, per_utt)
    for out, part in zip(outs, (_equal if per_utt else _balanced)(groups, n), strict=True):
        write_data_dir(out, restrict(files, set(chain.from_iterable(part))))
    logger.info("%s: %d parts; trials and models are left where they are", outs[0].parent, n)
    return outs


def _equal(groups: list, n: int) -> list[list]:
    size, more = divmod(len(groups), n)
    starts = [i * size + min(i, more) for i in range(n + 1)]
    return [groups[a:b] for a, b in zip(starts, starts[1:], strict=False)]


def _balanced(speakers: list[list[str]], n: int) -> list[list[list[str]]]:
    parts: list[list[list[str]]] = [[] for _ in range(n)]
    for i, utts in enumerate(speakers):
        parts[i * n // len(speakers)].append(utts)

    def is_better(giver: list[list[str]], utts: list[str], taker: list[list[str]]) -> bool:
        gap = sum(map(len, giver)) - sum(map(len, taker))
        return len(giver) > 1 and abs(gap - 2 * len(utts)) < abs(gap)

    moved = True
    while moved:
        moved = False
        for i, part in enumerate(parts):
            if i < n - 1 and is_better(part, part[-1], parts[i + 1]):
                parts[i + 1].insert(0, part.pop())
                moved = True
            if i > 0 and is_better(part, part[0], parts[i - 1]):
                parts[i - 1].append(part.pop(0))
                moved = True
    return parts
