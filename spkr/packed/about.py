"""What a packed model says of itself: its part about.json, as a typed class."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from spkr.backend.calibration_file import Calibration
from spkr.config.embed_options import Precision
from spkr.config.options import Count, Flag, Number, Options, Positive, Text, first_error, option
from spkr.errors import InputError
from spkr.packed.container import WRITE_AGAIN, Container


class Threshold(Options):
    """A threshold on scores, chosen on dev; a trial is accepted if its score is at least this."""

    criterion: Text = option(meaning="what it was chosen by: eer, false_alarms, mindcf, llr")
    value: Number | None = option(meaning="of the criterion; null if it has none")
    threshold: Number | None = option(meaning="null where no score is known")
    llr: Number | None = option(None, "the threshold on log-likelihood ratios, if it is one")
    p_miss: Number | None = option(None, "on the list of test, from 0 to 1")
    p_fa: Number | None = option(None, "on the list of test, from 0 to 1")
    note: Text = option("-", "what else is to be known")


class PackedBackend(Options):
    """How embeddings are scored."""

    name: Text = option(meaning="in the run that was packed")
    chain: Text = option(meaning="its steps")
    top_n: Positive | None = option(None, "closest members of the cohort, of an as-norm without a number")
    ignore_num_utts: Flag = option(False, "PLDA treats an average as one utterance")
    cohort: Count = option(0, "members of the cohort")


class About(Options):
    """The content of about.json."""

    name: Text = option(meaning="of the run: an4/main")
    made_by: dict[str, Any] = option(meaning="machine, versions and code of the results")
    network: dict[str, Any] = option(meaning="the options of the network, as in a config")
    front_end: dict[str, Any] = option(meaning="the options of the features")
    precision: Precision = option("float32", "of the encoder")
    dim: Positive = option(meaning="of an embedding")
    backend: PackedBackend
    trials: Text = option(meaning="the list whose calibration and thresholds these are")
    calibration: Calibration | None = option(None, "from scores to log-likelihood ratios; null without a list of dev")
    thresholds: tuple[Threshold, ...] = option((), "chosen on dev")
    results: tuple[dict[str, Any], ...] = option((), "the rows of results.json of this back-end")
    trained_on: dict[str, Any] = option(meaning="what network, back-end, cohort and calibration were trained on")


def embeddings_sha256(weights_sha256: str, settings: Mapping[str, Any]) -> str:
    """The identity of what computes embeddings: weights, network, front end, precision.

    Two packed models with the same one have the same embeddings, whatever their back-ends are.
    """
    parts = [weights_sha256, *(settings[name] for name in ("network", "front_end", "precision"))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_about(container: Container) -> About:
    """The part about.json; InputError if it lacks something or has something else."""
    try:
        return About.model_validate(container.about)
    except ValidationError as e:
        keys, message = first_error(e, container.about)
        raise InputError(f"{container.path}: about.json: {'.'.join(keys)}: {message}; {WRITE_AGAIN}") from None
