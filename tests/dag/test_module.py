"""The workflow as a module of another one, which lies elsewhere and has a config of its own."""

from tests.conftest import ROOT
from tests.dag.dry_run import jobs

SNAKEFILE = f"""
module spkr:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: {{"recipe": "mini", "run": "theirs", "seed": 2, "backend": {{"kinds": ["plda"], "primary": "plda"}}}}

use rule * from spkr

rule summary:
    default_target: True
    input:
        rules.all.input,
"""


def test_another_workflow_uses_all_rules_with_a_config_that_it_passes(snakemake, tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "theirs.yaml").write_text("colour: blue\nseed: 7\n")
    output = snakemake(tmp_path, "-n", "-p", "--configfile", str(tmp_path / "theirs.yaml"), at=tmp_path)
    assert jobs(output).items() >= {"feats": 10, "train": 1, "score": 4, "report": 1, "summary": 1}.items()
    assert "exp/mini/theirs/model/final.pt" in output
    assert " --seed 2" in output and " --seed 7" not in output
