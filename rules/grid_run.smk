# One run of a grid, by the rules that it has alone: a module (rules/grid.smk), which leaves out those of data and features.


include: "grid_feats.smk"
include: "sounds.smk"
include: "run.smk"
