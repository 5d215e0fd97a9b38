"""The file that `spkr eval` reads: trial lists, and the files that belong to each.

trials_pairs:                                # the name of a list in the results
  trials: exp/an4/data/test/trials_pairs
  scores:                                    # of each back-end
    cosine: exp/an4/main/scores/trials_pairs.cosine
    plda: exp/an4/main/scores/trials_pairs.plda
  llrs:                                      # the same, calibrated
    plda: exp/an4/main/scores/trials_pairs.plda.llr
  utt2spk: exp/an4/data/test/utt2spk
"""

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
    utt2spk: Text | None = option(None, "speakers, for a 95 % confidence interval; files named by --by lie beside it")
    models: Text | None = option(None, "models_<list>: the utterances of its models; it then also asks who is speaking")
    num_voiced: Text | None = option(
        None, "utt2num_voiced of the list's set: the results count trials that rest on an utterance without speech"
    )

    def files(self) -> list[str]:
        """All files of the list."""
        optional = filter(None, (self.utt2spk, self.models, self.num_voiced))
        return [self.trials, *self.scores.values(), *self.llrs.values(), *optional]


def read_lists(path: str | Path) -> dict[str, ScoredList]:
    """The lists of a YAML or JSON file, by name; InputError, with the line, if it holds something else."""
    source = read_source(path)
    try:
        return TypeAdapter(dict[Word, ScoredList]).validate_python(source.settings)
    except ValidationError as e:
        keys, message = first_error(e, source.settings)
        raise InputError(f"{place(keys, [source])}{message}") from None
