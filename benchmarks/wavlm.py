"""What a WavLM costs on a processor: seconds of audio embedded per CPU second, a training step, and memory.

    python benchmarks/wavlm.py                 # WavLM Base with random weights, MHFA on it, two threads
    python benchmarks/wavlm.py --fill          # and write the table of docs/explanation/performance.md

Each row is a process of its own, so that its peak memory is its own. Recordings are noise in memory.
"""

import os

os.environ["OMP_NUM_THREADS"] = "2"

import argparse
import multiprocessing
import time

import numpy as np
import torch
import yaml
from common import apart
from results_table import header, line
from tables import PAGES, ROOT, fill_page
from torch.nn.functional import cross_entropy

from spkr.nnet import network_options
from spkr.nnet.embed import embed_batches, plan_batches
from spkr.nnet.inference import for_inference
from spkr.nnet.memory import keep_freed_memory
from spkr.nnet.model import Network, make_network
from spkr.nnet.wavlm import WavLM

PAGE = PAGES["wavlm"]
RATE, FRAME, SPEAKERS = 50, 320, 1000  # frames a second, samples of each, training speakers
REPEATS = 3


def network() -> Network:
    """MHFA on a WavLM Base, with random weights."""
    from torchaudio.models import wavlm_base

    settings = yaml.safe_load((ROOT / "conf/model/mhfa.yaml").read_text())["model"]
    torch.manual_seed(1)
    wavlm = WavLM(wavlm_base(encoder_layer_drop=0.0), normalised=False, sha256=bytes(32))
    return make_network(network_options(settings), FRAME, SPEAKERS, wavlm)


def noise(seconds: float, n: int) -> np.ndarray:
    """Recordings (n, frames, samples of a frame)."""
    shape = n, round(seconds * RATE), FRAME
    return 1000 * np.random.default_rng(1).standard_normal(shape, np.float32)


def embed(seconds: float, n: int, precision: str) -> float:
    """CPU seconds to embed n recordings, the least of a few rounds."""
    net = for_inference(network(), torch.device("cpu"), precision)
    feats = {str(i): one for i, one in enumerate(noise(seconds, n))}
    batches = plan_batches({utt: len(one) for utt, one in feats.items()})
    return _least(lambda: list(embed_batches(net, feats, batches, precision=precision)))


def step(lr: float, seconds: float, n: int) -> float:
    """CPU seconds of a training step on n crops, in float32; the WavLM is trained at the part `lr` of the rate."""
    net = network()
    if lr:
        net.front.train_wavlm(lr)
    net.train()
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad])
    crops, speakers = torch.from_numpy(noise(seconds, n)), torch.arange(n)

    def once() -> None:
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(net(crops, None, speakers), speakers).backward()
        optimizer.step()

    return _least(once)


def _least(work) -> float:
    taken = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


ROWS = {  # the function, its arguments, and seconds of audio
    "embedding 24 recordings of 3 s": (embed, (3, 24, "float32"), 72),
    "the same in bfloat16": (embed, (3, 24, "bfloat16"), 72),
    "embedding a recording of 60 s, in chunks": (embed, (60, 1, "float32"), 60),
    "a training step of 8 crops of 2 s, the WavLM as it is": (step, (0.0, 2, 8), 16),
    "the same, the WavLM trained, too": (step, (0.02, 2, 8), 16),
}


def on_two_threads(function, arguments) -> float:
    """What a function returns, with torch as in a job of two threads."""
    torch.set_num_threads(2)
    keep_freed_memory()
    return function(*arguments)


def rows() -> list[str]:
    """The lines of the table."""
    table = header("WavLM Base and MHFA, two threads", "CPU seconds", "seconds of audio per CPU second", "memory, GB")
    spawn = multiprocessing.get_context("spawn")
    for name, (function, arguments, audio) in ROWS.items():
        seconds, memory = apart(spawn, name, on_two_threads, function, arguments)
        table.append(line(name, f"{seconds:.2f}", f"{audio / seconds:.1f}", f"{memory:.2f}"))
    return table


def main() -> None:
    """Print the table; with --fill, write it to the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fill", action="store_true", help=f"write the table of {PAGE.name}")
    args = parser.parse_args()
    table = rows()
    print("\n".join(table))
    if args.fill:
        fill_page(PAGE, table)


if __name__ == "__main__":
    main()
