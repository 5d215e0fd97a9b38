"""What the page shows of one trial list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spkr.config.report_options import ReportOptions
from spkr.report.html.condition_figures import condition_pictures, slices_of
from spkr.report.html.drawing import Picture
from spkr.report.html.run_results import ListScores, RunResults
from spkr.report.html.score_figures import bayes_picture, det_picture, histogram_picture, pav_picture
from spkr.report.html.snippets import snippets
from spkr.report.html.worst_trials import HardSpeaker, WorstTrial, hard_speakers, worst_trials

PRIOR = 0.01  # of a target, where the config has none


@dataclass
class ListSection:
    """The pictures and tables of a list, by back-end."""

    name: str
    data_dir: str
    det: Picture
    histograms: list[Picture] = field(default_factory=list)
    calibration: list[Picture] = field(default_factory=list)
    conditions: list[Picture] = field(default_factory=list)
    slices: dict[str, list[dict]] = field(default_factory=dict)
    worst: dict[str, list[WorstTrial]] = field(default_factory=dict)  # of the primary back-end
    speakers: list[HardSpeaker] = field(default_factory=list)  # likewise
    audio: dict[str, str] = field(default_factory=dict)  # by utterance: a data URI

    def pictures(self) -> list[Picture]:
        """All pictures."""
        return [self.det, *self.histograms, *self.calibration, *self.conditions]


def list_section(run: RunResults, one: ListScores, options: ReportOptions) -> ListSection:
    """Draw and tabulate one list; InputError as reading its data directory raises it."""
    row = next(row for row in run.rows if row["trials"] == one.name)
    order = [backend for backend in run.backends if backend in one.scores]
    of_run = f"{row['name']}, run {row['run']}, {row['model']}"
    section = ListSection(one.name, str(Path(one.files.utt2spk or "").parent), det_picture(one, order, of_run))
    prior = _prior(run.config)
    for backend in order:
        section.histograms.append(histogram_picture(one, backend, prior))
        if backend in one.ratios:
            section.calibration += [pav_picture(one, backend), bayes_picture(one, backend)]
        section.slices[backend] = slices_of(one, backend, run.slices)
        section.conditions += condition_pictures(one, backend, section.slices[backend])
    section.worst = worst_trials(one, run.primary, options.worst)
    section.speakers = hard_speakers(one, run.primary)
    if options.audio and one.sides:
        section.audio = _audio(one, section.worst, run.config)
    return section


def _prior(config: Mapping) -> float:
    return (config.get("calibration") or {}).get("prior", PRIOR)


def _audio(one: ListScores, worst: Mapping[str, list[WorstTrial]], config: Mapping) -> dict[str, str]:
    """The first utterance of each side of the worst trials."""
    sides = (side for trials in worst.values() for trial in trials for side in (trial.enrol, trial.test))
    channel = (config.get("feats") or {}).get("channel")
    return snippets(Path(one.files.utt2spk).parent, {side.utts[0] for side in sides}, channel)
