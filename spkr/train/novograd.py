"""NovoGrad, the optimiser of the seed tutorial.

Source: B. Ginsburg et al., "Stochastic gradient methods with layer-wise adaptive moments for training of deep
networks", arXiv:1905.11286, algorithm 1. A layer is one parameter tensor, as in NVIDIA's own code.
"""

import torch
from torch.optim import Optimizer


class NovoGrad(Optimizer):
    """Momentum SGD on gradients divided by the norm of their layer, with decoupled weight decay."""

    def __init__(self, params, lr: float, betas=(0.95, 0.5), eps: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Take one step; a layer without a gradient is left alone."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for w in group["params"]:
                if w.grad is None:
                    continue
                g, state = w.grad, self.state[w]
                norm2 = g.square().sum()  # ||g_t||^2
                if not state:
                    state["v"] = norm2.clone()  # v_1 = ||g_1||^2
                    state["m"] = torch.zeros_like(w)
                else:
                    state["v"].mul_(beta2).add_(norm2, alpha=1 - beta2)  # v_t
                update = g / (state["v"].sqrt() + group["eps"]) + group["weight_decay"] * w
                state["m"].mul_(beta1).add_(update)  # m_t
                w.sub_(state["m"], alpha=group["lr"])
