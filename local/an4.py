"""Kaldi data directories and trial lists of the CMU AN4 corpus, or of one with its layout.

    CORPUS_DIR/an4/
      etc/an4_train.transcription          <s> YES </s> (an251-fash-b)
      etc/an4_test.transcription           RUBOUT G M E F THREE NINE (an406-fcaw-b)
      wav/an4_clstk/fash/an251-fash-b.sph  74 speakers, whose first letter is f or m
      wav/an4test_clstk/fcaw/...           10 other speakers; .sph or .wav, mono

    OUT_DIR/
      dev/      as many women as men of an4_clstk, chosen by the seed
      valid/    one utterance in ten of each other speaker
      train/    the rest of an4_clstk
      test/     an4test_clstk
      {dev,test}/trials_pairs              all pairs of utterances
      {dev,test}/{trials,models}_enrol3    a model of three utterances against the other utterances

The utterance an251-fash-b is renamed to fash-an251-b, because Kaldi wants the speaker first. Everything is checked
before anything is written.

Example:
    python local/an4.py exp/corpora/an4 exp/an4/data --options '{"expect": {"test": [130, 10]}}'
"""

import re
from dataclasses import dataclass
from pathlib import Path

from spkr.audio.fingerprint import fingerprints, fingerprints_of, shared_audio
from spkr.audio.recordings import recording_stats
from spkr.config.options import Count, Options, Positive, Text, Whole, option
from spkr.corpus.script import run
from spkr.errors import InputError
from spkr.files import read_lines, replacing
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import write_spk2utt
from spkr.kaldi.rules import invert
from spkr.kaldi.select import shuffled
from spkr.kaldi.trials import all_pairs, enrol_models, write_trials
from spkr.kaldi.validate import shortened

PARTS = {"an4_clstk": "an4_train.transcription", "an4test_clstk": "an4_test.transcription"}
SHOWN = 3  # problems that an error message names; it counts them all


@dataclass(frozen=True)
class Utterance:
    """A recording, with what the files of a data directory say about it."""

    spk: str
    path: Path
    seconds: float
    text: str


def read_transcripts(path: Path, problems: list[str]) -> dict[str, str]:
    """Read lines `[<s>] WORDS [</s>] (name)`: the words, by name of the audio file."""
    texts: dict[str, str] = {}
    for number, line in read_lines(path):
        *words, last = line.split()
        name = last[1:-1]
        words = [word for word in words if word not in ("<s>", "</s>")]
        if not words or last != f"({name})":
            problems.append(f"{path}:{number}: expected 'WORDS (utterance)', found {line!r}")
        elif name in texts:
            problems.append(f"{path}:{number}: duplicate utterance {name}")
        else:
            texts[name] = " ".join(words)
    return texts


def read_seconds(path: Path, sample_rate: int) -> float:
    """The duration of an audio file, decoded to its end. Raises InputError if it cannot be used."""
    heard = recording_stats(str(path))
    if heard.samplerate != sample_rate:
        raise InputError(f"{path}: sampling rate {heard.samplerate}; expected {sample_rate}")
    return heard.frames / heard.samplerate


def read_part(corpus: Path, part: str, sample_rate: int, problems: list[str]) -> dict[str, Utterance]:
    """Read the utterances of a folder of speakers, by Kaldi's name. Faults are added to `problems`."""
    folder = corpus / "wav" / part
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected AN4 as unpacked from its archive")
    transcripts = corpus / "etc" / PARTS[part]
    texts = read_transcripts(transcripts, problems)
    utterances: dict[str, Utterance] = {}
    heard = set()
    for path in sorted(p for p in folder.glob("[!.]*/[!.]*") if p.suffix.lower() in (".sph", ".wav")):
        spk, name = path.parent.name, path.stem
        heard.add(name)
        match = re.fullmatch(rf"(.+)-{re.escape(spk)}-(.+)", name)
        utt = f"{spk}-{match[1]}-{match[2]}" if match else ""
        try:
            if spk[0] not in "fm":
                raise ValueError(f"speaker {spk}; expected a name that begins with f or m")
            if not match:
                raise ValueError(f"expected a name like an251-{spk}-b{path.suffix}")
            if utt in utterances:
                raise ValueError(f"duplicate utterance {utt}, as {utterances[utt].path}")
            if name not in texts:
                raise ValueError(f"no transcript in {transcripts}")
            utterances[utt] = Utterance(spk, path, read_seconds(path, sample_rate), texts[name])
        except InputError as e:
            problems.append(str(e))
        except ValueError as e:
            problems.append(f"{path}: {e}")
    problems += [f"{transcripts}: {name} has no audio under {folder}" for name in texts if name not in heard]
    return utterances


def split(utterances: dict[str, Utterance], n_dev: int, seed: int) -> dict[str, dict[str, Utterance]]:
    """Split an4_clstk into train, valid and dev."""
    spk2utt = invert({utt: u.spk for utt, u in utterances.items()})
    women = shuffled(seed, (spk for spk in spk2utt if spk[0] == "f"))
    men = shuffled(seed, (spk for spk in spk2utt if spk[0] == "m"))
    if n_dev < 2 or n_dev % 2 or min(len(women), len(men)) <= n_dev // 2:
        raise InputError(
            f"corpus.options.dev_speakers: {n_dev} of {len(women)} women and {len(men)} men; "
            "expected an even number that leaves a woman and a man to train on"
        )
    dev = {*women[: n_dev // 2], *men[: n_dev // 2]}
    valid = set()
    for spk, utts in spk2utt.items():
        if spk not in dev:
            if len(utts) < 2:
                raise InputError(f"speaker {spk} has one utterance; expected at least two, to train and validate")
            valid.update(shuffled(seed, utts)[: max(1, len(utts) // 10)])
    sets: dict[str, dict[str, Utterance]] = {"train": {}, "valid": {}, "dev": {}}
    for utt, u in utterances.items():
        sets["dev" if u.spk in dev else "valid" if utt in valid else "train"][utt] = u
    return sets


def read_corpus(corpus: Path, options: "CorpusOptions") -> dict[str, dict[str, Utterance]]:
    """Read the four sets of a corpus. Raises InputError, which counts the faults and names the first ones."""
    problems: list[str] = []
    train, test = (read_part(corpus, part, options.sample_rate, problems) for part in PARTS)
    for spk in sorted({u.spk for u in train.values()} & {u.spk for u in test.values()}):
        problems.append(f"speaker {spk} is in an4_clstk and in an4test_clstk; expected other speakers in the test set")
    if problems:
        more = f"; and {len(problems) - SHOWN} more such problems" if len(problems) > SHOWN else ""
        raise InputError("; ".join(problems[:SHOWN]) + more + "; correct the corpus or unpack it again")
    return {**split(train, options.dev_speakers, options.seed), "test": test}


def check_counts(sets: dict, trials: dict, expected: dict[str, list[int]]) -> None:
    """Print the numbers of utterances and speakers, of trials and targets, and compare them with `expected`."""
    counts = {name: [len(utts), len({u.spk for u in utts.values()})] for name, utts in sets.items()}
    counts |= {name: [len(lines), sum(target for *_, target in lines)] for name, lines in trials.items()}
    if unknown := expected.keys() - counts.keys():
        raise InputError(f"corpus.options.expect names {min(unknown)!r}; expected one of {', '.join(counts)}")
    for name, count in counts.items():
        of = "trials, {} target" if name in trials else "utterances of {} speakers"
        print(f"{name}: {count[0]}", of.format(count[1]))
        if count != expected.get(name, count):
            raise InputError(f"{name} has {count} (see above); the recipe's config expects {expected[name]}")


class CorpusOptions(Options):
    """`corpus.options` of AN4."""

    seed: Count = option(1, "chooses the speakers of dev and the utterances of valid")
    dev_speakers: Positive = option(8, "number of speakers in dev, half women, half men")
    sample_rate: Positive = option(16000, "sampling rate of every file, in Hz")
    expect: dict[Text, tuple[Whole, Whole]] = option(
        {}, "set: [utterances, speakers]; <set>/trials_<list>: [trials, targets]"
    )


def prepare(corpus: Path, out_dir: Path, options: CorpusOptions, jobs: int) -> None:
    """Check the corpus, then write the data directories and trial lists."""
    sets = read_corpus(corpus / "an4", options)
    trials, models = {}, {}
    for name in ("dev", "test"):
        utt2spk = {utt: u.spk for utt, u in sets[name].items()}
        trials[f"{name}/trials_pairs"] = all_pairs(utt2spk)
        models[f"{name}/models_enrol3"], trials[f"{name}/trials_enrol3"] = enrol_models(invert(utt2spk), 3)
    check_counts(sets, trials, {name: list(counts) for name, counts in options.expect.items()})
    for name, utts in sets.items():
        files = {
            "wav.scp": {utt: u.path for utt, u in utts.items()},
            "reco2sum": fingerprints({utt: u.path for utt, u in utts.items()}),
            "utt2spk": {utt: u.spk for utt, u in utts.items()},
            "utt2dur": {utt: f"{u.seconds:.6f}" for utt, u in utts.items()},
            "text": {utt: u.text for utt, u in utts.items()},
            "spk2gender": {u.spk: u.spk[0] for u in utts.values()},
        }
        write_data_dir(out_dir / name, files)
        for message in shortened(list(shared_audio(files, fingerprints_of(files)))):
            print(f"warning: {name}: {message}")
    for name, spk2utt in models.items():
        write_spk2utt(out_dir / name, spk2utt)
    for name, lines in trials.items():
        write_trials(out_dir / name, lines)
    with replacing(out_dir / "bad_files"):
        pass  # empty: in this corpus, a recording that cannot be used is an error


if __name__ == "__main__":
    run(__doc__, CorpusOptions, prepare)
