# The features of a grid's runs with another front end than the others, or what such a run takes from other rules: a
# module (rules/grid.smk), which leaves out the rules that are there already.
import os
import shlex
import sys
from pathlib import Path

ROOT = config["root"]
resolved = config["resolved"]
settings = resolved.config


include: "common.smk"
include: "data.smk"
include: "feats.smk"
include: "others.smk"
