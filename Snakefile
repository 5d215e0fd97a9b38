# From a corpus to EER and minDCF.   snakemake --cores 8 -s Snakefile   (README.md says more)
import os
import shlex
import sys
import time
from pathlib import Path

from snakemake.utils import min_version

from spkr import orphan
from spkr.config import check_config, network_name

min_version("9.0")

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))


workdir: os.environ.get("SPKR_WORKDIR", ROOT)  # the run's own, where this is the Snakemake of a cluster's job


os.environ["SPKR_WORKDIR"] = os.getcwd()  # ROOT, or --directory, of which a job's Snakemake is not told
os.environ[orphan.VARIABLE] = orphan.name_of(os.getpid()) or ""  # jobs end when this process is killed
RECIPE = config.setdefault("recipe", "an4")


configfile: ROOT / "conf/default.yaml"
configfile: ROOT / f"recipes/{RECIPE}/config.yaml"


for section in ("feats", "model", "train", "finetune", "backend"):
    # `model` may be the path of a trained one, and there need be no fine-tuning
    if not isinstance(config[section], str) and config[section]["preset"]:

        configfile: ROOT / f"conf/{section}/{config[section]['preset']}.yaml"


configfile: ROOT / f"recipes/{RECIPE}/config.yaml"  # again: it goes before its presets


check_config(config, ROOT / "conf/schema.yaml", [*workflow.configfiles, *workflow.overwrite_configfiles])

# Jobs find spkr, and corpora, whatever environment they are started from; bash's strictness is Snakemake's own prefix.
shell.prefix(f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")
corpora = (
    workflow.config_settings.overwrite_config.get("corpora") or os.environ.get("SPKR_CORPORA") or config["corpora"]
)
if corpora:
    os.environ["SPKR_CORPORA"] = str(corpora)

STARTED = time.time()
EXP = f"exp/{config['name'] or RECIPE}"
RUN = f"{EXP}/{config['run']}"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/feats.smk"
include: "rules/train.smk"
include: "rules/embed.smk"
include: "rules/backend.smk"
include: "rules/score.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        f"{RUN}/results/results.tsv",


onsuccess:
    table = Path(RUN) / "results/table.txt"
    if table.exists() and table.stat().st_mtime >= STARTED:
        print(f"\n{table.read_text()}\n{RUN}/results holds the table, results.json and DET plots.")
