"""From embeddings to scores: mean, LDA, length normalisation, PLDA, cosine.

`BACKENDS` has the back-ends: for each, the module and class. A new back-end is a module with a subclass of
`spkr.backend.pipeline.Backend`, and an entry in `BACKENDS`.
"""

BACKEND_FILES = ("mean.vec", "transform.mat", "plda")  # of a folder; each back-end reads those that it needs
BACKENDS = {
    "cosine": "spkr.backend.pipeline:Cosine",
    "lda_cosine": "spkr.backend.pipeline:LdaCosine",
    "plda": "spkr.backend.pipeline:PldaBackend",
}
QUALITY = {  # quality measures of trials, for calibration: the function of each
    "duration": "spkr.backend.quality:seconds",
    "num_utts": "spkr.backend.quality:utterances",
}
