"""That each option of a training is heeded by its steps."""

import pytest
import torch

from spkr.errors import InputError
from spkr.nnet.model import SpeakerNet, read_model
from tests.unit.train.runs import EPOCHS, STEPS_PER_EPOCH, crash, log_without_speed, only_folder, run

AAM = {"type": "aam", "margin": 0.2, "scale": 30.0, "margin_growth": [0.2, 0.6]}


def test_the_margin_grows_with_the_steps(toy, tmp_path, monkeypatch):
    shares = []

    def seen(self, *args, forward=SpeakerNet.forward, **options):
        if self.training:
            shares.append(float(self.head.share))
        return forward(self, *args, **options)

    monkeypatch.setattr(SpeakerNet, "forward", seen)
    run(toy, tmp_path, model={"head": AAM}, epochs=2)
    assert shares == pytest.approx([0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1])


def test_the_loss_is_of_smoothed_labels(toy, tmp_path):
    """Of which it is a linear function while nothing is trained."""
    losses = {}
    for smoothing in (0.0, 0.5, 1.0):
        out = tmp_path / str(smoothing)
        run(toy, out, label_smoothing=smoothing, epochs=1, lr=1e-12, warmup=0)
        losses[smoothing] = float(log_without_speed(out)[1][3])
    assert losses[0.5] == pytest.approx((losses[0.0] + losses[1.0]) / 2, rel=1e-4)
    assert losses[1.0] != pytest.approx(losses[0.0], rel=1e-3)


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16", "sve_bf16", "avx2"])
def test_mixed_precision_is_bfloat16_in_training_alone(toy, tmp_path, monkeypatch, caplog, flag):
    """On processors that have it."""
    caplog.set_level("INFO")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {flag: True, "architecture": "any", "avx512_f": True})
    dtypes, expected = set(), torch.float32 if flag == "avx2" else torch.bfloat16
    # Not those of DepthwiseConv1d, which are of float32 where there are few channels
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, args, out: (
            dtypes.add((module.training, out.dtype)) if type(module).__name__ == "Conv1d" else None
        )
    )
    try:
        for mixed, dtype in ((True, expected), (False, torch.float32)):
            dtypes.clear()
            run(toy, tmp_path / str(mixed), mixed_precision=mixed, epochs=1)
            assert dtypes == {(True, dtype), (False, torch.float32)}
    finally:
        hook.remove()
    said = caplog.text.count("this processor has no bfloat16: mixed_precision is float32 here")
    assert said == (expected == torch.float32)


def test_compile_is_torchs(toy, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda net: compiled.append(net) or net)
    run(toy, tmp_path / "one", compile=True, epochs=1)
    run(toy, tmp_path / "two", compile=True, epochs=1, model={"ensemble": 2})
    assert [type(net) for net in compiled] == [SpeakerNet] * 3


@pytest.fixture
def scaled(monkeypatch):
    """A scaler of losses, as GPUs without bfloat16 need it, whose scale is doubled every seventh step."""
    scalers = []

    def make(device, enabled):
        scalers.append(torch.amp.grad_scaler.GradScaler(device, init_scale=2.0**10, growth_interval=7))
        return scalers[-1]

    monkeypatch.setattr(torch.amp, "GradScaler", make)
    return scalers


def test_a_scaled_loss_gives_the_same_network_and_its_scale_is_kept(toy, finished, tmp_path, monkeypatch, scaled):
    crash(monkeypatch, toy, tmp_path, 17)
    assert torch.load(only_folder(tmp_path) / "step-15.pt", weights_only=True)["scaler"]["scale"] == 2.0**12
    run(toy, tmp_path)
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()
    assert log_without_speed(tmp_path) == log_without_speed(finished)
    assert scaled[-1].get_scale() == 2.0 ** (10 + EPOCHS * STEPS_PER_EPOCH // 7)


def test_a_run_goes_on_where_another_device_began_it(toy, finished, tmp_path, monkeypatch, request):
    """On one with a fused optimiser and a scaled loss."""

    def fused(parameters, options):
        return torch.optim.AdamW(parameters, lr=1, betas=(0.9, 0.98), weight_decay=0.05, fused=True)

    crash(monkeypatch, toy, tmp_path, 17)
    scaled = request.getfixturevalue("scaled")
    monkeypatch.setattr("spkr.train.loop.make_optimizer", fused)
    run(toy, tmp_path)
    assert scaled[-1].get_scale() == 2.0 ** (10 + 15 // 7)
    weights, expected = (read_model(out / "model/final.pt")["weights"] for out in (tmp_path, finished))
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-2, atol=1e-2)


def overflow(monkeypatch, steps):
    """Make the gradients of these steps infinite."""
    begun = []

    def spoilt(gradient):
        return gradient * torch.inf if begun[-1] in steps else gradient

    def begin_step(self, step, total, begin=SpeakerNet.begin_step):
        begin(self, step, total)
        begun.append(step)
        if step == 0:
            self.affine[0].weight.register_hook(spoilt)

    monkeypatch.setattr(SpeakerNet, "begin_step", begin_step)


def test_a_step_whose_scaled_gradient_is_not_finite_is_skipped(toy, tmp_path, monkeypatch, scaled):
    overflow(monkeypatch, {3})
    run(toy, tmp_path, epochs=1)
    assert scaled[-1].get_scale() == 2.0**9
    assert 0 < float(log_without_speed(tmp_path)[1][4]) < 100  # the norm of the others' gradients


def test_a_run_ends_where_no_smaller_scale_is_left(toy, tmp_path, monkeypatch, scaled):
    overflow(monkeypatch, set(range(EPOCHS * STEPS_PER_EPOCH)))
    with pytest.raises(InputError, match="step 9: the loss is .*, the norm of its gradient inf; lower train.lr"):
        run(toy, tmp_path)
