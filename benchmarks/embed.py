"""How fast utterances of 3 s are embedded on a processor: one by one, in batches, in bfloat16; and beside two peers.

    python benchmarks/embed.py [--threads 2] [--three-d-speaker DIR]

AN4's default, four networks, on features in memory; medians of rounds that take turns. Time is wall time, or CPU time
with `--threads 1`, which other work on the machine hardly changes. Then one utterance at a time: by several networks
beside each other, by ECAPA-TDNN of 512 channels against speechbrain's of the same size, where that is installed, and by
CAM++ against 3D-Speaker's, where DIR is a copy of github.com/modelscope/3D-Speaker. Weights are random.
"""

import argparse
import copy
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `spkr` does

import numpy as np
import torch
import yaml
from training import CONF, DIM, SPEAKERS

from spkr.nnet import network_options
from spkr.nnet.embed import WHOLE, embed_batches, embed_utterance, plan_batches
from spkr.nnet.inference import for_inference
from spkr.nnet.memory import keep_freed_memory
from spkr.nnet.model import Network, make_network

FRAMES = 300
NETWORKS = dict.fromkeys(("ecapa512", "ecapa1024", "campplus", "resnet34", "eres2netv2"), DIM)
NETWORKS |= dict.fromkeys(("redimnet2_b0", "redimnet2_b2"), 72)  # presets, and the bands of their features
CPU = torch.device("cpu")
BARS = {"float32": 1.5, "bfloat16": 2.5}  # times as many utterances a second as one by one in float32


def main() -> None:
    """Print speeds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--utts", type=int, default=99, help="in a round (default: %(default)s)")
    parser.add_argument("--three-d-speaker", metavar="DIR", help="a copy of its repository")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    batched(args.utts, args.rounds)
    compared(args.rounds)
    ecapa(10 * args.rounds)
    if args.three_d_speaker:
        campplus(args.three_d_speaker, 10 * args.rounds)


def preset(name: str, dim: int = DIM, **changes) -> Network:
    """A network of conf/model for features of `dim` bands, with weights as training begins with, in evaluation mode."""
    settings = yaml.safe_load((CONF / f"model/{name}.yaml").read_text())["model"]
    return make_network(network_options(settings | changes), dim, SPEAKERS).eval()


def batched(utts: int, rounds: int) -> None:
    """Utterances a second of AN4's default, by size of batch and precision."""
    net, rng = preset("quartznet3x1_small", ensemble=4), np.random.default_rng(1)
    feats = {f"utt{k:04}": rng.standard_normal((FRAMES, DIM), np.float32) for k in range(utts)}

    def embed(batch_frames: int, precision: str, prepared: Network) -> Callable[[], object]:
        batches = plan_batches(dict.fromkeys(feats, FRAMES), batch_frames)
        return lambda: list(embed_batches(prepared, feats, batches, CPU, precision))

    ways = [embed(WHOLE.batch_frames, p, for_inference(copy.deepcopy(net), CPU, p)) for p in BARS]
    alone, *together = (utts / seconds for seconds in medians(rounds, embed(1, "float32", net), *ways))
    print(f"one by one in float32, modules as in training: {alone:.0f} utterances/s, {torch.get_num_threads()} threads")
    for (precision, bar), speed in zip(BARS.items(), together, strict=True):
        verdict = "reached" if speed / alone >= bar else "MISSED"
        print(
            f"batches in {precision}: {speed:.0f} utterances/s, {speed / alone:.2f} times (at least {bar}: {verdict})"
        )


def compared(rounds: int) -> None:
    """Milliseconds for one utterance of each network of NETWORKS, as a ratio to the first."""
    nets = [preset(name, dim) for name, dim in NETWORKS.items()]
    weights = [sum(p.numel() for key, p in net.named_parameters() if not key.startswith("head.")) for net in nets]
    nets = [for_inference(net, CPU, "float32") for net in nets]
    rng = np.random.default_rng(1)
    feats = [rng.standard_normal((FRAMES, dim), np.float32) for dim in NETWORKS.values()]
    times = medians(rounds, *map(partial, repeat(embed_utterance), nets, feats))
    for name, count, seconds in zip(NETWORKS, weights, times, strict=True):
        print(f"{name}: {1000 * seconds:.1f} ms, {seconds / times[0]:.2f} times, {count / 1e6:.2f} million weights")


def ecapa(rounds: int) -> None:
    """Milliseconds for one utterance of ECAPA-TDNN, beside speechbrain's."""
    try:
        from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
    except ImportError as e:
        print(f"the peer is not installed ({e}): pip install speechbrain, best in an environment of its own")
        return
    beside("ECAPA-TDNN", preset("ecapa512"), "speechbrain", ECAPA_TDNN(DIM, lin_neurons=192), 1.0, rounds)


def campplus(folder: str, rounds: int) -> None:
    """Milliseconds for one utterance of CAM++, beside 3D-Speaker's."""
    sys.path.insert(0, folder)
    from speakerlab.models.campplus.DTDNN import CAMPPlus

    beside("CAM++", preset("campplus_3d_speaker"), "3D-Speaker", CAMPPlus(DIM, 192), 1 / 1.2, rounds)


def beside(name: str, net: Network, peer: str, their_net: torch.nn.Module, bar: float, rounds: int) -> None:
    """Print the milliseconds for one utterance of two networks, and their ratio, which `bar` limits."""
    feats = np.random.default_rng(1).standard_normal((FRAMES, DIM), np.float32)
    net, their_net = for_inference(net, CPU, "float32"), their_net.eval()

    @torch.inference_mode()
    def theirs() -> np.ndarray:
        return their_net(torch.from_numpy(feats)[None]).numpy()

    ours, others = medians(rounds, lambda: embed_utterance(net, feats), theirs)
    verdict = "reached" if ours <= bar * others else "MISSED"
    ratio = f"{ours / others:.2f} (at most {bar:.2f}: {verdict}), {others / ours:.2f} times the speed"
    print(f"one utterance of {name}: {1000 * ours:.1f} ms, {peer} {1000 * others:.1f} ms, {ratio}")


def medians(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """For each function, the median of its seconds; they take turns, after a call each to warm up."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds = [[] for _ in functions]
    for turn in range(1 + rounds):
        for function, taken in zip(functions, seconds, strict=True):
            begun = clock()
            function()
            taken += [clock() - begun] if turn else []
    return [statistics.median(taken) for taken in seconds]


if __name__ == "__main__":
    main()
