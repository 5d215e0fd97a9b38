"""`spkr report`, the HTML page, of 1,000,000 trials by two back-ends, calibrated. Seconds, memory and size of the page.

python benchmarks/html_report.py [trials]

The list is made up: 200 speakers with known sex, of whom each has ten models and five utterances. `spkr eval`
runs first and is not counted. The page has a map of 1,000 embeddings, which take the time of t-SNE.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SPEAKERS, MODELS, UTTS, DIM = 200, 10, 5, 192
SECONDS, MEGABYTES = 60, 10  # at most
COMMAND = (sys.executable, "-c", "from spkr.cli import main; main()")


def write(folder: Path, n: int) -> None:
    """A data directory, a list of `n` trials, scores and ratios of two back-ends, and embeddings."""
    from spkr.kaldi.maps import write_map
    from spkr.kaldi.table import TableWriter

    rng = np.random.default_rng(1)
    speakers = [f"s{k:04}" for k in range(SPEAKERS)]
    enrol = [f"{spk}-model{k:02}" for spk in speakers for k in range(MODELS)]
    test = [f"{spk}-utt{k:02}" for spk in speakers for k in range(UTTS)]
    names = sorted([*enrol, *test])
    write_map(folder / "utt2spk", {name: name[:5] for name in names})
    write_map(
        folder / "utt2dur",
        {name: f"{seconds:.2f}" for name, seconds in zip(names, rng.gamma(4, 2, len(names)), strict=True)},
    )
    write_map(folder / "spk2gender", {spk: "fm"[k % 2] for k, spk in enumerate(speakers)})
    with TableWriter(folder / "xvector.ark") as table:
        for name in sorted(test):
            table[name] = np.random.default_rng(int(name[1:5])).normal(size=DIM) + rng.normal(size=DIM)
    pairs = [(a, b, a[:5] == b[:5]) for a in enrol for b in test]
    pairs = [pairs[k] for k in np.sort(rng.permutation(len(pairs))[:n])]
    target = np.array([same for _, _, same in pairs])
    (folder / "trials").write_text("".join(f"{a} {b} {'target' if same else 'nontarget'}\n" for a, b, same in pairs))
    for backend, distance in (("cosine", 2.5), ("plda", 3.5)):
        values = rng.normal(0, 1, n) + distance * target
        for name, scores in ((backend, values), (f"{backend}.llr", distance * values - distance**2 / 2)):
            with (folder / name).open("w") as f:
                f.writelines(f"{a} {b} {score:.6f}\n" for (a, b, _), score in zip(pairs, scores, strict=True))


def main() -> None:
    """Print the time, the memory and the size."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, n)
        scored = {
            "trials": f"{folder}/trials",
            "scores": {b: f"{folder}/{b}" for b in ("cosine", "plda")},
            "llrs": {b: f"{folder}/{b}.llr" for b in ("cosine", "plda")},
            "utt2spk": f"{folder}/utt2spk",
        }
        (folder / "results").mkdir()
        (folder / "results/lists.json").write_text(json.dumps({"trials_all": scored}))
        measure = [*COMMAND, "eval", f"{folder}/results", f"{folder}/results/lists.json", "--primary", "plda"]
        subprocess.run([*measure, "--by", "spk2gender"], check=True, stdout=subprocess.DEVNULL)
        page = folder / "report.html"
        begun = time.perf_counter()
        subprocess.run(
            [*COMMAND, "report", f"{folder}/results", page, "--xvectors", f"{folder}/xvector.scp"], check=True
        )
        seconds, megabytes = time.perf_counter() - begun, page.stat().st_size / 1e6
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    verdict = "reached" if seconds <= SECONDS and megabytes <= MEGABYTES else "MISSED"
    bars = f"at most {SECONDS} s and {MEGABYTES} MB: {verdict}"
    print(f"spkr report of {n} trials: {seconds:.1f} s, {megabytes:.2f} MB ({bars})")
    print(f"memory of the larger of `spkr eval` and `spkr report`: {memory:.2f} GB")


if __name__ == "__main__":
    main()
