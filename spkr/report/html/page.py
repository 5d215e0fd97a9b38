"""The page: what a run's results folder, its embeddings and its logs say, in one file without links to others."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from spkr.config.report_options import ReportOptions
from spkr.files import replacing
from spkr.kaldi.maps import read_map
from spkr.report.html.citations import bibtex
from spkr.report.html.drawing import Picture
from spkr.report.html.embedding_map import map_pictures
from spkr.report.html.job_costs import bad_files, cost_picture, duration, stage_costs, warnings_of
from spkr.report.html.list_section import ListSection, list_section
from spkr.report.html.result_tables import (
    costs_table,
    further_tables,
    measures_tables,
    results_table,
    slices_table,
    speakers_table,
)
from spkr.report.html.run_results import RunResults, read_list, read_results
from spkr.report.html.training_figures import training_pictures

HERE = files("spkr.report.html")


@dataclass(frozen=True)
class RunFiles:
    """What the page shows beside the results folder; all of it may be missing."""

    xvectors: Sequence[str | Path] = ()  # xvector.scp of the lists' sets
    train_logs: Sequence[str | Path] = ()
    jobs: Sequence[str | Path] = ()  # folders whose log/ and benchmark/ are read
    bad_files: str | Path | None = None
    citation: str | Path | None = None  # CITATION.cff
    command: str = ""  # that makes the run again


def write_page(
    folder: str | Path, out: str | Path, options: ReportOptions, given: RunFiles, allow_duplicates: bool = False
) -> None:
    """Write the page of a results folder, by rename; the same input gives the same page, but for its date.

    Raises InputError as `read_results`, `read_list` and the readers of the other files do.
    """
    run = read_results(folder)
    sections = []
    for name, scored in run.lists.items():
        one = read_list(name, scored, allow_duplicates)
        sections.append(list_section(run, one, options))
    maps = _maps(run, given.xvectors) if options.map else []
    trainings = training_pictures(given.train_logs) if given.train_logs else []
    costs = stage_costs(given.jobs)
    curves = [cost_picture(costs)] if costs else []
    pictures = [*(p for section in sections for p in section.pictures()), *maps, *trainings, *curves]
    text = _filled(
        run=run, row=run.rows[0], options=options, given=given, sections=sections, maps=maps, trainings=trainings,
        costs=costs_table(costs), cost_pictures=curves, total=duration(sum(cost.seconds for cost in costs)),
        warned=warnings_of(given.jobs), left_out=bad_files(given.bad_files), bibtex=bibtex(given.citation, run.config),
        results=results_table(run), measures=measures_tables(run), further=further_tables(run),
        slices=[slices_table(section.name, section.slices) for section in sections],
        speakers=[speakers_table(section.name, section.speakers) for section in sections if section.speakers],
        data=_data(pictures, sections), now=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z"),
        audio_mb=sum(map(len, _audio(sections).values())) / 1e6,
    )  # fmt: skip
    with replacing(out) as f:
        f.write(text)


def _maps(run: RunResults, xvectors: Sequence[str | Path]) -> list[Picture]:
    """The maps of sets, whose speakers the lists' utt2spk have."""
    paths = dict.fromkeys(scored.utt2spk for scored in run.lists.values() if scored.utt2spk)
    utt2spk = {utt: speaker for path in paths for utt, speaker in read_map(path).items()}
    return [picture for path in xvectors for picture in map_pictures(path, utt2spk)]


def _audio(sections: Sequence[ListSection]) -> dict[str, str]:
    """The recordings of all lists; lists of one data directory share them."""
    return {f"{section.data_dir} {utt}": uri for section in sections for utt, uri in section.audio.items()}


def _data(pictures: Sequence[Picture], sections: Sequence[ListSection]) -> Markup:
    """What the script reads, as JSON that cannot end its element."""
    points = {picture.name: picture.points for picture in pictures if picture.points}
    text = json.dumps({"points": points, "audio": _audio(sections)}, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))


def _filled(**content: object) -> str:
    """The template with its content, style sheet and script; only this script may run."""
    script, style = (HERE.joinpath(name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(HERE.joinpath("page.html.j2").read_text(encoding="utf-8")).render(
        **content,
        script=Markup(script),
        style=Markup(style),
        script_digest=digest,
    )
