"""Several processes that train one network, each on its own GPU: which one this is, and what they exchange.

`torchrun --nproc-per-node 4 -m spkr train ...` starts them and sets RANK, LOCAL_RANK and WORLD_SIZE. A batch is
shared by all processes, and each takes its part of the rows. So the number of processes changes neither the number of
steps nor the learning rate.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from spkr.config.train_options import has_equal_parts
from spkr.errors import InputError

PATIENCE = timedelta(hours=2)  # how long the others wait while the first one measures and saves


@dataclass(frozen=True)
class Processes:
    """This process, one of `size`; the process of rank 0 measures, logs and saves."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    def join(cls, batch_size: int, accumulate: int = 1) -> "Processes":
        """Join the others, with NCCL on GPUs and gloo on CPUs.

        Raises InputError if a batch has no equal shares, each of `accumulate` equal parts of two rows or more, and if
        this machine has GPUs, but not one for each of its processes.
        """
        size, local = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("LOCAL_RANK", 0))
        if batch_size % size:
            raise InputError(f"train.batches.batch_size: {batch_size} is no multiple of the {size} processes")
        if not has_equal_parts(batch_size // size, accumulate):
            raise InputError(
                f"train.accumulate: {accumulate}; expected equal parts, of two utterances or more, of the "
                f"{batch_size // size} of a batch in each process"
            )
        if (gpus := torch.cuda.device_count()) and local >= gpus:
            raise InputError(f"process {local + 1} of this machine has no GPU of its own; expected at most {gpus}")
        device = torch.device(f"cuda:{local}" if torch.cuda.is_available() else "cpu")
        if size == 1:
            return cls(0, 1, device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        return cls(int(os.environ["RANK"]), size, device)

    @property
    def first(self) -> bool:
        """Whether this is the process that measures, logs and saves."""
        return self.rank == 0

    def spread(self, net: nn.Module) -> nn.Module:
        """The network to train: gradients are averaged over the processes, and on GPUs batch norm's statistics, too."""
        if self.size == 1:
            return net
        if self.device.type == "cuda":
            net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
        return DistributedDataParallel(net, device_ids=[self.device] if self.device.type == "cuda" else None)

    def apart(self, trained: nn.Module) -> AbstractContextManager:
        """A block in which gradients are not yet averaged; the next backward pass outside it averages them, too."""
        return nullcontext() if self.size == 1 else trained.no_sync()

    def sums(self, values: list[float]) -> list[float]:
        """Each value's sum over the processes."""
        return self._reduce(values, distributed.ReduceOp.SUM, torch.float64)

    def largest(self, values: list[int]) -> list[int]:
        """Each value's maximum over the processes."""
        return self._reduce(values, distributed.ReduceOp.MAX, torch.int64)

    def _reduce(self, values: list, how: distributed.ReduceOp, dtype: torch.dtype) -> list:
        if self.size == 1:
            return values
        together = torch.tensor(values, dtype=dtype, device=self.device)
        distributed.all_reduce(together, how)
        return together.tolist()

    def from_first(self, value: Any) -> Any:
        """The value that the first process passes."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def leave(self) -> None:
        """Leave the group, once all processes have called this."""
        if self.size > 1:
            distributed.barrier()
            distributed.destroy_process_group()
