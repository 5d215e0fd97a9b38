"""What makes a trial list misleading: a recording on both sides, repeated trials, conditions tied to the label, too few
speakers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.odd_trials import in_both_orders, share_a_label
from spkr.kaldi.rules import Files, is_command
from spkr.kaldi.trial_speakers import Sides, read_sides, speakers_of_trials
from spkr.kaldi.trials import Trials, read_trials
from spkr.metrics.bootstrap import SPEAKERS
from spkr.metrics.expected_interval import expected_half_width
from spkr.report.trial_conditions import conditions_of, lengths_of

TOO_WIDE = 0.5  # half the interval, as a share of the EER
UNEVEN = 0.5  # speakers of equal numbers of trials that would do, as a share of all speakers


@dataclass
class TrialFindings:
    """Facts about a list, and warnings of what makes it misleading."""

    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_trials(
    data_dir: str | Path, path: str | Path, models: str | Path | None = None, eer: float = 0.03
) -> TrialFindings:
    """Check a labelled list of a data directory; the interval is the one to expect for this EER (0..0.5).

    Raises InputError, with the line, if the list or the models are malformed, name an unknown utterance, or have a
    label that contradicts the speakers.
    """
    files = check_data_dir(data_dir, ("utt2spk", "spk2utt"))
    trials = read_trials(path, allow_duplicates=True)
    sides = read_sides(trials, path, f"{data_dir}/utt2spk", models)
    enrol, test = speakers_of_trials(trials, path, sides)
    n_target, with_target = int(trials.target.sum()), np.unique(enrol[trials.target])
    found = TrialFindings()
    found.facts += [
        f"{len(trials):,} trials: {n_target:,} target ({100 * n_target / len(trials):.1f} %), "
        f"{len(trials) - n_target:,} nontarget",
        f"{len(np.union1d(enrol, test))} speakers: {len(np.unique(enrol))} in enrolment, {len(np.unique(test))} in "
        f"test, {len(with_target)} with target trials",
    ]
    found.warnings += _of_recordings(trials, sides, files)
    if not 0 < n_target < len(trials):
        found.warnings.append(f"no {'nontarget' if n_target else 'target'} trial; an EER needs trials of both kinds")
        return found
    for condition in (*conditions_of(trials, sides, files), *lengths_of(trials, sides, files)):
        found.facts.append(condition.fact)
        found.warnings += condition.warnings
    _add_interval(found, trials.target, enrol, test, eer)
    return found


def _of_recordings(trials: Trials, sides: Sides, files: Files) -> Iterator[str]:
    """Warnings of repeated trials, and of trials with the same audio on both sides."""
    if trials.repeated:
        n = len(trials) + len(trials.repeated)
        yield f"{len(trials.repeated):,} of {n:,} lines repeat an earlier trial; first in line {trials.repeated[0]}"
    single = [np.array([len(utts) == 1 for utts in side]) for side in sides.utts]
    audio = _audio(files)
    own = share_a_label(trials, sides.utts)
    alone = single[0][trials.enrol] & single[1][trials.test]
    same_audio = share_a_label(trials, tuple([[audio[utt] for utt in utts] for utts in side] for side in sides.utts))
    for odd, what in (
        (own & alone, "are self-trials, which compare an utterance with itself: the EER is too low"),
        (own & ~alone, "test an utterance of their own enrolment: the EER is too low"),
        (same_audio & ~own, "compare parts or copies of one recording: if they are target trials, the EER is too low"),
        (in_both_orders(trials, sides.utts), "are in the list in both orders, so that they count twice"),
    ):
        if odd.any():
            yield f"{odd.sum():,} of {len(trials):,} trials {what}; first in line {trials.line(int(odd.argmax()))}"


def _audio(files: Files) -> dict[str, str]:
    """What identifies the audio behind each utterance: its recording's fingerprint, else its path, else its name."""
    recording = {utt: value.split()[0] for utt, value in files.get("segments", {}).items()}
    paths = {name: source for name, source in files.get("wav.scp", {}).items() if not is_command(source)}
    sums = {name: value for name, value in files.get("reco2sum", {}).items() if value != "-"}
    known = paths | sums
    return {utt: known.get(recording.get(utt, utt), recording.get(utt, utt)) for utt in files["utt2spk"]}


def _add_interval(found: TrialFindings, target: np.ndarray, enrol: np.ndarray, test: np.ndarray, eer: float) -> None:
    """Add the interval to expect from these speakers, and warnings if they are few or uneven."""
    n = 1 + int(max(enrol.max(), test.max()))
    of_targets = np.bincount(enrol[target], minlength=n)
    of_nontargets = np.bincount(enrol[~target], minlength=n) + np.bincount(test[~target], minlength=n)
    speakers = np.count_nonzero(of_targets)
    if speakers < SPEAKERS:
        found.warnings.append(
            f"{speakers} speakers with target trials; {SPEAKERS} are the fewest for an interval of the EER"
        )
        return
    half = expected_half_width(of_targets, of_nontargets, eer)
    low, high = 100 * max(eer - half, 0), 100 * (eer + half)
    found.facts.append(f"95 % interval to expect of an EER of {100 * eer:g} %: {low:.1f}-{high:.1f} %")
    if half > TOO_WIDE * eer:
        found.warnings.append(
            f"{speakers} speakers with {of_targets.sum():,} target trials are few: an EER of {100 * eer:g} % would be "
            f"known to about {100 * half:.1f} %; read nothing into smaller differences"
        )
    effective = of_targets.sum() ** 2 / np.square(of_targets.astype(float)).sum()
    if effective < UNEVEN * speakers:
        found.warnings.append(
            f"few of the {speakers} speakers have most of the target trials, so that they count as {effective:.0f}; "
            "make a list with --per-speaker"
        )
