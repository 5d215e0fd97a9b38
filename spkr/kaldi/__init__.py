"""Kaldi's files: data directories, trial lists, tables, and objects on disk."""
