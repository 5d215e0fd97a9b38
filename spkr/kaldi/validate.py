"""All faults of a data directory, and a summary of its content."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spkr.errors import InputError
from spkr.kaldi.datadir import REQUIRED, check_data_dir, clips, data_files, read_data_file
from spkr.kaldi.fields import decimal
from spkr.kaldi.rules import CHECKS, Files, check_order, index_of, invert, is_command, without_prefix

SHOWN = 10  # messages of a kind


@dataclass
class Findings:
    """A data directory's faults, warnings of possible faults, and its well-formed files."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: Files = field(default_factory=dict)


def validate(path: str | Path, required: Sequence[str] = REQUIRED, spk_sort: bool = True) -> Findings:
    """Find all that `spkr.kaldi.datadir.check_data_dir` refuses, and line ends that Kaldi reads differently.

    Args:
        path: the data directory.
        required: files that must exist; others are checked if they exist.
        spk_sort: whether speakers must be sorted as their utterances are.
    """
    path, found = Path(path), Findings()
    for name in dict.fromkeys([*required, *data_files(path)]):
        try:
            found.files[name] = read_data_file(path, name)
            found.faults += _line_ends(path / name)
        except InputError as e:
            found.faults.append(str(e))
    if not found.faults:
        for check in CHECKS:
            if spk_sort or check is not check_order:
                found.faults += shortened(list(check(path, found.files)))
    found.warnings += _of_speakers(f"{path}/utt2spk", found.files.get("utt2spk", {}), spk_sort)
    return found


def _of_speakers(path: str, utt2spk: Mapping[str, str], spk_sort: bool) -> Iterator[str]:
    """Warnings of what is well-formed but perhaps not intended."""
    speakers = set(utt2spk.values())
    if len(speakers) == 1:
        yield f"{path}: all utterances are of one speaker, {min(speakers)!r}"
    if spk_sort and (utts := without_prefix(utt2spk)):
        yield (
            f"{path}: {len(utts)} of {len(utt2spk)} utterances do not begin with their speaker's name, first "
            f"{utts[0]!r} of {utt2spk[utts[0]]!r}; Kaldi advises <speaker>-<...>, so that utterances and speakers "
            "always sort alike"
        )


def shortened(messages: list[str]) -> list[str]:
    """The first messages of one kind, and the number of the others."""
    more = len(messages) - SHOWN
    return messages[:SHOWN] + ([f"... and {more} more such"] if more > 0 else [])


def _line_ends(path: Path) -> list[str]:
    content = path.read_bytes()
    faults = [] if content.endswith(b"\n") else [f"{path}: the last line has no newline; expected one"]
    if b"\r" in content:
        number = content[: content.index(b"\r")].count(b"\n") + 1
        faults.append(
            f"{path}:{number}: a carriage return, which Kaldi takes for text; expected lines to end as in Unix"
        )
    return faults


def describe(path: str | Path) -> str:
    """A summary: numbers of utterances and speakers, hours, utterances a speaker, sampling rates, files.

    Headers of audio files are read, commands are not run. Raises InputError as `check_data_dir` does.
    """
    path, required = Path(path), ("utt2spk", "spk2utt")
    files = check_data_dir(path, required)
    spk2utt = invert(files["utt2spk"])
    gender = Counter(files.get("spk2gender", {}).values())
    rates, lengths = _headers(files)
    seconds = {utt: decimal(s) for utt, s in files["utt2dur"].items()} if "utt2dur" in files else lengths
    lines = [
        ("utterances", f"{len(files['utt2spk'])}"),
        ("speakers", f"{len(spk2utt)}" + (f" ({gender['f']} f, {gender['m']} m)" if gender else "")),
        ("utterances a speaker", _spread([len(utts) for utts in spk2utt.values()], "d")),
    ]
    if seconds.keys() == files["utt2spk"].keys():
        lines += [
            ("hours", f"{sum(seconds.values()) / 3600:.2f}"),
            ("seconds an utterance", _spread(list(seconds.values()), ".2f")),
            ("seconds a speaker", _spread([sum(map(seconds.get, utts)) for utts in spk2utt.values()], ".1f")),
        ]
    if "wav.scp" in files:
        lines.append(("recordings", f"{len(files['wav.scp'])}: " + ", ".join(f"{n} {k}" for k, n in rates.items())))
    lines.append(("files", " ".join(files)))
    if others := sorted(p.name for p in path.iterdir() if not index_of(p.name)):
        lines.append(("others", " ".join(others)))
    return "".join(f"{name:<21} {value}\n" for name, value in lines)


def _spread(values: list[float], form: str) -> str:
    return f"{min(values):{form}} to {max(values):{form}}, mean {sum(values) / len(values):.1f}"


def _headers(files: Files) -> tuple[Counter, dict[str, float]]:
    """Numbers of recordings by sampling rate, or by the reason why it is unknown, and seconds of each utterance."""
    from spkr.audio.decoding import sample_range
    from spkr.audio.opening import open_audio

    kinds: dict[str, str] = {}
    seconds = {}
    for utt, clip in (clips(files) if "wav.scp" in files else {}).items():
        kinds[clip.source] = "commands"
        if is_command(clip.source):
            continue
        try:
            with open_audio(clip.source, channel=0) as f:
                first, last = sample_range(clip.source, f, clip.start, clip.end)
                several = f" with {f.channels} channels" if f.channels > 1 else ""
                kinds[clip.source], seconds[utt] = f"at {f.samplerate} Hz{several}", (last - first) / f.samplerate
        except InputError:
            kinds[clip.source] = "unusable (spkr data validate says why)"
    return Counter(kinds[source] for source in files.get("wav.scp", {}).values()), seconds
