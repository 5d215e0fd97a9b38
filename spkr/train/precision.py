"""Mixed precision: networks compute with fewer digits, weights keep theirs."""

import torch


class Precision:
    """bfloat16, or float16 with a scaler of gradients on a GPU without it; float32 unless `mixed`."""

    def __init__(self, device: torch.device, mixed: bool):
        half = not (device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False))
        self.device, self.mixed, self.dtype = device, mixed, torch.float16 if half else torch.bfloat16
        self.scaler = torch.amp.GradScaler(device.type, enabled=half and mixed)

    def autocast(self) -> torch.autocast:
        """A block in which networks compute with fewer digits."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.mixed)
