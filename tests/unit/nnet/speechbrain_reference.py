"""What speechbrain computes: run as a program, as its lazy modules get in the way of pytest.

python -m tests.unit.nnet.speechbrain_reference FOLDER writes embedding_model.ckpt, the weights of a small ECAPA-TDNN;
embeddings.npz, of FEATURES by the number of frames; and features.npz, of `speech` by the number of samples.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from tests.unit.feats.extraction import speech
from tests.unit.nnet.layouts import FEATURES, filled

FRAMES = (150, 20, 6)
SAMPLES = (16000, 16001, 15999, 400, 163917)


def main(folder: Path) -> None:
    """Write the files."""
    from speechbrain.lobes.features import Fbank
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    net = ECAPA_TDNN(80, channels=[16, 16, 16, 16, 48], lin_neurons=8)
    net.load_state_dict(filled({name: list(w.shape) for name, w in net.state_dict().items()}))
    torch.save(net.state_dict(), folder / "embedding_model.ckpt")
    net.eval()
    with torch.no_grad():
        np.savez(folder / "embeddings.npz", **{str(n): net(FEATURES[:, :n])[0, 0] for n in FRAMES})
        waves = {str(n): torch.from_numpy(speech(n))[None] / 32768 for n in SAMPLES}
        np.savez(folder / "features.npz", **{n: Fbank(n_mels=80)(wave)[0] for n, wave in waves.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
