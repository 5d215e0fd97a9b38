"""Imported by the process that Snakemake's are forked from: they find the digests of unchanged modules there."""

from spkr.code import code_digest
from tests.conftest import ROOT

code_digest(ROOT / "spkr", ROOT / "local")
