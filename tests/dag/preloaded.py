"""The process that Snakemake's are forked from imports this: they inherit the digests of all modules."""

from spkr.code import code_digest
from tests.conftest import ROOT

code_digest(ROOT / "spkr", ROOT / "local")
