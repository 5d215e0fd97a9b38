"""The file that `spkr eval` reads: trial lists, and the files that belong to each.

trials_pairs:                                # the name of a list in the results
  trials: exp/an4/data/test/trials_pairs
  scores:                                    # of each back-end
    cosine: exp/an4/main/scores/trials_pairs.cosine
    plda: exp/an4/main/scores/trials_pairs.plda
  llrs:                                      # the same, calibrated
    plda: exp/an4/main/scores/trials_pairs.plda.llr
  utt2spk: exp/an4/data/test/utt2spk
  dev: dev_trials_pairs                      # the list, of this file, that thresholds are chosen on
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from spkr.config.options import Options, Text, Word, first_error, option
from spkr.config.sources import place, read_source
from spkr.errors import InputError


class ScoredList(Options):
    """A labelled trial list, the scores of each back-end, and what else is known of its utterances."""

    trials: Text = option(meaning="lines of: enrolment test label")
    scores: dict[Word, Text] = option(meaning="the score file of each back-end", min_length=1)
    llrs: dict[Word, Text] = option({}, "the log-likelihood ratios of back-ends that are calibrated")
    calibrations: dict[Word, Text] = option({}, "what `spkr calibrate` wrote for back-ends on this list")
    dev: Word | None = option(None, "another list, of other speakers, on which thresholds for this one are chosen")
    utt2spk: Text | None = option(None, "speakers, for a 95 % confidence interval; files named by --by lie beside it")
    models: Text | None = option(None, "models_<list>: the utterances of its models; it then also asks who is speaking")
    num_voiced: Text | None = option(
        None, "utt2num_voiced of the list's set: the results count trials that rest on an utterance without speech"
    )

    def files(self) -> list[str]:
        """All files of the list."""
        optional = filter(None, (self.utt2spk, self.models, self.num_voiced))
        return [self.trials, *self.scores.values(), *self.llrs.values(), *self.calibrations.values(), *optional]


def read_lists(path: str | Path) -> dict[str, ScoredList]:
    """The lists of a YAML or JSON file, by name; InputError, with the line, if it holds something else."""
    source = read_source(path)
    try:
        return TypeAdapter(dict[Word, ScoredList]).validate_python(source.settings)
    except ValidationError as e:
        keys, message = first_error(e, source.settings)
        raise InputError(f"{place(keys, [source])}{message}") from None


def check_lists(lists: Mapping[str, ScoredList], primary: str, by: Sequence[str]) -> None:
    """Raise InputError unless each list has what is wanted of it.

    Args: primary: the back-end chosen on dev; by: names of the attributes' files beside each utt2spk.
    """
    if not lists:
        raise InputError("no trial list; name at least one")
    if by and not any(scored.utt2spk for scored in lists.values()):
        raise InputError(f"results by {', '.join(by)} need the utt2spk beside which these files lie; name a list's")
    for name, scored in lists.items():
        if scored.num_voiced and not scored.utt2spk:
            raise InputError(f"{name}: {scored.num_voiced} without an utt2spk; name the list's utt2spk, too")
        for kind in ("llrs", "calibrations"):
            if unscored := sorted(getattr(scored, kind).keys() - scored.scores.keys()):
                raise InputError(f"{name}: {kind} of {unscored[0]!r} without its scores; name these, too")
        if primary not in scored.scores:
            raise InputError(
                f"{name}: no scores of the primary back-end {primary!r}, only of "
                f"{', '.join(scored.scores)}; score the list with it or choose another primary"
            )
        if scored.dev:
            _check_dev(name, scored, lists)


def _check_dev(name: str, scored: ScoredList, lists: Mapping[str, ScoredList]) -> None:
    dev = lists.get(scored.dev)
    if dev is None:
        raise InputError(f"{name}: dev is {scored.dev!r}, which is no list of the file; expected one of them")
    if dev.dev:
        raise InputError(f"{name}: dev is {scored.dev!r}, which has a dev itself; choose thresholds on another list")
    if unscored := [backend for backend in scored.scores if backend not in dev.scores]:
        raise InputError(f"{name}: {scored.dev!r} has no scores of {unscored[0]!r}; score it with this back-end, too")
