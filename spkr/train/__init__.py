"""Batches, the training loop, checkpoints and schedules."""
