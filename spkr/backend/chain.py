"""A back-end as data: a chain of steps, such as `mean | lda: 64 | length-norm | plda | as-norm: 300`.

    mean          subtract the mean of what the back-end is trained on        mean.vec
    lda, lda: N   LDA, to N dimensions                                        transform.mat
    length-norm   scale to length sqrt(dimension)
    cosine, plda  the score                                                   plda
    adapted-plda  PLDA, after adaptation to a set without labels; each mean is that set's, too
    s-norm        normalise the score by a cohort
    as-norm: N    the same by the N closest members of either side

A chain has any number of steps of the first kind in any order, then one that scores, then at most one normalisation.
A trained step is trained on the embeddings as they arrive there, and has the file on the right. The second mean of a
chain has mean.2.vec, and so on.
"""

from collections import Counter
from dataclasses import dataclass, replace

from spkr.backend import NORM_STEPS, SCORERS
from spkr.errors import InputError

TRANSFORMS = ("mean", "lda", "length-norm")
ADAPTED = "adapted-plda"
FILES = {"mean": ("mean", "vec"), "lda": ("transform", "mat")}
NUMBERED = ("lda", "as-norm")


@dataclass(frozen=True)
class Step:
    """One step; a number that is None is the default of the options."""

    name: str
    number: int | None = None

    def __str__(self) -> str:
        return self.name if self.number is None else f"{self.name}: {self.number}"


@dataclass(frozen=True)
class Chain:
    """The steps of a back-end."""

    transforms: tuple[Step, ...]
    scoring: str  # a name of SCORERS, or adapted-plda
    norm: Step | None = None

    def __str__(self) -> str:
        return " | ".join([*map(str, self.transforms), self.scoring, *([str(self.norm)] if self.norm else [])])

    @property
    def is_adapted(self) -> bool:
        """Whether its PLDA is adapted to a set."""
        return self.scoring == ADAPTED

    @property
    def scorer(self) -> str:
        """The name in SCORERS."""
        return "plda" if self.is_adapted else self.scoring

    @property
    def parts(self) -> list[tuple[Step, str | None]]:
        """Each transform, and its file; None for length-norm."""
        seen: Counter = Counter()
        found = []
        for step in self.transforms:
            stem, end = FILES.get(step.name, (None, None))
            seen[stem] += 1
            found.append((step, stem and (f"{stem}.{end}" if seen[stem] == 1 else f"{stem}.{seen[stem]}.{end}")))
        return found

    @property
    def files(self) -> list[str]:
        """The files of its trained steps."""
        return [file for _, file in self.parts if file] + (["plda"] if self.scorer == "plda" else [])

    def before_adaptation(self) -> "Chain":
        """What is trained for it: the chain without adaptation and normalisation."""
        return replace(self, scoring=self.scorer, norm=None)

    def is_trained_by(self, other: "Chain", lda_dim: int) -> bool:
        """Whether training `other` gives all files of this chain: its trained steps come first in `other`."""
        own, others = (
            [Step("lda", step.number or lda_dim) if step.name == "lda" else step for step in chain.trained_steps()]
            for chain in (self, other)
        )
        return own == others[: len(own)]

    def trained_steps(self) -> list[Step]:
        """The steps up to the last trained one."""
        steps = list(self.transforms)
        if self.scorer == "plda":
            return [*steps, Step("plda")]
        while steps and steps[-1].name not in FILES:
            steps.pop()
        return steps


def parse_chain(text: str) -> Chain:
    """Read a chain; raises InputError, which names the step that is wrong."""
    steps = [_step(part.strip(), text) for part in text.split("|")]
    norm = steps.pop() if steps[-1].name in NORM_STEPS else None
    *transforms, last = steps or [Step("")]
    scoring = (*SCORERS, ADAPTED)
    wrong = [step.name for step in transforms if step.name not in TRANSFORMS]
    if wrong or last.name not in scoring:
        raise InputError(
            f"chain {text!r}: expected any of {', '.join(TRANSFORMS)}, then one of {', '.join(scoring)}, then "
            f"{' or '.join(NORM_STEPS)}, or nothing"
        )
    return Chain(tuple(transforms), last.name, norm)


def _step(text: str, chain: str) -> Step:
    name, colon, number = (part.strip() for part in text.partition(":"))
    known = (*TRANSFORMS, *SCORERS, ADAPTED, *NORM_STEPS)
    if name not in known:
        raise InputError(f"chain {chain!r}: no such step {name!r}; expected one of {', '.join(known)}")
    if not colon:
        return Step(name)
    if name not in NUMBERED:
        raise InputError(f"chain {chain!r}: {name} takes no number; only {' and '.join(NUMBERED)} do")
    if not (number.isascii() and number.isdecimal() and 0 < int(number) < 2**31):
        raise InputError(f"chain {chain!r}: {name}: {number!r}; expected a whole number above zero")
    return Step(name, int(number))
