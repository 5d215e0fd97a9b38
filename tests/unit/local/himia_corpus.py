"""Recordings and lists in HI-MIA's layout, and the data directories that local/himia.py makes of them."""

import io
from functools import cache
from pathlib import Path

import himia
import numpy as np
import pytest
import soundfile

from spkr.config.options import read_options
from spkr.errors import InputError

ARRAY = ["2_01", "2_02", "2_03"]
SETTINGS = {
    "microphones": 3,
}


@cache
def wav(samples: int, rate: int, channels: int) -> bytes:
    audio = np.random.RandomState(0).randint(-3000, 3000, (samples, channels)).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, audio, rate, format="WAV")
    return content.getvalue()


def write_audio(path: Path, samples=1600, rate=16000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav(samples, rate, channels))


def write_set(root: Path, name: str, speakers: list[int], says: list[str], places: list[str]) -> None:
    folder, scp = (root / "test", "wav.scp") if name == "test" else (root / name / "SPEECHDATA", f"{name}.scp")
    lines = []
    for spk in (f"SV{number:04d}" for number in speakers):
        for file in (f"{spk}_{place}_{word}.wav" for word in says for place in places):
            where = f"wav/{file}" if name == "test" else f"wav/{spk}/{file}"
            lines.append(f"{file if name == 'test' else where}\n")
            close = name == "test" and "_7_01_" in file
            write_audio(folder / where, *((4410, 44100) if close else (1600, 16000)))
    (folder / scp).write_text("".join(lines))


def prepare(corpus: Path, out_dir: Path, jobs=1, **changed) -> Path:
    himia.prepare(corpus, out_dir, read_options(himia.CorpusOptions, SETTINGS | changed, "corpus.options"), jobs)
    return out_dir


def fails(corpus: Path, **settings) -> str:
    with pytest.raises(InputError) as e:
        prepare(corpus, corpus.parent / "data", **settings)
    assert "\n" not in str(e.value)
    return str(e.value)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
