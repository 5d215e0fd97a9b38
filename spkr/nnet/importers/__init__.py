"""Trained networks of other toolkits as model files of spkr.

`ORIGINS` has the toolkits: for each the module with its architectures and its front end. In a module, `ARCHITECTURES`
has a function for each architecture, which reads it off the names and shapes of a state dict and moves the weights to
our names, or returns None for another one; `front_end` returns the section `feats`.
"""

KALDI_FBANK = {  # Kaldi's features with 80 bands, less the mean over the utterance
    "type": "fbank",
    "num_mel_bins": 80,
    "snip_edges": True,
    "select_voiced": False,
    "cmvn": {"type": "utterance"},
}
HEAD = {"type": "aam", "margin": 0.2, "scale": 32.0}  # it is not imported; a fine-tuning has its own
ORIGINS = {  # by the name that `spkr import --from` takes
    "3d-speaker": "spkr.nnet.importers.three_d_speaker",
    "wespeaker": "spkr.nnet.importers.wespeaker",
    "speechbrain": "spkr.nnet.importers.speech_brain",
    "nemo": "spkr.nnet.importers.nemo",
    "palabra": "spkr.nnet.importers.palabra",
}
