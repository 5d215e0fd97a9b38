"""Trial lists by rule: all pairs or some for each speaker, of recordings or of enrolment models, by sex and session.

Trials are drawn so that speakers and recordings occur equally often. The seed orders the speakers in a circle. Each
speaker is compared with the next one, then with the one two places further, and so on, one trial each in turn, until it
has its number of nontarget trials. The recordings of two speakers are paired along the diagonals of a table of both.
The order of lines in files changes nothing.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from spkr.errors import InputError
from spkr.kaldi.fields import decimal
from spkr.kaldi.rules import Files, invert
from spkr.kaldi.select import shuffled
from spkr.kaldi.trials import all_pairs, trials_of_models

MOST = 20_000_000  # pairs that are listed without a number of trials

logger = logging.getLogger(__name__)

Trial = tuple[str, str, bool]  # enrolment, test, same speaker


@dataclass(frozen=True)
class TrialRules:
    """Which trials a list has; by default all pairs of recordings, but no target trial within one session."""

    targets: int | None = None  # target trials of each speaker; None for all
    nontargets: int | None = None  # nontarget trials of each speaker in enrolment; None for all
    models: int | None = None  # recordings in each speaker's model; None for no models
    model_seconds: float | None = None  # speech in each speaker's model
    gender: str = "any"  # any, same or different, of the two speakers of a nontarget trial
    session: str | None = None  # any, same or different; None is different if sessions are known
    seed: int = 1

    @property
    def of_models(self) -> bool:
        """Whether the enrolment side has models."""
        return self.models is not None or self.model_seconds is not None


def models_beside(trials: str | Path) -> Path:
    """The path of a trial list's models: models_<list> beside trials_<list>."""
    path = Path(trials)
    renamed = path.name.replace("trials", "models", 1)
    return path.with_name(renamed if renamed != path.name else f"models_{path.name}")


def sessions_of(files: Files) -> dict[str, str]:
    """The session of each utterance: utt2session, or else the recording in segments; empty if neither is known."""
    if "utt2session" in files:
        return dict(files["utt2session"])
    return {utt: value.split()[0] for utt, value in files.get("segments", {}).items()}


def make_trials(files: Files, rules: TrialRules) -> tuple[dict[str, list[str]], list[Trial]]:
    """The models, named after their speakers, and the trials of a checked data directory, in sorted order.

    The log names speakers that have too few recordings. Raises InputError if a file that a rule needs is missing, if
    there are more than MOST pairs to list, or if no target or no nontarget trial is left.
    """
    _check_files(files, rules)
    models = _choose_models(files, rules) if rules.of_models else {}
    pairs = _Pairs(files, rules, models)
    if rules.targets is None and rules.nontargets is None:
        trials = pairs.all()
    else:
        trials = sorted(pairs.draw(True, rules.targets) + pairs.draw(False, rules.nontargets))
    for kind, wanted in (("target", True), ("nontarget", False)):
        if not any(target == wanted for *_, target in trials):
            raise InputError(
                f"no {kind} trial follows the rules; expected recordings of two speakers or more, two of each speaker "
                "that is enrolled, and other values of --session, --gender or the models where these leave none"
            )
    return models, trials


def _check_files(files: Files, rules: TrialRules) -> None:
    """Raise InputError if a file is missing that a rule needs."""
    needs = {
        "--gender": ("spk2gender" in files or rules.gender == "any", "spk2gender"),
        "--session": (sessions_of(files) or rules.session in (None, "any"), "utt2session or segments"),
        "--model-seconds": ("utt2dur" in files or rules.model_seconds is None, "utt2dur"),
    }
    for option, (is_there, name) in needs.items():
        if not is_there:
            raise InputError(f"no {name}, which {option} needs; add it, or leave {option} out")


def _choose_models(files: Files, rules: TrialRules) -> dict[str, list[str]]:
    """A model of each speaker's first recordings, of as few sessions as possible, that leaves one to test."""
    sessions = {} if rules.session == "any" else sessions_of(files)
    spk2utt, models = invert(files["utt2spk"]), {}
    for spk, utts in spk2utt.items():
        of_session = invert({utt: sessions.get(utt, "") for utt in utts})
        ordered = [utt for _, same in sorted(of_session.items(), key=lambda s: (-len(s[1]), s[0])) for utt in same]
        n = rules.models if rules.models is not None else _enough(files, ordered, rules.model_seconds)
        if n < len(ordered):
            models[spk] = sorted(ordered[:n])
    if few := sorted(spk2utt.keys() - models.keys()):
        logger.warning(
            "%d of %d speakers are not enrolled, first %s: their recordings do not suffice for a model and a test",
            *(len(few), len(spk2utt), few[0]),
        )
    return models


def _enough(files: Files, utts: Sequence[str], seconds: float) -> int:
    """How many of these utterances, from the first on, have this many seconds together; all if they have fewer."""
    total = 0.0
    for n, utt in enumerate(utts, 1):
        total += decimal(files["utt2dur"][utt])
        if total >= seconds:
            return n
    return len(utts)


class _Pairs:
    """The pairs of enrolment names and utterances that follow the rules."""

    def __init__(self, files: Files, rules: TrialRules, models: dict[str, list[str]]):
        self.rules, self.models, self.utt2spk = rules, models, files["utt2spk"]
        self.gender, self.session = files.get("spk2gender", {}), sessions_of(files)
        self.session_rule = rules.session or ("different" if self.session else "any")
        self.spk2utt = invert(self.utt2spk)
        utts_of = models if rules.of_models else {utt: [utt] for utt in self.utt2spk}
        self.speaker = {name: self.utt2spk[utts[0]] for name, utts in utts_of.items()}  # of enrolment names
        self.sessions = {name: {self.session.get(utt) for utt in utts} for name, utts in utts_of.items()}
        enrolled = {utt for utts in models.values() for utt in utts}
        rest = {spk: [utt for utt in utts if utt not in enrolled] for spk, utts in self.spk2utt.items()}
        self.tests = {spk: shuffled(rules.seed, utts) for spk, utts in rest.items()}
        self.enrol = {spk: [spk] * (spk in models) for spk in rest} if rules.of_models else self.tests

    def all(self) -> list[Trial]:
        """All of them, in sorted order; without models, a pair is listed in one order."""
        n_tests = sum(map(len, self.tests.values()))
        n = len(self.models) * n_tests if self.rules.of_models else n_tests * (n_tests - 1) // 2
        if n > MOST:
            raise InputError(f"{n:,} pairs of recordings; expected at most {MOST:,}: draw some with --per-speaker")
        trials = trials_of_models(self.models, self.spk2utt) if self.rules.of_models else all_pairs(self.utt2spk)
        return [trial for trial in trials if self._is_allowed(*trial)]

    def draw(self, target: bool, n: int | None) -> list[Trial]:
        """`n` trials of one kind for each speaker in enrolment, or all (None); the log says how many have fewer."""
        circle = shuffled(self.rules.seed, self.tests)
        taken: set[tuple[str, str]] = set()
        pairs = [islice(self._of_speaker(circle, k, target, taken), n) for k in range(len(circle))]
        trials = [(*pair, target) for pair in _in_turn(pairs)]
        found = Counter(self.speaker[enrol] for enrol, *_ in trials)
        if few := sorted(spk for spk in circle if n and self.enrol[spk] and found[spk] < n):
            kind = "target" if target else "nontarget"
            message = "%d of %d speakers have fewer than %d %s trials, first %s with %d"
            logger.warning(message, len(few), len(circle), n, kind, few[0], found[few[0]])
        return trials

    def _of_speaker(
        self, circle: Sequence[str], k: int, target: bool, taken: set[tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        """The pairs of one kind of speaker `k` of the circle, in the order in which they are drawn."""
        spk, others = circle[k], (circle[(k + places) % len(circle)] for places in range(1, len(circle)))
        partners = [spk] if target else (other for other in others if self._may_meet(spk, other))
        tables = (_diagonals(self.enrol[spk], self.tests[other], start) for start, other in enumerate(partners))
        for enrol, test in _in_turn(tables):
            pair = (enrol, test) if self.models else (min(enrol, test), max(enrol, test))
            is_new = pair not in taken and (self.models or enrol != test)
            if is_new and self._is_allowed(enrol, test, target):
                taken.add(pair)
                yield enrol, test

    def _may_meet(self, spk: str, other: str) -> bool:
        """Whether two speakers may make a nontarget trial."""
        is_same = self.gender.get(spk) == self.gender.get(other)
        return self.rules.gender == "any" or is_same == (self.rules.gender == "same")

    def _is_allowed(self, enrol: str, test: str, target: bool) -> bool:
        """Whether a pair follows the rules."""
        if not target and not self._may_meet(self.speaker[enrol], self.utt2spk[test]):
            return False
        if self.session_rule == "any" or (self.session_rule == "same" and not target):
            return True
        return (self.session[test] in self.sessions[enrol]) == (self.session_rule == "same")


def _diagonals(enrol: Sequence[str], test: Sequence[str], start: int) -> Iterator[tuple[str, str]]:
    """All pairs of two sequences, along the diagonals of their table, so that each name comes equally often."""
    for shift in range(len(test) if enrol else 0):
        for k in range(start, start + len(enrol)):
            yield enrol[k % len(enrol)], test[-1 - (k + shift) % len(test)]


def _in_turn(streams: Iterable[Iterator]) -> Iterator:
    """One item of each stream, then the second of each, and so on, until all have ended."""
    while streams:
        left = []
        for stream in streams:
            for item in islice(stream, 1):
                yield item
                left.append(stream)
        streams = left
