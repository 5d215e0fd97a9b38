"""Mixed precision: networks compute with fewer digits, weights keep theirs."""

import logging

import torch

OF_PROCESSORS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # the last two are of ARM

logger = logging.getLogger(__name__)


class Precision:
    """How many digits a training computes with.

    If `mixed`, it is bfloat16 on a device that has it, and float16 with a scaler on a GPU without it. On a processor
    without it, it is float32, and the log says so: bfloat16 is several times slower there. Otherwise it is float32.
    """

    def __init__(self, device: torch.device, mixed: bool):
        self.device, native = device, has_bfloat16(device)
        self.mixed = mixed and (native or device.type == "cuda")
        self.dtype = torch.bfloat16 if native else torch.float16
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.mixed and not native)
        if mixed and not self.mixed:
            logger.info("this processor has no bfloat16: mixed_precision is float32 here")

    def autocast(self) -> torch.autocast:
        """A block in which networks compute with fewer digits."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.mixed)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 without emulating it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return any(has.get(name, False) for name in OF_PROCESSORS)
