"""Filter banks, cepstra, energy VAD and normalisation."""
