"""Writing a packed model from a finished run."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spkr.backend.embeddings import average_embeddings
from spkr.backend.pipeline import Backend, PldaScorer
from spkr.config.front_end_options import FrontEnd, Reading
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.kaldi.table import TableReader
from spkr.kaldi.trials import read_models
from spkr.manifest import check_files
from spkr.nnet.model import HEAD, read_model, whole_weights
from spkr.packed import examples
from spkr.packed.about import About
from spkr.packed.card import card
from spkr.packed.container import FRONT, NETWORK, WEIGHTS, Container, as_arrays, write_container
from spkr.packed.packed_model import PackedModel
from spkr.packed.ratios import COHORT, PART, PLDA
from spkr.packed.run_files import RunFiles, find_run_files

OF_THRESHOLD = ("criterion", "value", "threshold", "llr", "p_miss", "p_fa", "note")

logger = logging.getLogger(__name__)


def pack(
    path: str | Path, out: str | Path, backend: str | None = None, trials: str | None = None, onnx: bool = False
) -> dict[str, Any]:
    """Write a run as a packed model, by rename, and return its about.json.

    Args:
        path, backend, trials: as of `find_run_files`
        onnx: put the network into it as ONNX, too
    Raises InputError for a run that is not finished or whose files are damaged, and for features that a single
    recording does not have (cmvn.type speaker).
    """
    files = find_run_files(path, backend, trials)
    check_files(*_read_by_packing(files))
    model = read_model(files.network)
    front_end = make_front_end(model["front_end"] | files.config.feats.only(Reading))
    if front_end.cmvn.type == "speaker":
        raise InputError(
            f"{files.network}: trained with feats.cmvn.type speaker, which needs all recordings of a speaker; a packed "
            "model hears one at a time: train with utterance or sliding"
        )
    weights = {name: tensor.numpy() for name, tensor in whole_weights(model).items() if not HEAD.match(name)}
    arrays = _backend_arrays(files)
    parts = {WEIGHTS: as_arrays(weights), PART: as_arrays(arrays)}
    if onnx:
        from spkr.export.packed_graphs import packed_graphs

        parts |= zip((FRONT, NETWORK), packed_graphs(files.network, front_end), strict=True)
    about = _about(files, model, front_end, len(arrays.get(COHORT, ())))
    parts[examples.PART] = as_arrays(_examples(about, parts, front_end))
    parts["card.md"] = card(About.model_validate(about)).encode()
    write_container(out, about, parts)
    logger.info("%s: %s, back-end %s, %d dimensions", out, files.run.name, files.backend, about["dim"])
    return about


def _read_by_packing(files: RunFiles) -> list[Path]:
    """The files that packing reads, to be compared with their manifests."""
    folder = files.trained_backend
    backend = [folder / name for name in files.chain.files] if folder else []
    return [files.run.file, files.network, *backend, *(path for pair in files.cohort for path in pair)]


def _examples(about: dict, parts: dict[str, bytes], front_end: FrontEnd) -> dict[str, np.ndarray]:
    """Sounds, and what a model of these parts says of them."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "draft.spkr")
        write_container(draft, about, parts)
        model = PackedModel(Container(draft), engine="torch")
        found = examples.sounds(front_end)
        return found | examples.answers(model, found)


def _backend_arrays(files: RunFiles) -> dict[str, np.ndarray]:
    """Mean, LDA, PLDA after smoothing, and the raw embeddings of the cohort, by the names of their files."""
    options = files.config.backend.score
    backend = Backend.read(files.chain, files.trained_backend, smoothing=options.smoothing)
    arrays = {part.path.name: part.array for part in backend.parts if part.path}
    if isinstance(backend.scorer, PldaScorer):
        plda = backend.scorer.plda
        arrays |= dict(zip(PLDA, (plda.mean, plda.transform, plda.psi), strict=True))
    if files.cohort:
        table = TableReader(*(scp for scp, _ in files.cohort))
        members = [utts for _, spk2utt in files.cohort for utts in read_models(spk2utt).values()]
        arrays[COHORT] = average_embeddings(members, table)[0]
    return arrays


def _about(files: RunFiles, model: dict[str, Any], front_end: FrontEnd, members: int) -> dict[str, Any]:
    """The content of about.json."""
    content, config, name = json.loads(files.run.file.read_text()), files.config, files.backend
    rows = [row for row in content["results"] if row["backend"] == name]
    of_list = [row for row in content.get("thresholds", ()) if (row["trials"], row["backend"]) == (files.trials, name)]
    network = model["settings"]
    calibration = files.calibration
    chain = files.chain
    default_top_n = chain.norm and chain.norm.name == "as-norm" and not chain.norm.number
    return {
        "name": f"{rows[0]['name']}/{rows[0]['run']}",
        "made_by": {key: value for key, value in content["made_by"].items() if key != "network_trained_on"},
        "network": network,
        "front_end": front_end.to_dict(),
        "precision": config.embed.precision,
        "dim": network["embedding_layers"][0] * network.get("ensemble", 1),
        "backend": {
            "name": name,
            "chain": str(chain),
            "top_n": config.backend.score.top_n if default_top_n else None,
            "ignore_num_utts": config.backend.score.ignore_num_utts,
            "cohort": members,
        },
        "trials": files.trials,
        "calibration": calibration and calibration.to_dict() | {"speakers": None},
        "thresholds": [{key: row[key] for key in OF_THRESHOLD} for row in of_list],
        "results": rows,
        "trained_on": _trained_on(files, model, members),
    }


def _trained_on(files: RunFiles, model: dict[str, Any], members: int) -> dict[str, Any]:
    """What each part was trained on."""
    config, training = files.config, model["training"]
    found: dict[str, Any] = {"corpus": config.corpus.name, "network": {}}
    if training.get("sets"):
        found["network"] = {"sets": training["sets"], "speakers": len(model["speakers"])}
    if elsewhere := training.get("trained_on"):
        found["network"]["elsewhere"] = elsewhere
    if files.trained_backend:
        backend = config.backend
        sets = config.augmented(backend.sets, backend.augment)
        found["backend"] = {"from": backend.trained} if backend.trained else {"sets": sets}
        if files.chain.is_adapted:
            found["backend"]["adapted_to"] = backend.adapt_to
    if members:
        found["cohort"] = {"sets": list(config.backend.cohort_sets()), "members": members}
    if calibration := files.calibration:
        speakers = len(calibration.speakers) if calibration.speakers else None
        found["calibration"] = {"list": files.run.lists[files.trials].dev, "speakers": speakers,
                                "target": calibration.n_target, "nontarget": calibration.n_nontarget}  # fmt: skip
    return found
