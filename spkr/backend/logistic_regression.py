"""Affine calibration: prior-weighted logistic regression of trials on their scores.

A trial has the scores x, one of each system. Its log-likelihood ratio is taken to be

    L = w . x + b                                                                                                  (1)

With P the prior of a target, n_t target and n_n nontarget trials and tau = log(P / (1 - P)), w and b minimise

    P / n_t sum_target log(1 + e^-(L + tau)) + (1 - P) / n_n sum_nontarget log(1 + e^(L + tau))                     (2)

so that the decisions of a user with that prior are best. A weak normal prior of the weights is added to (2),
min(P, 1 - P) |v|^2 / (2 n 3^2) with n = n_t + n_n, where v are the weights of scores scaled to a
standard deviation of 1. It keeps the weights finite where scores tell all trials apart, as those of few speakers often
do. Of 1, 2, 3, 5 and 10, 3 gave the least Cllr, or nearly, on trials that were not seen, for simulated lists of 8 to
300 trials with an EER of 5 % or 0.6 %. From 3,300 trials on it makes no difference.

Sources: N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech and
Language 20, 2006, for (2); N. Brümmer et al., "Fusion of heterogeneous speaker recognition systems in the STBU
submission for the NIST speaker recognition evaluation 2006", IEEE Trans. ASLP 15, 2007, for fusion by (1) and (2).
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

SPREAD = 3.0  # standard deviation of the prior of v
CLOSE = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000}


def fit(x: np.ndarray, target: np.ndarray, prior: float) -> tuple[np.ndarray, float]:
    """The weights w (k,) and the offset b of equation (1). A constant column has the weight 0.

    Args: finite scores (n, k); target (n,) bool, both kinds; 0 < prior < 1.
    """
    shares = np.where(target, 0.5 / target.sum(), 0.5 / (~target).sum())  # both kinds weigh the same
    centre = shares @ x
    scale = np.sqrt(shares @ np.square(x - centre))
    scale[x.min(axis=0) == x.max(axis=0)] = 1
    z, tau = (x - centre) / scale, logit(prior)
    sign = np.where(target, 1.0, -1.0)
    weights = 2 * shares * np.where(target, prior, 1 - prior) / min(prior, 1 - prior)
    decay = 1 / (len(z) * SPREAD**2)

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:  # (2), and its gradient
        v, c = parameters[:-1], parameters[-1]
        margin = sign * (z @ v + c + tau)
        slope = -weights * sign * expit(-margin)
        value = weights @ np.logaddexp(0, -margin) + decay / 2 * v @ v
        return value, np.append(slope @ z + decay * v, slope.sum())

    found = minimize(cost, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B", options=CLOSE)
    w = found.x[:-1] / scale
    return w, float(found.x[-1] - w @ centre)
