# From a corpus to EER and minDCF:   snakemake --cores 8 -s Snakefile   (README.md says more)
#
#   corpus    find, download or synthesise the corpus, and unpack it        exp/corpora/<corpus>/
#   data      Kaldi data directories and trial lists                        exp/<name>/data/<set>/
#   augment   lists of the augmented copies of a set                        exp/<name>/data/<set>_<augmentation>/
#   feats     raw features and voice activity, in Kaldi arks                exp/<name>/feats/<front end>/<set>/
#   copy_data, copy_feats  those of other recipes (train.with), renamed     exp/<name>/data/<other>/<set>/
#   pretrained  a network of another toolkit                                exp/pretrained/
#   train     the network, and its fine-tuning                              exp/<name>/<run>/model/
#   embed     an embedding of each utterance                                exp/<name>/<run>/xvectors/<set>/
#   backend   mean, LDA and PLDA, and their adaptation; chains of one's own  exp/<name>/<run>/backend/
#   score     a score for each trial                                        exp/<name>/<run>/scores/
#   calibrate, apply_calibration  log-likelihood ratios from the scores     exp/<name>/<run>/calibration/, scores/
#   report    EER, minDCF, Cllr, plots                                      exp/<name>/<run>/results/
#   html      a page of all this                                            exp/<name>/<run>/results/report.html
#   grid      all this for several settings and seeds, and their table      exp/<name>/grid/
import os
import shlex
import sys
import time
from pathlib import Path

from snakemake.utils import min_version

from spkr import orphan
from spkr.config.loading import read_config

min_version("9.0")


report: "report/workflow.rst"


ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
STARTED = time.time()
# As a module of another workflow it reads only the config that is passed to it, not that workflow's config files
resolved = read_config(ROOT, config, [] if workflow.modifier.skip_configfile else workflow.overwrite_configfiles)
settings = resolved.config

# Jobs find spkr in any environment, and end when this process is killed
shell.prefix(f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")
os.environ[orphan.VARIABLE] = orphan.name_of(os.getpid()) or ""
for variable, folder in (("SPKR_CORPORA", resolved.corpora), ("SPKR_MODELS", resolved.models)):
    if folder:
        os.environ[variable] = folder


include: "rules/console.smk"
include: "rules/common.smk"
include: "rules/pretrained.smk"
include: "rules/data.smk"
include: "rules/feats.smk"
include: "rules/others.smk"
include: "rules/sounds.smk"


if resolved.runs:

    include: "rules/grid.smk"

else:

    include: "rules/run.smk"


include: "rules/start.smk"


rule all:
    default_target: True
    input:
        MADE,
    message:
        f"all: results are in {Path(MADE[0]).parent}"


onsuccess:
    if TABLE.exists() and TABLE.stat().st_mtime >= STARTED:
        print(f"\n{in_words()}")
