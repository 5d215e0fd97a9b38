# The corpus, data and features of another recipe, by the rules that it has alone: a module (rules/others.smk).
import os
import shlex

ROOT = config["root"]
resolved = config["resolved"]
settings = resolved.config


include: "common.smk"
include: "data.smk"
include: "feats.smk"
