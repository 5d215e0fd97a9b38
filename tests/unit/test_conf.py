"""conf/default.yaml and conf/schema.yaml are what the classes of options say."""

import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator

from spkr.config.generate import default_yaml, schema_yaml
from spkr.config.loading import read_config
from spkr.config.pretrained import read_pretrained
from spkr.config.schema import merged
from spkr.errors import InputError
from tests.conftest import ROOT

NETWORKS = sorted(ROOT.glob("conf/pretrained/*.yaml"))
FILES = sorted({*ROOT.glob("recipes/*/*.yaml"), *ROOT.glob("conf/*/*.yaml")} - {*NETWORKS})


def test_the_files_are_those_that_make_conf_writes():
    assert (ROOT / "conf/default.yaml").read_text() == default_yaml()
    assert (ROOT / "conf/schema.yaml").read_text() == schema_yaml()


def test_reading_a_config_imports_neither_torch_nor_scipy_signal():
    code = "import pathlib, sys; from spkr.config.loading import read_config\n"
    code += "for recipe in ('an4', 'himia', 'mini'): read_config(pathlib.Path(), {'recipe': recipe})\n"
    code += "print(sys.modules.keys() & {'torch', 'scipy.signal', 'scipy.stats'})"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_the_defaults_can_be_read():
    defaults = yaml.safe_load(default_yaml())
    assert defaults["train"]["batches"]["crop"] == [8, 8]
    assert defaults["augment"]["kaldi4"]["copies"] == ["reverb", "noise", "music", "babble"]
    assert defaults["backend"]["from"] is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_editor_finds_nothing_wrong_with_a_file_of_ours(path):
    schema = yaml.safe_load(schema_yaml())
    assert not list(Draft202012Validator(schema).iter_errors(yaml.safe_load(path.read_text())))


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_what_is_known_of_a_network_can_be_read(path):
    entry = read_pretrained(ROOT, path.stem)
    assert entry.url.startswith("https://") and (entry.sha256 is None) == (entry.size is None)


@pytest.mark.parametrize(
    "changes", [{"seed": "one"}, {"sede": 1}, {"train": {"betas": [2, 3]}}, {"feats": {"type": "plp"}}]
)
def test_an_editor_marks_what_is_wrong(changes):
    assert list(Draft202012Validator(yaml.safe_load(schema_yaml())).iter_errors(changes))


def test_the_config_that_a_run_keeps_gives_the_same_run_and_says_who_set_what(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("recipe: mini\n\ntrain:\n  batches: {crop: [2, 3]}\n")
    resolved = read_config(ROOT, yaml.safe_load(mine.read_text()) | {"seed": 7}, [mine])
    text = resolved.as_yaml(ROOT)
    lines = text.splitlines()
    assert "seed: 7  # command line" in lines
    assert f"    crop: [2.0, 3.0]  # {mine}:4" in lines
    assert "run: main" in lines  # a default
    assert "  num_mel_bins: 80  # conf/feats/fbank80.yaml:4" in lines
    kept = tmp_path / "config.yaml"
    kept.write_text(text)
    assert read_config(ROOT, yaml.safe_load(text), [kept]).config == resolved.config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            "feats: {file: none.pt}",
            r"feats.file: no such file 'none.pt' here, under models, .*docs/howto/wavlm.md says",
        ),
        ("train: {waveforms: false}", "train.waveforms: false; expected true with feats.type ssl"),
        ("train: {compile: true}", "train.compile: true; expected false with feats.type ssl"),
        ("train: {batches: {time_masks: 1}}", "train.batches.time_masks: 1; expected 0 with feats.type ssl"),
        ("finetune: {preset: wavlm, train: {waveforms: false}}", "finetune.train.waveforms: false; expected true"),
        ("feats: {select_voiced: true}", "feats.select_voiced: true; expected false"),
        ("feats: {sample_frequency: 8000}", "feats.sample_frequency: 8000; expected 16000"),
        ("model: {preset: ecapa512, ensemble: 2}", "model.ensemble: 2; expected 1 with feats.type ssl"),
        ("feats: {preset: fbank80}", "model.type: mhfa, which reads a WavLM; expected feats.type ssl, not fbank"),
        ("model: {pooling: attentive}", "model.pooling: 'attentive'; expected factorised"),
        ("model: {unbiased_std: true}", "model.unbiased_std: true; expected false"),
    ],
)
def test_what_does_not_go_with_a_wavlm_is_refused_where_it_is_set(tmp_path, changes, message):
    (tmp_path / "WavLM-Base.pt").touch()
    base = {"feats": {"preset": "wavlm_base"}, "model": {"preset": "mhfa"}, "train": {"preset": "wavlm"}}
    given = merged({"recipe": "mini", "models": str(tmp_path)} | base, yaml.safe_load(changes))
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match=message) as raised:
        read_config(ROOT, given, [mine])
    assert ".yaml:" in str(raised.value)
    mine.write_text(yaml.safe_dump({"recipe": "mini", "models": str(tmp_path)} | base))
    assert read_config(ROOT, yaml.safe_load(mine.read_text()), [mine]).config.feats.width == 768
