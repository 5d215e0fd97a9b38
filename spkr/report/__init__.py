"""The results table and DET plots."""
