"""Trained networks of other toolkits as model files of spkr.

`ORIGINS` has the toolkits: for each the module with its architectures. A module has a function for each, which reads
the architecture off the names and shapes of a state dict and moves the weights to our names, or says that the state
dict is of another one.
"""

ORIGINS = {  # by the name that `spkr import --from` takes
    "3d-speaker": "spkr.nnet.importers.three_d_speaker",
    "wespeaker": "spkr.nnet.importers.wespeaker",
}
