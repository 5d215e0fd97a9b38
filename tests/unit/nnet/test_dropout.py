import math

import pytest
import torch

from spkr.nnet.dropout import Dropout

torch.set_num_threads(1)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.999])
def test_dropout_zeroes_its_share_and_keeps_the_mean(p):
    layer, x = Dropout(p), (torch.rand(101, 1003, dtype=torch.float64) + 0.5).requires_grad_()
    torch.manual_seed(1)
    y = layer(x)
    kept = y != 0
    assert kept.double().mean().item() == pytest.approx(1 - p, abs=0.005)
    scale = (y / x)[kept].unique()
    assert scale.max() - scale.min() < 1e-9 * scale.max()
    assert 1 / scale.mean().item() == pytest.approx(1 - p, abs=0.004)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(kept, scale.mean(), 0.0))
    rows = kept.double().mean(dim=1)
    assert p in (0.0, 0.999) or rows.std() < 2 * math.sqrt(p * (1 - p) / 1003)  # no two of them alike, either
    assert p in (0.0, 0.999) or len({bytes(row.numpy()) for row in kept}) == 101
    assert torch.equal(layer.eval()(x), x)
    torch.manual_seed(1)
    assert torch.equal(layer.train()(x), y)
    assert layer(x.bfloat16()).dtype == torch.bfloat16
