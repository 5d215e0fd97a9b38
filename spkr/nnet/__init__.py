"""Encoders, pooling, the speaker network, and embeddings from it."""
