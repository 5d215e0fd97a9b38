"""How long does the data stage of HI-MIA's recipe take, and how much memory, for a million files?

    .venv/bin/python benchmarks/prepare_himia.py [FILES]

Makes lists of that many names and a corpus in which few recordings stand under all of them (hard links), runs
`snakemake --until data` on two cores, and times the graph of the whole recipe. Memory is all processes' together.
"""

import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import psutil
import soundfile
import yaml

ROOT = Path(__file__).parents[1]
SETS = {"train": (1, 254, 0.76), "dev": (255, 42, 0.12), "test": (297, 44, 0.12)}  # first speaker, speakers, share
PLACES = [f"{point}_{mic:02d}" for point in (2, 5, 6) for mic in range(1, 16)] + ["7_01"]
LINKS = 30_000  # to one file; file systems allow 32,000 and more
MINUTES, GIGABYTES, GRAPH_SECONDS = 5, 3, 30


def make_corpus(root: Path, files: int) -> int:
    """Write a corpus as it is when unpacked; returns its number of files."""
    made, source = 0, Path()
    audio = np.random.RandomState(0).randint(-3000, 3000, 16000).astype(np.int16)
    for name, (first, speakers, share) in SETS.items():
        folder = root / name
        says = max(10, round(files * share / speakers / len(PLACES)))
        lines = []
        for spk in (f"SV{first + i:04d}" for i in range(speakers)):
            (folder / "wav" / spk).mkdir(parents=True)
            for wav in (f"{spk}_{place}_N{i:04d}.wav" for i in range(1, says + 1) for place in PLACES):
                if made % LINKS == 0:
                    source = folder / f"audio{made}.wav"
                    soundfile.write(source, audio, 16000)
                (folder / "wav" / spk / wav).hardlink_to(source)
                lines.append(f"wav/{spk}/{wav}\n")
                made += 1
        (folder / ("wav.scp" if name == "test" else f"{name}.scp")).write_text("".join(lines))
        (folder / "unpacked.json").write_text("{}")
    names = [f"SV{297 + i:04d}_{{}}_N{k:04d}.wav" for i in range(44) for k in range(1, 7)]
    for name, place in (("1m", "2_{}"), ("mic", "7_01")):
        pairs = [(a.format(place), b.format("2_{}")) for a, b in combinations(names, 2)]
        text = "".join(f"{a} {b} {'target' if a[:6] == b[:6] else 'nontarget'}\n" for a, b in pairs)
        (root / "test" / f"trials_{name}").write_text(text)
    return made


def run(folder: Path, *args: str) -> tuple[float, float]:
    """Seconds that Snakemake takes, and the most memory of it and its jobs together, in GB."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "-s", str(ROOT / "Snakefile"), "--quiet", "all"]
    begun, peak = time.monotonic(), 0
    with subprocess.Popen([*command, "--directory", str(folder), *args], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            rss = 0
            for p in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
                try:
                    rss += p.memory_info().rss
                except psutil.Error:
                    continue  # it has just ended
            peak = max(peak, rss)
            time.sleep(0.2)
    if process.returncode:
        sys.exit("snakemake failed")
    return time.monotonic() - begun, peak / 1e9


def measure(files: int) -> tuple[int, float, float, float]:
    """Make the corpus and run the data stage: files, seconds of the graph and of the stage, and its memory in GB."""
    with tempfile.TemporaryDirectory(prefix="himia.", dir=".") as name:
        folder = Path(name)
        made = make_corpus(folder / "exp/corpora/himia", files)
        expect = {"train": [made, 254], "dev": [made, 42], "test": [made, 44]}
        config = folder / "config.yaml"
        options = {"allow_partial": True, "expect": expect}
        config.write_text(yaml.safe_dump({"recipe": "himia", "corpus": {"options": options}}))
        graph, _ = run(folder, "-n", "--configfile", str(config))
        return made, graph, *run(folder, "--configfile", str(config), "--until", "data")


def main() -> None:
    """Print the figures."""
    made, graph, seconds, peak = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    print(
        f"{made} files: prepared in {seconds:.0f} s (at most {60 * MINUTES}) with {peak:.2f} GB (at most {GIGABYTES})"
    )
    print(f"graph of the whole recipe: {graph:.1f} s (at most {GRAPH_SECONDS})")


if __name__ == "__main__":
    main()
