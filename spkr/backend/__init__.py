"""From embeddings to scores: mean, LDA, length normalisation, PLDA, cosine, score normalisation.

A back-end is a chain of steps (spkr.backend.chain). `BACKENDS` names those that need no line in a config. A new way to
score is a module with a subclass of `spkr.backend.pipeline.Scorer`, and an entry in `SCORERS`, whose name may then end
a chain.
"""

NORMS = {"snorm": "s-norm", "asnorm": "as-norm"}  # `<name>_<key>` is the back-end `<name>` with this step behind it
NORM_STEPS = tuple(NORMS.values())
SCORERS = {
    "cosine": "spkr.backend.pipeline:Cosine",
    "plda": "spkr.backend.pipeline:PldaScorer",
}
_PLAIN = {
    "cosine": "mean | cosine",
    "lda_cosine": "mean | lda | cosine",
    "plda": "mean | lda | length-norm | plda",
    "plda_adapted": "mean | lda | length-norm | adapted-plda",
}


def with_norms(chains: dict[str, str]) -> dict[str, str]:
    """These chains, and each one that does not end with a normalisation with S-norm and with AS-norm behind it."""
    found = {}
    for name, text in chains.items():
        found[name] = text
        if not text.rpartition("|")[2].strip().startswith(NORM_STEPS):
            found |= {f"{name}_{key}": f"{text} | {norm}" for key, norm in NORMS.items()}
    return found


BACKENDS = with_norms(_PLAIN)
QUALITY = {  # quality measures of trials, for calibration: the function of each
    "duration": "spkr.backend.quality:seconds",
    "num_utts": "spkr.backend.quality:utterances",
    "cohort": "spkr.backend.quality:cohort_means",
}
