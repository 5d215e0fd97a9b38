"""What `spkr new` found in a user's recordings, and the recipe that it proposes for them."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spkr.corpus.script import SETS
from spkr.dataprep.inspection import FRAME, Header, containers, read_headers_of, seconds_of, suspicions, unreadable
from spkr.dataprep.intake import read_lists, read_recordings
from spkr.dataprep.naming import with_ids
from spkr.dataprep.recipe_folder import Choices, attributes, config_of, further_files, make_lists
from spkr.dataprep.splitting import FEW, own_sessions, split_sets
from spkr.errors import InputError
from spkr.kaldi.rules import is_command
from spkr.metrics.expected_interval import expected_half_width

EER = 0.05  # of which the interval is said
RATE = 16000  # Hz, of the front ends
PRETRAINED = "campplus_200k"  # where there are too few speakers to train a network on
SNAKEFILE = """config.setdefault("recipe", "{name}")


include: "../../Snakefile"


rule {rule}:
    default_target: True
    input:
        rules.all.input,
"""


@dataclass
class Proposal:
    """A recipe that is not written yet."""

    choices: Choices
    sets: dict[str, pd.DataFrame]
    lists: dict[str, dict[str, tuple[list, dict]]]  # of each set: trials and models by the list's name
    files: list[str]  # of the data directories, beside wav.scp, utt2spk and utt2dur
    found: list[str]  # lines that say what was found

    def about(self) -> str:
        """A line about the recordings."""
        table = pd.concat(self.sets.values())
        return f"{_size(table)}."

    def texts(self) -> dict[str, str]:
        """The files of the recipe that are not data."""
        name = self.choices.name
        config = config_of(self.choices, self.sets, self.lists, self.files)
        head = f"# {name}\n\n{self.about()}\n\n    snakemake --cores 2 --config recipe={name}\n\n"
        body = "What `spkr new` found and chose:\n\n" + "\n".join(f"    {line}" for line in self.found) + "\n"
        rule = "own_" + "".join(c if c.isalnum() else "_" for c in name)
        return {
            "config.yaml": f"# {self.about()} README.md says what was found.\n{config}",
            "README.md": head + body,
            "Snakefile": SNAKEFILE.format(name=name, rule=rule),
        }


def propose(
    name: str,
    sources: Sequence[Path],
    unpacked: Path,
    *,
    pattern: str | None = None,
    columns: Mapping[str, str] | None = None,
    model: str | None = None,
    channel: str | None = None,
    skip_unreadable: bool = False,
    allow_pipes: bool = False,
    seed: int = 1,
    jobs: int = 2,
) -> Proposal:
    """Read what names the recordings, look at the audio, split it by speakers, and choose a network.

    Args: as the options of `spkr new`; unpacked is where an archive goes.
    Raises InputError for recordings that cannot be used.
    """
    table = read_recordings(sources, unpacked, pattern, columns)
    if not allow_pipes:
        _refuse_pipes(table["audio"])
    table, headers, found = _heard(table, jobs, skip_unreadable)
    if len(speakers := table["speaker"].unique()) < 2:
        raise InputError(f"{sources[0]}: one speaker, {speakers[0]!r}; expected two or more")
    table = own_sessions(with_ids(table))
    trained = model is None and table["spk"].nunique() >= FEW
    found += [
        f"audio: {containers(headers)}",
        *(f"look at: {line}" for line in suspicions(table, headers, table["seconds"])),
    ]
    table = split_sets(table, trained, seed)
    sets = {s: table[table["set"] == s].sort_values("utt") for s in SETS}
    sets = {s: part for s, part in sets.items() if len(part) and (trained or s != "valid")}
    lists = _lists(sources, sets, seed)
    choices = Choices(
        name, None if trained else model or PRETRAINED, resample_of(headers), channel_of(headers, channel),
        any(map(is_command, headers)),
    )  # fmt: skip
    return Proposal(choices, sets, lists, further_files(table), [*found, *_described(sets, lists, choices)])


def _lists(sources: Sequence[Path], sets: Mapping[str, pd.DataFrame], seed: int) -> dict[str, dict]:
    """The trial lists of dev and test, made and given, by name."""
    scored = [s for s in ("dev", "test") if s in sets]
    if not scored:
        raise InputError("no set test and no set dev; expected one, for trials")
    if single := [s for s in scored if sets[s]["spk"].nunique() < 2]:
        raise InputError(f"{single[0]} has one speaker; expected two or more, for trials between them")
    return {s: make_lists(sets[s], seed) | read_lists(sources, s, set(sets[s]["utt"])) for s in scored}


def _refuse_pipes(audio: pd.Series) -> None:
    if (pipes := audio.map(is_command)).any():
        raise InputError(f"{audio[pipes].iloc[0]}: a command; expected a file, or --allow-pipes, which runs it")


def _heard(table: pd.DataFrame, jobs: int, skip_unreadable: bool) -> tuple[pd.DataFrame, dict[str, Header], list[str]]:
    """The recordings with their seconds, the headers of their files, and what was left out."""
    headers, found = read_headers_of(list(table["audio"].unique()), jobs), []
    if message := unreadable(headers):
        if not skip_unreadable:
            raise InputError(f"{message}; repair or remove them, or give --skip-unreadable")
        found.append(f"left out: {message}")
        table = table[[not headers[file].error for file in table["audio"]]].reset_index(drop=True)
        if table.empty:
            raise InputError(message)
        headers = {file: header for file, header in headers.items() if not header.error}
    table = table.assign(seconds=seconds_of(table, headers))
    if (unknown := table["seconds"].isna()).any():
        raise InputError(f"{table['place'][unknown].iloc[0]}: a command without an end; expected segments or an end")
    if (behind := table["start"] >= table["audio"].map(lambda file: headers[file].seconds or math.inf)).any():
        raise InputError(f"{table['place'][behind].iloc[0]}: start is not before the end of the audio")
    if (short := table["seconds"] < FRAME).any():
        raise InputError(f"{table['place'][short].iloc[0]}: less than {FRAME} s; expected a frame or more")
    return table, headers, found


def resample_of(headers: Mapping[str, Header]) -> str:
    """feats.resample that reads all of these rates."""
    rates = {header.rate for header in headers.values() if header.rate}
    if not rates - {RATE}:
        return "never"
    return "down" if min(rates) >= RATE else "any"


def channel_of(headers: Mapping[str, Header], channel: str | None) -> str | None:
    """feats.channel: what the user chose, or the left one of recordings with several."""
    if any(header.channels > 1 for header in headers.values()):
        return channel or "left"
    return channel


def _described(sets: dict, lists: dict, choices: Choices) -> Iterator[str]:
    for name, table in sets.items():
        by = f"; {', '.join(attributes(table))} known" if attributes(table) else ""
        yield f"{name}: {_size(table)}{by}"
    for name, of in lists.items():
        for list_name, (trials, models) in of.items():
            yield f"{name}/trials_{list_name}: {_described_list(trials, models, sets[name])}"
    chosen = f"{choices.model}, as it is" if choices.model else "trained on train"
    yield f"network: {chosen}; resample: {choices.resample}" + (
        f"; channel: {choices.channel}" if choices.channel else ""
    )


def _size(table: pd.DataFrame) -> str:
    seconds = table["seconds"].sum()
    length = f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"
    return f"{table['spk'].nunique()} speakers, {len(table)} recordings, {length}"


def _described_list(trials: list, models: Mapping[str, list[str]], table: pd.DataFrame) -> str:
    spk = dict(zip(table["utt"], table["spk"], strict=True))
    spk |= {model: spk[utts[0]] for model, utts in models.items()}
    targets, others = Counter(spk[e] for e, _, target in trials if target), Counter()
    for enrol, test, target in trials:
        others.update(() if target else (spk[enrol], spk[test]))
    speakers = sorted(targets | others)
    half = expected_half_width([targets[s] for s in speakers], [others[s] for s in speakers], EER)
    number = f"{len(trials)} trials, {targets.total()} of them target"
    low, high = 100 * max(0.0, EER - half), 100 * (EER + half)
    return f"{number}; with {len(speakers)} speakers, expect {low:.1f} to {high:.1f} % around an EER of {100 * EER:g} %"
