"""From embeddings to scores: mean, LDA, length normalisation, PLDA, cosine.

`BACKENDS` has the back-ends: for each, the module and class. A new back-end is a module with a subclass of
`spkr.backend.pipeline.Backend`, and an entry in `BACKENDS`.
"""

BACKENDS = {
    "cosine": "spkr.backend.pipeline:Cosine",
    "lda_cosine": "spkr.backend.pipeline:LdaCosine",
    "plda": "spkr.backend.pipeline:PldaBackend",
}
