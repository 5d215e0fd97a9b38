"""A file of conf/pretrained/: where a trained network comes from, and what is known of it."""

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from spkr.config.options import Options, Positive, Text, option
from spkr.nnet.importers import ORIGINS

FOLDER = "exp/pretrained"  # of the model files that are made of them
Sha256 = Annotated[Text, StringConstraints(pattern="^[0-9a-f]{64}$")]


def model_file(name: str) -> str:
    """The model file that the workflow makes of conf/pretrained/<name>.yaml."""
    return f"{FOLDER}/{name}.pt"


class Pretrained(Options):
    """A trained network of another toolkit."""

    origin: Literal[tuple(ORIGINS)] = option(meaning="the toolkit, as of `spkr import --from`")
    file: Text = option(meaning="its name, which is looked for under `models`")
    url: Text | None = option(None, "where it is downloaded from")
    sha256: Sha256 | None = option(None, "its checksum; null where nobody here has seen the file")
    size: Positive | None = option(None, "bytes")
    licence: Text
    model: dict[str, Any] = option(meaning="options that the network must have, as of the section `model`")
    trained_on: Text = option(meaning="in words")
    not_known: Text = option(meaning="what is not known of that, in words")

    def about(self) -> str:
        """What the network was trained on, as far as it is known."""
        return f"{self.trained_on} {self.not_known}"
