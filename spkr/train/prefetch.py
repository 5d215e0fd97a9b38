"""Copies each batch to the GPU before it is needed, while the network is trained on the batch before."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch


def prefetch(batches: Iterable, device: torch.device) -> Iterator:
    """Yield the same batches; for a GPU, their tensors are copied to it on one stream while another computes.

    A batch is taken from `batches` before the previous one is yielded, so that its copy is already under way. From
    pinned memory the copy does not block the CPU.
    """
    if device.type != "cuda":
        yield from batches
        return
    copies, held = torch.cuda.Stream(device), None
    for batch in batches:
        with torch.cuda.stream(copies):
            moved, done = _moved(batch, device), torch.cuda.Event()
            done.record(copies)
        if held:
            yield _handed_over(*held, device)
        held = moved, done
    if held:
        yield _handed_over(*held, device)


def _moved(batch: Any, device: torch.device) -> Any:
    """The content of a batch, with its tensors on the device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple | list):
        parts = [_moved(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else parts
    return batch


def _handed_over(batch: Any, done: torch.cuda.Event, device: torch.device) -> Any:
    """The batch, for the stream that computes: it waits for the copy, and the memory is not reused too soon."""
    computing = torch.cuda.current_stream(device)
    computing.wait_event(done)
    for tensor in _tensors(batch):
        tensor.record_stream(computing)
    return batch


def _tensors(batch: Any) -> Iterator[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        yield batch
    elif isinstance(batch, tuple | list):
        for part in batch:
            yield from _tensors(part)
