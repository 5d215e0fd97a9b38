"""What more networks give: EERs with every choice of the networks of finished runs.

    python benchmarks/ensemble_sizes.py recipes/himia/standin.yaml
    python benchmarks/ensemble_sizes.py recipes/an4/dev24.yaml recipes/an4/four_networks.yaml --run four-s1
    python benchmarks/ensemble_sizes.py CONFIGS --run four-s1 four-s2

The networks of several runs of a grid, which differ in the seed alone, count as those of one ensemble. For each choice
the primary back-end is trained on the embeddings of these networks alone. The list is one of `dev`.
"""

import itertools
import sys
from pathlib import Path
from statistics import fmean

import numpy as np
from dev_backend import DevBackend, arguments, resolve

from spkr.config.loading import Resolved
from spkr.kaldi.table import TableReader

SHOWN = 10  # choices whose EERs are printed one by one


def main() -> None:
    """Print a line for each number of networks."""
    args = arguments(__doc__).parse_args()
    runs = resolve(args)
    if sum(run.config.model.ensemble for run in runs) == 1:
        sys.exit("expected a run of several networks at once (model.ensemble), or several runs")
    backend = DevBackend(runs[0], args.list)
    networks = {name: _networks(runs, name) for name in backend.sets}
    number = len(next(iter(networks["dev"].values())))
    for size in range(1, number + 1):
        found = []
        for chosen in itertools.combinations(range(number), size):
            parts = {
                name: {utt: np.concatenate([own[k] for k in chosen]) for utt, own in of.items()}
                for name, of in networks.items()
            }
            found.append(backend.eer(parts))
        eers = ", ".join(f"{eer:.2f}" for eer in found) if len(found) <= SHOWN else f"{len(found)} choices"
        print(f"{size} of {number}: mean {fmean(found):.2f} %, of {eers}", flush=True)


def _networks(runs: list[Resolved], name: str) -> dict[str, list[np.ndarray]]:
    """For each utterance of a set, its embedding by each network of the runs."""
    found: dict[str, list[np.ndarray]] = {}
    for config in (run.config for run in runs):
        table_of = Path(f"exp/{config.experiment}/{config.run}/xvectors/{name}/xvector.scp")
        table = TableReader(table_of)
        if found and found.keys() != set(table):
            sys.exit(f"{table_of}: other utterances than those of the first run")
        for utt in table:
            found.setdefault(utt, []).extend(np.split(table[utt], config.model.ensemble))
    return found


if __name__ == "__main__":
    main()
