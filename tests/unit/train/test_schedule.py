import math
import random

import pytest
import torch

from spkr.train.novograd import NovoGrad
from spkr.train.schedule import learning_rate, make_optimizer
from tests.unit.train.runs import train_options


def test_novograd_against_a_scalar_implementation():
    lr, beta1, beta2, decay, eps = 0.1, 0.95, 0.5, 0.01, 1e-8
    layers = {"a": [0.5, -1.0, 2.0], "b": [3.0]}
    parameters = {name: torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for name, w in layers.items()}
    optimizer = NovoGrad(parameters.values(), lr=lr, betas=(beta1, beta2), weight_decay=decay)
    v, m = {}, {name: [0.0] * len(w) for name, w in layers.items()}
    rng = random.Random(1)
    for step in range(6):
        if step == 3:
            lr = optimizer.param_groups[0]["lr"] = 0.03
        for name, w in layers.items():
            gradient = [rng.gauss(0, 1) for _ in w]
            parameters[name].grad = torch.tensor(gradient, dtype=torch.float64)
            norm2 = sum(g * g for g in gradient)
            v[name] = norm2 if step == 0 else beta2 * v[name] + (1 - beta2) * norm2
            for i, g in enumerate(gradient):
                m[name][i] = beta1 * m[name][i] + g / (math.sqrt(v[name]) + eps) + decay * w[i]
                w[i] -= lr * m[name][i]
        optimizer.step()
        for name, w in layers.items():
            assert parameters[name].tolist() == pytest.approx(w, rel=1e-12)


def test_two_steps_of_novograd_by_hand():
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = NovoGrad([w], lr=0.1, betas=(0.9, 0.5), eps=0, weight_decay=0.01)
    for gradient, expected in (([3.0, 4.0], [0.939, -2.078]), ([0.0, 1.0], [0.883161, -2.173857])):
        w.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        assert w.tolist() == pytest.approx(expected, abs=5e-7)


def test_make_optimizer():
    w = torch.nn.Parameter(torch.ones(1))
    for name, kind in (("novograd", NovoGrad), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)):
        optimizer = make_optimizer([{"params": [w]}], train_options(optimizer=name))
        assert type(optimizer) is kind
        own = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {"betas": (0.9, 0.98)}
        assert optimizer.defaults.items() >= ({"lr": 0.02, "weight_decay": 0.05} | own).items()
    assert make_optimizer([{"params": [w]}], train_options(optimizer="sgd", betas=[0, 0])).defaults["momentum"] == 0


def test_learning_rate_warms_up_and_follows_half_a_cosine():
    options = train_options(lr=0.5, min_lr=0.1, warmup=0.1)
    rates = [learning_rate(step, 200, options) for step in range(200)]
    assert rates[:20] == pytest.approx([0.5 * (step + 1) / 20 for step in range(20)])
    assert rates[20] == 0.5
    assert rates[110] == pytest.approx(0.3)  # half-way
    assert rates[65] == pytest.approx(0.1 + 0.4 * (1 + math.cos(math.pi / 4)) / 2)
    assert all(a > b for a, b in zip(rates[20:-1], rates[21:], strict=True))
    assert 0.1 < rates[-1] < 0.1001


@pytest.mark.parametrize("total", [1, 7, 109, 1000])
@pytest.mark.parametrize("warmup", [0, 0.1, 0.33, 1])
def test_learning_rate_is_never_above_lr_nor_zero(total, warmup):
    options = train_options(lr=0.5, min_lr=0.0, warmup=warmup)
    rates = [learning_rate(step, total, options) for step in range(total)]
    assert min(rates) > 0
    assert max(rates) <= 0.5
