"""What a config with a WavLM (`feats.type: ssl`) needs, and what would be ignored with it, or without it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from spkr.config.front_end_options import FrontEnd
from spkr.config.model_options import NetworkOptions
from spkr.config.schema import Config
from spkr.config.train_options import TrainOptions
from spkr.corpus.fetch import find_archive
from spkr.errors import InputError


def check_wavlm(config: Config, models: str | None, place: Callable[..., str]) -> None:
    """Raise InputError for a setting that does not go with the features, and for a WavLM that is not there.

    Args: models is the folder of trained networks; place makes `file:line: section.key: ` of the keys of a value.
    """
    if config.pretrained:
        return
    for (section, *keys), message in wavlm_faults(config.feats, config.network, config.train):
        raise InputError(f"{place(section, *keys)}{message}")
    if config.finetune.preset:
        for keys, message in wavlm_faults(config.feats, *reversed(config.tuned("final.pt"))):
            raise InputError(f"{place('finetune', *keys)}{message}")
    if config.feats.type == "ssl":
        try:
            locate_wavlm(config.feats.file, models)
        except InputError as e:
            raise InputError(f"{place('feats', 'file')}{e}") from None


def wavlm_faults(feats: FrontEnd, model: NetworkOptions, train: TrainOptions) -> Iterator[tuple[list[str], str]]:
    """The settings that do not go with the features: the keys of each, and what was expected."""
    if feats.type != "ssl":
        if train.wavlm_lr:
            yield ["train", "wavlm_lr"], f"{train.wavlm_lr:g}; expected 0, as feats.type {feats.type} has no WavLM"
        if model.type == "mhfa":
            yield ["model", "type"], f"mhfa, which reads a WavLM; expected feats.type ssl, not {feats.type}"
        return
    if model.ensemble > 1:
        yield ["model", "ensemble"], f"{model.ensemble}; expected 1 with feats.type ssl"
    if not train.waveforms:
        yield ["train", "waveforms"], "false; expected true with feats.type ssl, whose arks hold no features"
    if train.compile:
        yield ["train", "compile"], "true; expected false with feats.type ssl"
    for name in ("time_masks", "freq_masks"):
        if found := getattr(train.batches, name):
            yield ["train", "batches", name], f"{found}; expected 0 with feats.type ssl, which has samples, not bands"


def locate_wavlm(file: str, models: str | Path | None) -> Path:
    """The path of `feats.file`: as it is, or below the folder `models`. Raises InputError where it is neither."""
    if Path(file).is_file():
        return Path(file)
    if models and (found := find_archive(file, models, key="models")):
        return found
    where = f"under models, {models}" if models else "and `models` or SPKR_MODELS names no folder to look in"
    raise InputError(f"no such file {file!r} here, {where}; download it: docs/howto/wavlm.md says from where")
