"""From embeddings to scores: mean, LDA, length normalisation, PLDA, cosine."""
