"""EER, detection cost, the cost of log-likelihood ratios and identification accuracy."""
