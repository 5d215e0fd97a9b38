"""Batches copied to a GPU while another is trained on."""

from typing import NamedTuple

import pytest
import torch

from spkr.train.prefetch import prefetch


class Pair(NamedTuple):
    wave: torch.Tensor
    tap: int


def batches(n):
    for i in range(n):
        yield [Pair(torch.full((64, 5000), float(i)), i), None, torch.tensor([i]), [f"utt{i}"]]  # as a DataLoader does


def test_on_a_processor_they_pass_as_they_come():
    taken = []

    def counted():
        for batch in batches(3):
            taken.append(batch[3])
            yield batch

    for number, batch in enumerate(prefetch(counted(), torch.device("cpu"))):
        assert len(taken) == number + 1
        assert batch[3] == [f"utt{number}"]
    assert number == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("n", [0, 1, 5])
def test_on_a_gpu_they_are_there_whole_and_in_order(n):
    found = []
    for waves, none, speakers, utts in prefetch(batches(n), torch.device("cuda", 0)):
        assert waves.wave.is_cuda
        assert speakers.is_cuda
        assert none is None
        found.append((waves.wave.mean().item(), waves.tap, speakers.item(), utts))
    assert found == [(i, i, i, [f"utt{i}"]) for i in range(n)]
