"""`snakemake --lint` says nothing that docs/explanation/lint.md does not explain."""

import re

from tests.conftest import ROOT

PARAM = r"Param (\w+ )is a prefix"


def test_each_kind_of_advice_is_explained(snakemake, tmp_path):
    printed = re.sub(r"in line \d+\.:", "", snakemake(tmp_path, "--lint", ok=False))
    advice = {line.strip(" :*") for line in printed.splitlines() if line.startswith("    * ")}
    advice = {line.replace(found[1], "") if (found := re.match(PARAM, line)) else line for line in advice}
    page = (ROOT / "docs/explanation/lint.md").read_text()
    assert advice == set(re.findall(r"^\| ([A-Z][^|]*\w\.?) \|", page, re.M))
