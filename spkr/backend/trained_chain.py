"""The chain that the files of a folder were trained for, as the manifest beside them says."""

from dataclasses import replace
from pathlib import Path

from spkr.backend import BACKENDS
from spkr.backend.chain import Chain, Step, parse_chain
from spkr.errors import InputError
from spkr.manifest import made_by


def check_trained(chain: Chain, folder: Path) -> None:
    """Raise InputError if a folder's files were trained for other steps than the chain has, or were not adapted.

    A folder without a manifest, such as one of Kaldi's, may be used with any chain.
    """
    made = made_by(folder / "manifest.json")
    try:
        stage, options = made["stage"], made["options"]
        trained = parse_chain(options["chain"] or BACKENDS[options["backend"]])
    except (KeyError, TypeError):
        return
    if chain.is_adapted and stage != "adapt":
        raise InputError(f"{folder}: not adapted, as {chain} expects; run `spkr adapt-backend` and name its folder")
    lda_dim = (options.get("options") or {}).get("lda_dim")
    own = chain.trained_steps()
    theirs = [replace(step, number=lda_dim) if step == Step("lda") else step for step in trained.trained_steps()]
    if len(own) > len(theirs) or not all(map(_alike, own, theirs)):
        raise InputError(f"{folder}: trained for {trained}; {chain} has other steps: train a back-end for it")


def _alike(own: Step, theirs: Step) -> bool:
    return own.name == theirs.name and (None in (own.number, theirs.number) or own.number == theirs.number)
