"""A trained system as one file: writing it from a run, reading it, and comparing voices with it."""
