"""Results of a run that never ran: 8 speakers, two back-ends, one calibrated, and names that a page must escape."""

import contextlib
import json

import numpy as np
import soundfile

from spkr.cli import main
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.table import TableWriter
from spkr.kaldi.trials import all_pairs, write_trials

ODD = "s8<img/src=x/onerror=alert(1)>"  # a speaker
SPEAKERS = [*(f"s{k}" for k in range(1, 8)), ODD]
COMMAND = [
    *("report", "results", "page.html", "--xvectors", "test/xvector.scp", "--train-logs", "log.tsv", "--jobs", "."),
    *("--bad-files", "bad_files", "--command", "snakemake --cores 8 -s Snakefile"),
]
FILES = {
    "results/config.yaml": "model: {type: tdnn}\ncalibration: {prior: 0.05}\n# </script><b>\n",
    "log/score.log": "12:00:00 warning: 3 trials of <b>one</b>\n12:00:01 done\n",
    "benchmark/train.tsv": "s\tmax_rss\tcpu_time\n90.5\t800\t70\n",
    "bad_files": "test\ta <b>.wav\tno samples\n",
    "log.tsv": "loss\tlr\ttrain_accuracy\tvalid_accuracy\tdev_eer\n3\t0.1\t0.2\t0.1\t0.3\n2\t0.1\t0.4\t0.3\tnan\n",
}


def make_run(folder):
    """Write what `COMMAND` reads, in a folder; paths are relative to it."""
    rng = np.random.default_rng(1)
    utt2spk = {f"{spk}-{k}": spk for spk in SPEAKERS for k in range(4)}
    paths = {utt: folder / f"{k}.wav" for k, utt in enumerate(utt2spk)}
    for path in paths.values():
        soundfile.write(path, rng.normal(0, 0.1, 8000), 16000)
    seconds = {utt: f"{1 + k % 5}.0" for k, utt in enumerate(utt2spk)}
    gender = {spk: "fm"[k % 2] for k, spk in enumerate(SPEAKERS)}
    files = {"wav.scp": paths, "utt2spk": utt2spk, "utt2dur": seconds, "spk2gender": gender}
    write_data_dir(folder / "data", files)
    with TableWriter(folder / "test/xvector.ark") as table:
        for utt in sorted(utt2spk):
            table[utt] = rng.normal(size=6) + 3 * SPEAKERS.index(utt2spk[utt])
    pairs = all_pairs(utt2spk)
    write_trials(folder / "trials", pairs)
    for name, shift in (("plda", 2.5), ("cosine", 1.5), ("plda.llr", 2.5)):
        lines = [f"{a} {b} {rng.normal(shift * same, 1):.4f}\n" for a, b, same in pairs]
        (folder / name).write_text("".join(lines))
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    scored = {"trials": "trials", "scores": {"cosine": "cosine", "plda": "plda"}, "utt2spk": "data/utt2spk"}
    lists = {"trials_pairs": scored | {"llrs": {"plda": "plda.llr"}}, "dev_trials_pairs": scored}
    (folder / "results/lists.json").write_text(json.dumps(lists))
    with contextlib.chdir(folder):
        main(["eval", "results", "results/lists.json", "--primary", "plda", "--by", "spk2gender", "--name", "an<b>4"])
