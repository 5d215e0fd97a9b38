"""The cohort of S-norm and AS-norm: the embeddings of other speakers, and the file of what each name scores with it.

`enrol|test name mean deviation`, of the scores that normalised the name's: all, or those of the N closest members.
"""

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from spkr.backend.chain import Step
from spkr.backend.embeddings import average_embeddings, check_models
from spkr.backend.pipeline import Backend, PldaScorer
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.maps import read_map
from spkr.kaldi.table import TableReader
from spkr.kaldi.text_table import read_table
from spkr.kaldi.trials import Trials, Utterances, read_models

SIDES = ("enrol", "test")
FORM = "<side> <name> <mean> <deviation>"

logger = logging.getLogger(__name__)


class Cohort:
    """The embeddings of other speakers against which scores are normalised.

    A member stands for the other side of a trial and therefore counts as one utterance, even if it is an average. Where
    psi is large, PLDA's log likelihood ratio of averages of n and m utterances is a constant less |u - v|^2 /
    (2 (1/n + 1/m)). Scores against averages that count as 12 utterances would have nearly twice the scale of a trial of
    two utterances, whose own score would then count for half as much in the normalised one.
    """

    def __init__(
        self,
        norm: Step,
        xvectors: Sequence[str | Path],
        models_paths: Sequence[str | Path] = (),
        top_n: int | None = None,
        utt2spk: str | Path | None = None,
    ):
        """A cohort for a step s-norm or as-norm.

        Args:
            xvectors: tables of raw embeddings
            models_paths: spk2utt; the members are averages of these speakers, else single embeddings
            top_n: of an as-norm without a number
            utt2spk: the speakers of the list's utterances, none of whom may be in the cohort
        """
        if norm.name == "s-norm" and top_n is not None or norm.number and top_n is not None:
            raise InputError(f"top_n {top_n} for {norm}; expected it for an as-norm without a number only")
        if norm.name == "as-norm" and not (norm.number or top_n):
            raise InputError("as-norm without a number; expected how many of the closest members count: --top-n N")
        self.norm, self.top_n = norm, norm.number or top_n
        self.xvectors, self.utt2spk = xvectors, utt2spk
        self.table = TableReader(*xvectors)
        self.speakers: dict[str, Sequence[str]] = {}
        for path in models_paths:
            models = read_models(path)
            check_models(path, models, models, self.table)
            self.speakers |= models

    @cached_property
    def members(self) -> list[Sequence[str]]:
        """The utterances of each member."""
        members = list(self.speakers.values()) or [(utt,) for utt in self.table]
        if not 2 <= (self.top_n or len(members)) <= len(members):
            raise InputError(
                f"as-norm by the {self.top_n} closest members of a cohort of {len(members)} in {self}; expected 2 to "
                f"{len(members)}: change the number (in a config: backend.score.top_n)"
            )
        return members

    def __str__(self) -> str:
        return " ".join(map(str, self.xvectors))

    def check_speakers(self, trials_path: str | Path, utts: tuple[Utterances, Utterances]) -> None:
        """Raise InputError if a speaker of the list is in the cohort; warn if the list's speakers are not known.

        Args: utts are those of each enrolment and test name of the list.
        """
        of_list = {utt for side in utts for of_name in side for utt in of_name}
        own = {utt for member in self.members for utt in member}
        speaker_of = read_map(self.utt2spk) if self.utt2spk else {}
        if self.utt2spk and (unknown := sorted(of_list - speaker_of.keys())):
            raise InputError(f"{self.utt2spk}: no line for {unknown[0]!r} of {trials_path}; expected its speaker")
        speakers = {speaker_of[utt] for utt in of_list} if self.utt2spk else set()
        # Keys of a table may be speakers, as those of spk_xvector.scp are
        found = self.speakers.keys() | own | {speaker_of[utt] for utt in own & speaker_of.keys()}
        kind, shared = "speaker", sorted(speakers & found)
        if not shared:
            kind, shared = "utterance", sorted(of_list & own)
        if shared:
            raise InputError(
                f"{trials_path}: {len(shared)} of its {kind}s, first {shared[0]!r}, are also in the cohort {self}; "
                "take a cohort of other speakers (in a config: backend.score.cohort)"
            )
        if not (self.utt2spk and self.speakers):
            logger.warning(
                "%s: not known whether its speakers are in the cohort, too; with --utt2spk and --cohort-models this is "
                "checked", trials_path,
            )  # fmt: skip

    def processed(self, backend: Backend) -> np.ndarray:
        """The members, (number of members, d), as the back-end's scorer takes them."""
        if isinstance(backend.scorer, PldaScorer):
            logger.warning(
                "%s of PLDA's scores: log likelihood ratios need no normalisation, and it often makes them worse; "
                "compare with the same back-end without it on dev",
                self.norm.name,
            )
        raw, num_utts = average_embeddings(self.members, self.table)
        return backend.process(raw, np.ones_like(num_utts))


def write_statistics(path: str | Path, trials: Trials, mean: np.ndarray, std: np.ndarray) -> None:
    """Write mean and deviation (number of names,) of the enrolment names, then of the test names; by rename."""
    names = [
        (side, name)
        for side, of_side in zip(SIDES, (trials.enrol_names, trials.test_names), strict=True)
        for name in of_side
    ]
    with replacing(path) as f:
        f.writelines(f"{side} {name} {m:.7g} {s:.7g}\n" for (side, name), m, s in zip(names, mean, std, strict=True))


def read_cohort_means(path: str | Path) -> dict[tuple[str, str], float]:
    """(enrol or test, name) -> mean, from the file of `write_statistics`; InputError, with the line, for another."""
    table = read_table(path, FORM, numbers=["mean", "deviation"])
    return dict(zip(zip(table["side"], table["name"], strict=True), table["mean"].tolist(), strict=True))
