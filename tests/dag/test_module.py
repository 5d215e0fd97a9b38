"""The workflow as a module of another one, which lies elsewhere and has a config of its own."""

import pytest

from tests.conftest import ROOT
from tests.dag.dry_run import jobs

SNAKEFILE = """
module spkr:
    snakefile: {snakefile!r}
    config: {{"recipe": "mini", "run": "theirs", "seed": 2, "backend": {{"kinds": ["plda"], "primary": "plda"}}}}

use rule * from spkr{renamed}

rule summary:
    default_target: True
    input:
        rules.{prefix}all.input,

rule plot:
    output:
        "plots/{{colour}}.svg",
    shell:
        "touch {{output}}"
"""


@pytest.mark.parametrize("prefix", ["", "spkr_"])
def test_another_workflow_uses_all_rules_with_a_config_that_it_passes(snakemake, tmp_path, prefix):
    renamed = f" as {prefix}*" if prefix else ""
    text = SNAKEFILE.format(snakefile=str(ROOT / "Snakefile"), prefix=prefix, renamed=renamed)
    (tmp_path / "Snakefile").write_text(text)
    (tmp_path / "theirs.yaml").write_text("colour: blue\nseed: 7\n")
    output = snakemake(tmp_path, "-n", "-p", "--configfile", str(tmp_path / "theirs.yaml"), at=tmp_path)
    ours = {"feats": 10, "train": 1, "score": 4, "report": 1}
    theirs = {f"{prefix}{name}": n for name, n in ours.items()} | {"summary": 1}
    assert jobs(output).items() >= theirs.items()
    assert "exp/mini/theirs/model/final.pt" in output
    assert " --seed 2" in output and " --seed 7" not in output


def test_a_network_that_another_workflow_trains_on_two_recipes(snakemake, tmp_path):
    text = SNAKEFILE.format(snakefile=str(ROOT / "Snakefile"), prefix="spkr_", renamed=" as spkr_*")
    text = text.replace('"seed": 2,', '"seed": 2, "train": {"with": ["himia"]},')
    (tmp_path / "Snakefile").write_text(text)
    found = jobs(snakemake(tmp_path, "-n", at=tmp_path))
    assert (
        found.items() >= {"spkr_himia_data": 1, "spkr_himia_feats": 100, "spkr_copy_feats": 1, "spkr_train": 1}.items()
    )
