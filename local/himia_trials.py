"""HI-MIA's names and trials, either averaged over microphones, or with a trial for each microphone.

A name is <speaker>_<point>_<microphone>_<speed><number>, for example SV0001_2_10_N0001. Points 2, 5 and 6 are circular
arrays of microphones 01 to 15 at one, three and five metres; point 7 is a close microphone. S, N and F mean slow,
normal and fast. In a trial, `{}` means all microphones of the array.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import combinations, product
from pathlib import Path

from spkr.errors import InputError
from spkr.files import read_lines
from spkr.kaldi.maps import write_spk2utt
from spkr.kaldi.rules import invert
from spkr.kaldi.select import shuffled
from spkr.kaldi.trials import write_trials

NAME = re.compile(r"SV\d{4}_\d_\d\d_[SNF]\d+")
TRIAL_NAME = re.compile(r"SV\d{4}_\d_(\d\d|\{\})_[SNF]\d+")
SPK, POINT, MIC, SPEED = slice(0, 6), slice(7, 8), slice(9, 11), slice(12, 13)  # `{}` has two characters, like MIC
CLOSE = "7"
LABELS = {
    **dict.fromkeys(("target", "1", "true"), True),
    **dict.fromkeys(("nontarget", "non-target", "impostor", "imposter", "0", "false"), False),
}

Trial = tuple[str, str, bool]


def said(name: str) -> str:
    """The spoken utterance, without point and microphone: SV0001_2_10_N0001 -> SV0001_N0001."""
    return name[SPK] + name[11:]


def array(name: str) -> str:
    """The name for all microphones of the array: SV0001_2_10_N0001 -> SV0001_2_{}_N0001."""
    return f"{name[:9]}{{}}{name[11:]}"


def read_trials(path: Path) -> list[Trial]:
    """Read one of HI-MIA's trial files; names lose .wav. Duplicate trials are dropped, with a message."""
    trials: dict[tuple[str, str], bool] = {}
    number = 0
    for number, line in read_lines(path):
        fields = line.split()
        names = [field.rpartition("/")[2].removesuffix(".wav") for field in fields[:2]]
        if len(fields) != 3 or not all(map(TRIAL_NAME.fullmatch, names)):
            raise InputError(f"{path}:{number}: expected 'SV0001_2_{{}}_N0001.wav <other name> target', found {line!r}")
        enrol, test = names
        target = LABELS.get(fields[2].lower())
        if target is None:
            raise InputError(f"{path}:{number}: decision {fields[2]!r}; expected target or nontarget, or 1 or 0")
        if target != (enrol[SPK] == test[SPK]):
            speakers = f"{enrol[SPK]} and {test[SPK]}"
            raise InputError(f"{path}:{number}: decision {fields[2]!r}, but the speakers are {speakers}")
        trials[enrol, test] = target
    if len(trials) < number:
        print(f"{path}: {number - len(trials)} duplicate trials dropped")
    return [(*names, target) for names, target in trials.items()]


class Microphones:
    """The utterances that a name in a trial means."""

    def __init__(self, utts: Collection[str], bad_files: Iterable[str], expected: int):
        self.utts, self.expected = utts, expected
        self.arrays: dict[str, list[str]] = {}
        for utt in sorted(utts):
            if 1 <= int(utt[MIC]) <= expected:
                self.arrays.setdefault(array(utt), []).append(utt)
        bad = [file.removesuffix(".wav") for file in bad_files]
        self.bad = {*bad, *map(array, bad)}

    def behind(self, name: str) -> list[str]:
        """The utterances of a name, sorted; empty if it has no usable recording."""
        return self.arrays.get(name, []) if "{}" in name else [name] if name in self.utts else []

    def usable(self, where: str, trials: list[Trial], allow_partial: bool) -> list[Trial]:
        """The trials whose recordings exist. Trials with bad files are dropped and counted in a message.

        Raises InputError for the first trial with a recording that the corpus does not have, unless `allow_partial`.
        """
        kept, first = [], ""
        for trial in trials:
            if all(map(self.behind, trial[:2])):
                kept.append(trial)
                continue
            name = next(name for name in trial[:2] if not self.behind(name))
            first = first or name
            if name not in self.bad and not allow_partial:
                raise InputError(f"{where}: trial {trial[0]} {trial[1]}: no recording {name} in the corpus")
        if first:
            print(f"{where}: {len(trials) - len(kept)} trials dropped, because a recording is missing; first {first}")
        return kept

    def expand(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """A trial for each microphone of both sides or, with {} on one side only, for each microphone of that side."""
        for enrol, test, target in trials:
            if "{}" in enrol and "{}" in test:
                of_mic = {utt[MIC]: utt for utt in self.behind(test)}
                yield from ((utt, of_mic[utt[MIC]], target) for utt in self.behind(enrol) if utt[MIC] in of_mic)
            else:
                yield from ((*pair, target) for pair in product(self.behind(enrol), self.behind(test)))


def dev_trials(utts: Collection[str], points: list[str], most: int, seed: int) -> dict[str, list[Trial]]:
    """Trials of dev that resemble those of test, of at most `most` utterances a speaker, chosen by the seed.

    `1m`: all pairs of arrays at `points`. `mic`: the close microphone against these arrays. `pairs`: all pairs of
    recordings, with one close and one array recording of each utterance. No trial has the same utterance on both sides.
    """
    spk2said = invert({said(utt): utt[SPK] for utt in utts})
    chosen = {word for words in spk2said.values() for word in shuffled(seed, words)[:most]}
    close = sorted(utt for utt in utts if utt[POINT] == CLOSE and said(utt) in chosen)
    far = [utt for utt in shuffled(seed, (utt for utt in utts if said(utt) in chosen)) if utt[POINT] in points]
    single = sorted({said(utt): utt for utt in far}.values())
    arrays = sorted(set(map(array, far)))
    pairs = {
        "1m": combinations(arrays, 2),
        "mic": product(close, arrays),
        "pairs": combinations(sorted(close + single), 2),
    }
    return {name: [(a, b, a[SPK] == b[SPK]) for a, b in of if said(a) != said(b)] for name, of in pairs.items()}


def write_lists(folder: Path, trials: dict[str, list[Trial]], microphones: Microphones, allow_partial: bool) -> None:
    """Write both forms of each list, except `pairs`, which is written as it is. Print the number of trials of each."""
    arrays: set[str] = set()
    for name, lines in trials.items():
        where = f"{folder.name}/trials_{name}"
        kept = microphones.usable(where, lines, allow_partial)
        forms = {where: kept}
        if name != "pairs":
            forms = {f"{where}_averaged": kept, f"{where}_expanded": list(microphones.expand(kept))}
            models = {n: microphones.behind(n) for trial in kept for n in trial[:2]}
            write_spk2utt(folder / f"models_{name}_averaged", models)
            arrays.update(n for n in models if "{}" in n)
        for form, of in forms.items():
            print(f"{form}: {len(of)} trials, {sum(target for *_, target in of)} target", flush=True)
            if not of:
                raise InputError(f"{form}: no trial is left; expected recordings by the same microphones on both sides")
            write_trials(folder.parent / form, of)
    few = sorted(name for name in arrays if len(microphones.behind(name)) < microphones.expected)
    if few:
        print(
            f"{folder.name}: {len(few)} of {len(arrays)} arrays have fewer than {microphones.expected} microphones, "
            f"first {few[0]} with {len(microphones.behind(few[0]))}; the average is over those"
        )
