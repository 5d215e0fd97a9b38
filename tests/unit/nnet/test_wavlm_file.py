"""Files of a WavLM: the namings that are read, and what is refused."""

import pytest
import torch
from safetensors.torch import save_file

from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.nnet.wavlm_file import wavlm_of
from tests.unit.nnet.wavlms import LAYERS, WIDTH, front_end, hugging_face, microsoft, random_wavlm

POSITION = "encoder.transformer.pos_conv_embed.conv"


@pytest.fixture(scope="module", params=[False, True], ids=["base", "large"])
def model(request):
    return request.param, random_wavlm(request.param)


def older(state):
    """torchaudio's names of the years before 2023."""
    new = {f"{POSITION}.parametrizations.weight.original{i}": f"{POSITION}.weight_{x}" for i, x in enumerate("gv")}
    return {new.get(name, name): tensor for name, tensor in state.items()}


def test_every_naming_gives_the_same_weights(model, tmp_path):
    large, theirs = model
    torch.save(theirs.state_dict(), tmp_path / "torchaudio.pt")
    torch.save(older(theirs.state_dict()), tmp_path / "older.pt")
    torch.save(hugging_face(theirs), tmp_path / "pytorch_model.bin")
    torch.save(hugging_face(theirs, "wavlm."), tmp_path / "of_ctc.bin")
    save_file(hugging_face(theirs), tmp_path / "model.safetensors")
    torch.save(microsoft(theirs, large), tmp_path / "WavLM.pt")
    files = sorted(tmp_path.iterdir())
    assert len(files) == 6
    for file in files:
        found = wavlm_of(front_end(file))
        assert found.normalised is large
        for name, tensor in theirs.state_dict().items():
            assert torch.equal(found.model.state_dict()[name], tensor), (file, name)


def test_a_file_under_models_is_found_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "models/wavlm").mkdir(parents=True)
    torch.save(random_wavlm().state_dict(), tmp_path / "models/wavlm/small.pt")
    monkeypatch.setenv("SPKR_MODELS", str(tmp_path / "models"))
    assert wavlm_of(front_end("small.pt")).layers == LAYERS
    monkeypatch.delenv("SPKR_MODELS")
    with pytest.raises(InputError, match=r"feats.file: no such file 'small.pt' here, .*SPKR_MODELS.*wavlm.md"):
        wavlm_of(front_end("small.pt"))


def changed(model, **changes):
    state = model.state_dict() | changes
    return {name: tensor for name, tensor in state.items() if tensor is not None}


NORM = "encoder.transformer.layer_norm.weight"
FAULTS = {
    "another depth": (lambda m: random_wavlm(layers=2).state_dict(), r"2 layers of 24; the config says feats.layers 3"),
    "a tensor less": (lambda m: changed(m, **{f"{POSITION}.bias": None}), f"{POSITION}.bias is missing; download"),
    "two less": (
        lambda m: {k: v for k, v in m.state_dict().items() if "layers.2.layer_norm" not in k},
        r"layers.2.layer_norm.weight is missing, and 1 more",
    ),
    "an odd one": (lambda m: changed(m, odd=torch.ones(1)), "odd is left over"),
    "another shape": (
        lambda m: changed(m, **{f"{POSITION}.bias": torch.ones(2)}),
        r"has the shape \(2,\), not",
    ),
    "nan": (lambda m: changed(m, **{NORM: torch.full((WIDTH,), torch.nan)}), f"{NORM} holds values that are not fin"),
    "no convolutions": (
        lambda m: {k: v for k, v in m.state_dict().items() if "conv_layers" not in k},
        "a tensor is missing, or has an odd shape",
    ),
    "no wavlm": (lambda m: {"encoder.weight": torch.ones(2)}, "not a WavLM: its attention has no relative positions"),
    "wav2vec2": (
        lambda m: {k: v for k, v in hugging_face(m).items() if "rel_attn" not in k},
        "not a WavLM: its attention has no relative positions",
    ),
    "no state dict": (lambda m: [1, 2], "not a state dict; expected a WavLM"),
    "settings": (lambda m: {"a": 1}, "not a state dict; expected a WavLM"),
    "a number as a name": (lambda m: {1: torch.zeros(2)}, "not a state dict; expected a WavLM"),
    "sparse": (lambda m: changed(m, odd=torch.zeros(2).to_sparse()), "not a state dict; expected a WavLM"),
    "complex": (lambda m: changed(m, odd=torch.zeros(2) * 1j), "not a state dict; expected a WavLM"),
    "no values": (lambda m: changed(m, odd=torch.zeros(2, device="meta")), "not a state dict; expected a WavLM"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_not_the_wavlm_of_the_config_is_refused(name, tmp_path):
    make, message = FAULTS[name]
    torch.save(make(random_wavlm()), tmp_path / "a.pt")
    with pytest.raises(InputError, match=message) as raised:
        wavlm_of(front_end(tmp_path / "a.pt"))
    assert str(raised.value).startswith(f"{tmp_path}/a.pt: ")


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_bytes_that_are_no_weights_are_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"no weights at all" * 9)
    with pytest.raises(InputError, match="damaged, or not a file of weights; expected a WavLM"):
        wavlm_of(front_end(tmp_path / name))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_frequency": 8000}, "sample_frequency: 8000; expected 16000"),
        ({"select_voiced": True}, "select_voiced: true; expected false"),
        ({"cmvn": {"type": "sliding"}}, "cmvn.type: 'sliding'; expected none"),
        ({"num_mel_bins": 80}, "num_mel_bins: 80; expected 0"),
        ({"frame_shift": 10}, "frame_shift: 10; expected 20"),
        ({"layers": 0}, "layers: 0; expected at least 1"),
        ({"dither": 1.0}, "dither: no such key"),
    ],
)
def test_settings_that_a_wavlm_would_ignore_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        make_front_end({"type": "ssl", "file": "a.pt", "layers": 1, "width": 8} | settings)


def test_file_layers_and_width_must_be_given():
    with pytest.raises(InputError, match="missing; expected a value"):
        make_front_end({"type": "ssl"})
