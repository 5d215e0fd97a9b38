"""conf/default.yaml and conf/schema.yaml are what the classes of options say."""

import pytest
import yaml
from jsonschema import Draft202012Validator

from spkr.config.generate import default_yaml, schema_yaml
from tests.conftest import ROOT

FILES = sorted([*ROOT.glob("recipes/*/*.yaml"), *ROOT.glob("conf/*/*.yaml")])


def test_the_files_are_those_that_make_conf_writes():
    assert (ROOT / "conf/default.yaml").read_text() == default_yaml()
    assert (ROOT / "conf/schema.yaml").read_text() == schema_yaml()


def test_the_defaults_can_be_read():
    defaults = yaml.safe_load(default_yaml())
    assert defaults["train"]["batches"]["crop"] == [8, 8]
    assert defaults["augment"]["kaldi4"]["copies"] == ["reverb", "noise", "music", "babble"]
    assert defaults["backend"]["from"] is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_editor_finds_nothing_wrong_with_a_file_of_ours(path):
    schema = yaml.safe_load(schema_yaml())
    assert not list(Draft202012Validator(schema).iter_errors(yaml.safe_load(path.read_text())))


@pytest.mark.parametrize(
    "changes", [{"seed": "one"}, {"sede": 1}, {"train": {"betas": [2, 3]}}, {"feats": {"type": "plp"}}]
)
def test_an_editor_marks_what_is_wrong(changes):
    assert list(Draft202012Validator(yaml.safe_load(schema_yaml())).iter_errors(changes))
