"""A small synthetic corpus for machines without network: espeak-ng's speech in the layout of AN4 (see an4.py).

    OUT_DIR/an4/
      etc/an4_train.transcription          <s> ERASE B SEVEN </s> (s01-f01-b)
      etc/an4_test.transcription           ERASE B SEVEN (s01-f16-b)
      wav/an4_clstk/f01/s01-f01-b.wav      three quarters of the speakers
      wav/an4test_clstk/f16/...            the others
    OUT_DIR/unpacked.json                  written last: the corpus is complete

A speaker is a voice variant of espeak-ng with an accent, a pitch, a rate and a length of the vocal tract. Sentences
differ in words, pitch, rate, level, pauses and noise. The same command gives the same bytes.

Example:
    python local/mini.py exp/corpora/mini
"""

import argparse
import ctypes
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from scipy.signal import resample_poly

from spkr.corpus.archive import replacing_folder
from spkr.corpus.fetch import write_record
from spkr.errors import InputError

SAMPLE_RATE = 16000
WORDS = """
    accents  en-us en en-gb-scotland en-gb-x-rp en-gb-x-gbclan en-gb-x-gbcwmd en-us-nyc en-029
    women    f1 f2 f3 f4 f5 linda belinda steph steph3 Annie Alicia Andrea aunty
    men      m1 m2 m3 m4 m6 m7 m8 Alex Andy Denis Gene Lee Mario ed ian john paul norbert sandro victor
    command  ENTER ERASE REPEAT RUBOUT STOP START HELP GO
    letter   B C D E F G H I J K L M N O P Q R S T U V W X Y Z
    digit    ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE
    tens     TWENTY THIRTY FORTY FIFTY SIXTY SEVENTY EIGHTY NINETY
    month    JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER
    day      FIRST SECOND THIRD FOURTH FIFTH SIXTH SEVENTH EIGHTH NINTH TENTH ELEVENTH TWELFTH
"""  # without the letter A, which espeak reads as the article
LISTS = {name: words for name, *words in map(str.split, WORDS.strip().splitlines())}
FORMS = """
    command letter letter digit digit
    month day NINETEEN tens digit
    digit digit digit OH digit digit
    letter letter letter letter letter
    digit HUNDRED AND tens digit
    command CODE tens digit AND letter
"""
SENTENCES = [line.split() for line in FORMS.strip().splitlines()]


class Speaker(NamedTuple):
    """What all utterances of a speaker have in common."""

    name: str
    voice: str  # espeak's <language>+<variant>
    pitch: int  # 0 to 99, within the variant's range
    rate: int  # words a minute
    tract: float  # length of the vocal tract relative to the variant's


def speakers(n: int) -> list[Speaker]:
    """The first `n` speakers, alternating women and men. Steps that are prime to each range spread their traits."""
    people = []
    for i in range(n):
        k = i // 2
        sex, variants = ("f", LISTS["women"]) if i % 2 == 0 else ("m", LISTS["men"])
        people.append(
            Speaker(
                name=f"{sex}{k + 1:02d}",
                voice=f"{LISTS['accents'][k * 3 % 8]}+{variants[k % len(variants)]}",
                pitch=35 + k * 11 % 31,
                rate=145 + k * 17 % 41,
                tract=0.96 + k * 5 % 17 / 200,
            )
        )
    return people


def stream(name: str) -> np.random.RandomState:
    """Random numbers that depend only on the name. RandomState gives the same ones in every numpy (NEP 19)."""
    return np.random.RandomState(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]))


class Espeak:
    """The espeak-ng library through ctypes (speak_lib.h).

    Its oscillators keep their state between sentences: only the same sentences in the same order, from the start of
    the process, give the same bytes.
    """

    SYNCHRONOUS, UTF8, BY_CHARACTER = 2, 1, 1
    RATE, PITCH = 1, 3

    def __init__(self):
        try:
            import espeakng_loader
        except ImportError:
            raise InputError("espeak-ng is not installed; run: pip install 'spkr[mini]'") from None
        self.lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate = self.lib.espeak_Initialize(self.SYNCHRONOUS, 0, data, 0)
        if self.sample_rate <= 0:
            raise InputError(f"espeak-ng does not start with {data.decode()}; install espeakng-loader again")
        self.heard: list[bytes] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self.callback = kind(self._hear)  # ctypes does not keep a reference
        self.lib.espeak_SetSynthCallback(self.callback)

    def _hear(self, samples, n, _events) -> int:
        if samples and n > 0:
            self.heard.append(ctypes.string_at(samples, 2 * n))
        return 0

    def say(self, text: str, voice: str, pitch: int, rate: int) -> np.ndarray:
        """Speech as samples from -1 to 1 at `sample_rate`."""
        self.heard.clear()
        self.lib.espeak_ng_SetRandSeed(ctypes.c_long(1))  # for the breath noise; Klatt voices have their own generator
        failed = self.lib.espeak_SetVoiceByName(voice.encode())
        self.lib.espeak_SetParameter(self.PITCH, pitch, 0)
        self.lib.espeak_SetParameter(self.RATE, rate, 0)
        spoken = text.encode() + b"\0"
        size = ctypes.c_size_t(len(spoken))
        failed |= self.lib.espeak_Synth(spoken, size, 0, self.BY_CHARACTER, 0, self.UTF8, None, None)
        if failed or not self.heard:
            raise InputError(f"espeak-ng cannot say {text!r} as {voice}; install espeakng-loader again")
        return np.frombuffer(b"".join(self.heard), np.int16) / 32768


def sentence(i: int, random: np.random.RandomState) -> str:
    """The words of a speaker's sentence `i`: commands, dates, digits or letters, as in AN4."""
    slots = (LISTS.get(slot, [slot]) for slot in SENTENCES[i % len(SENTENCES)])
    return " ".join(words[random.randint(len(words))] for words in slots)


def record(espeak: Espeak, speaker: Speaker, text: str, random: np.random.RandomState) -> np.ndarray:
    """An utterance as int16 samples: speech with random pauses, noise and level."""
    spoken = " ".join(word if len(word) == 1 else word.lower() for word in text.split())
    pitch = speaker.pitch + random.randint(-4, 5)
    rate = speaker.rate + random.randint(-12, 13)
    speech = espeak.say(spoken, speaker.voice, pitch, rate)
    # A longer vocal tract has lower resonances, so the sound is played slower.
    up, down = SAMPLE_RATE // 50, round(espeak.sample_rate / 50 / speaker.tract)
    speech = resample_poly(speech, up, down)
    before, after = random.randint(SAMPLE_RATE // 10, SAMPLE_RATE // 2, size=2)
    rms = np.sqrt(np.mean(speech**2))
    noise = random.standard_normal(before + len(speech) + after)
    signal = np.pad(speech / rms, (before, after)) + noise * 10 ** (-random.uniform(15, 30) / 20)
    signal *= 10 ** (random.uniform(-12, 0) / 20) * 0.99 / np.abs(signal).max()
    return np.round(signal * 32767).astype(np.int16)


def write_part(espeak: Espeak, folder: Path, line: str, transcripts: Path, people, n_sentences: int) -> None:
    """Write the audio of all sentences of `people` to `folder`, and their transcripts as lines of the form `line`."""
    transcripts.parent.mkdir(parents=True, exist_ok=True)
    with transcripts.open("w") as f:
        for speaker in people:
            (folder / speaker.name).mkdir(parents=True)
            for i in range(n_sentences):
                name = f"s{i + 1:02d}-{speaker.name}-b"
                random = stream(name)
                text = sentence(i, random)
                f.write(line.format(text, name))
                samples = record(espeak, speaker, text, random)
                soundfile.write(folder / speaker.name / f"{name}.wav", samples, SAMPLE_RATE, "PCM_16")


def synthesise(out_dir: Path, n_speakers: int, n_sentences: int) -> None:
    """Write the corpus and, last, its completion record."""
    if n_speakers < 8 or n_speakers % 2 or n_sentences < 1:
        raise InputError(
            f"{n_speakers} speakers, {n_sentences} sentences; expected an even number from 8, and one or more"
        )
    espeak = Espeak()
    people = speakers(n_speakers)
    n_test = max(4, n_speakers // 8 * 2)
    parts = (
        ("an4_clstk", "<s> {} </s> ({})\n", "an4_train.transcription", people[:-n_test]),
        ("an4test_clstk", "{} ({})\n", "an4_test.transcription", people[-n_test:]),
    )
    with replacing_folder(out_dir) as root:
        for part, line, transcripts, members in parts:
            write_part(espeak, root / "an4/wav" / part, line, root / "an4/etc" / transcripts, members, n_sentences)
    write_record(out_dir, archive="mini.py", speakers=n_speakers, sentences=n_sentences)


def main(argv: list[str] | None = None) -> None:
    """Read the command line. An InputError is one line on stderr and exit status 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=Path, help="folder for the corpus; a corpus there is replaced")
    parser.add_argument("--speakers", type=int, default=40, help="number of speakers, even (default: %(default)s)")
    parser.add_argument("--sentences", type=int, default=12, help="sentences of each speaker (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        synthesise(args.out_dir, args.speakers, args.sentences)
    except InputError as e:
        sys.exit(f"mini.py: error: {e}")


if __name__ == "__main__":
    main()
