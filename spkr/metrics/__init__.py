"""EER, detection cost and identification accuracy."""
