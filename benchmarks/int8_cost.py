"""What weights in 8 bits cost a packed network: EER on a list, size and speed, in float32 and in int8.

    python benchmarks/int8_cost.py an4.spkr exp/an4/data/test [--trials trials_pairs]

The model has ONNX inside (`spkr pack --onnx`). Scores are those of its back-end; the network has one
thread.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from spkr.audio.decoding import read_audio
from spkr.export.quantisation import quantised
from spkr.feats.vad import energy_vad
from spkr.kaldi.maps import read_map
from spkr.kaldi.trials import read_trials
from spkr.metrics.eer import eer_kaldi
from spkr.packed.heard import Heard
from spkr.packed.packed_model import PackedModel
from spkr.packed.ratios import Voices


class Timed:
    """A session of onnxruntime on one thread, with the processor's time that its runs took."""

    def __init__(self, content: bytes):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session, self.seconds, self.size = onnxruntime.InferenceSession(content, options), 0.0, len(content)

    def run(self, names, inputs):
        """What `InferenceSession.run` returns."""
        start = time.process_time()
        found = self.session.run(names, inputs)
        self.seconds += time.process_time() - start
        return found


def cosine_distance(a: np.ndarray, b: np.ndarray) -> float:
    """One minus the cosine of two embeddings (dim,)."""
    return 1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def main() -> None:
    """Print a line for each precision."""
    args = _arguments()
    model = PackedModel.read(args.model, engine="onnx", threads=1)
    content = model.container.read("network.onnx")
    small = quantised(onnx.load_from_string(content)).SerializeToString()
    networks = {"float32": Timed(content), "int8": Timed(small)}
    vectors = {name: {} for name in networks}
    wav, audio = read_map(args.data / "wav.scp"), 0.0
    for utt, source in wav.items():
        samples = read_audio(source, model.rate, "any")
        audio += len(samples) / model.rate
        feats, energy = model.engine.features(samples)
        voiced = energy_vad(energy, model.front_end.vad) > 0
        used = voiced if model.front_end.select_voiced and voiced.any() else np.ones_like(voiced)
        for name, network in networks.items():
            model.engine.network = network
            vector = model.engine.embed([feats], [used])[0]
            vectors[name][utt] = vector
    trials = read_trials(args.data / args.trials)
    for name, network in networks.items():
        voices = {utt: Heard(utt, vector, seconds=1.0, speech=1.0) for utt, vector in vectors[name].items()}
        enrol, test = (Voices.of([[voices[utt]] for utt in side]) for side in (trials.enrol_names, trials.test_names))
        scores = model.ratios.of_pairs(enrol, test)[0][trials.enrol, trials.test]
        percent = 100 * eer_kaldi(scores[trials.target], scores[~trials.target])[0]
        distance = max(cosine_distance(vectors[name][utt], vectors["float32"][utt]) for utt in wav)
        print(
            f"{name}: EER {percent:.2f} %, {network.size / 1e6:.1f} MB, {network.seconds / len(wav) * 1e3:.1f} ms a "
            f"recording of {audio / len(wav):.1f} s, cosine distance to float32 at most {distance:.1e}"
        )


def _arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("data", type=Path)
    p.add_argument("--trials", default="trials_pairs")
    return p.parse_args()


if __name__ == "__main__":
    main()
