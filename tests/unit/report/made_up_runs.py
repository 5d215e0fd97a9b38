"""Runs with scores and results on one small list, in the folder where they would lie; nothing was trained."""

import json

import numpy as np
import yaml

from spkr.kaldi.trials import all_pairs, write_trials
from spkr.metrics.scores import read_both_kinds
from spkr.report.list_results import evaluate
from spkr.report.lists import ScoredList
from spkr.report.measures import MEASURES

MEASURED = {name: MEASURES[name] for name in ("eer", "mindcf_0.01", "cllr", "mincllr")}
DRAWS = 200
DATA = "exp/an4/data/test"
OF_RUN = {"name": "an4", "model": "tdnn", "seed": 1, "front_end": "fbank80"}


def write_data(root, n_speakers=12, n_utts=3, lists=("trials_pairs",)):
    """A data directory with lists of all pairs."""
    folder = root / DATA
    folder.mkdir(parents=True, exist_ok=True)
    utt2spk = {f"s{k:02d}-{i}": f"s{k:02d}" for k in range(n_speakers) for i in range(n_utts)}
    (folder / "utt2spk").write_text("".join(f"{utt} {spk}\n" for utt, spk in utt2spk.items()))
    for name in lists:
        write_trials(folder / name, all_pairs(utt2spk))


def write_scores(path, trials, margin, seed):
    """Scores with noise of their own; target trials are `margin` higher, less for some speakers."""
    found = read_both_kinds(trials)
    rng, hard = np.random.default_rng(seed), np.random.default_rng(0)
    noise = hard.normal(size=len(found)) + 0.2 * rng.normal(size=len(found))
    values = noise + margin * found.target
    lines = (f"{' '.join(found.pair(k))} {value:.5f}\n" for k, value in enumerate(values))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def write_run(root, run, margins, *, lists=("trials_pairs",), ratios=False, config=None, **of_run):
    """A run whose back-ends have these margins, the first of which is primary; `root` is the working directory."""
    of_run, folder, rows = OF_RUN | of_run, f"exp/an4/{run}", []
    named = {}
    for name in lists:
        scores = {backend: f"{folder}/scores/{name}.{backend}" for backend in margins}
        for backend, path in scores.items():
            write_scores(root / path, root / DATA / name, margins[backend], of_run["seed"])
        named[name] = {"trials": f"{DATA}/{name}", "scores": scores, "utt2spk": f"{DATA}/utt2spk"}
        named[name] |= {"llrs": scores} if ratios else {}
        measured = evaluate(name, ScoredList.model_validate(named[name]), MEASURED).rows
        primary = next(iter(margins))
        rows += [of_run | {"run": run, "primary": "yes" if r["backend"] == primary else "no"} | r for r in measured]
    results = root / folder / "results"
    results.mkdir(parents=True)
    rows = [{key: None if value != value else value for key, value in row.items()} for row in rows]
    (results / "results.json").write_text(json.dumps({"results": rows}))
    (results / "lists.json").write_text(json.dumps(named))
    settings = {"run": run, "seed": of_run["seed"], "corpora": f"/{run}", "model": {"type": of_run["model"]}}
    (results / "config.yaml").write_text(yaml.safe_dump(settings | (config or {})))
    return folder
