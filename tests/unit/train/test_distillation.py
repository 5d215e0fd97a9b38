"""Learning from a teacher: train.teacher."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.nnet.model import load_model, read_model
from spkr.train import precision
from spkr.train.distillation import Teacher, cosines, total_loss
from tests.unit.train.runs import crash, run, train_options

ANGULAR = {"embedding_layers": [12], "head": {"type": "aam", "margin": 0.2, "scale": 10}}
ENSEMBLE = ANGULAR | {"ensemble": 2, "embedding_layers": [10]}


@pytest.fixture(scope="module")
def teacher(toy, tmp_path_factory):
    """The file of an ensemble of other sizes than its student."""
    return str(run(toy, tmp_path_factory.mktemp("teacher"), model=ENSEMBLE, epochs=4) / "final.pt")


def test_the_loss_is_the_cross_entropy_and_the_difference_of_cosines():
    torch.manual_seed(1)
    logits, x, theirs = torch.randn(5, 3), torch.randn(5, 4), torch.randn(5, 7)
    speakers = torch.tensor([0, 1, 2, 0, 1])
    plain = total_loss(logits, x, speakers, None, train_options())
    unit = x / x.norm(dim=1, keepdim=True)
    other = theirs / theirs.norm(dim=1, keepdim=True)
    difference = sum(float(unit[i] @ unit[j] - other[i] @ other[j]) ** 2 for i in range(5) for j in range(5)) / 25
    options = train_options(teacher="x.pt", teacher_weight=3.0)
    found = total_loss(logits, x, speakers, cosines(theirs), options)
    assert float(found - plain) == pytest.approx(3 * difference, rel=1e-4)


def test_the_student_finds_similar_what_its_teacher_does(toy, teacher, tmp_path):
    def distance(name, **options):
        net = load_model(run(toy, tmp_path / name, model=ANGULAR, **options) / "final.pt")[0]
        reader = FeatureReader([toy.feats["train"]], toy.front_end)
        feats = torch.stack([torch.from_numpy(reader[utt][:20]) for utt in reader.feats])
        theirs = Teacher(teacher, toy.front_end, torch.device("cpu")).similarities(feats, None, nullcontext())
        with torch.no_grad():
            return float((cosines(net.embed(feats)) - theirs).square().mean())

    taught, alone = distance("taught", teacher=teacher, teacher_weight=200.0), distance("alone")
    assert taught < 0.5 * alone, (taught, alone)


def test_networks_of_bfloat16_compare_their_embeddings_in_float32(toy, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)  # as torch emulates it where it is not
    path = run(toy, tmp_path, model=ANGULAR, teacher=teacher, epochs=1, mixed_precision=True) / "final.pt"
    assert read_model(path)["training"]["settings"]["mixed_precision"]
    cpu = torch.device("cpu")
    feats = torch.randn(4, 20, toy.front_end.num_mel_bins)
    short = precision.Precision(cpu, True).autocast()
    assert Teacher(teacher, toy.front_end, cpu).similarities(feats, None, short).dtype == torch.float32


def test_a_killed_student_ends_with_the_same_bytes(toy, teacher, tmp_path, monkeypatch):
    options = {"model": ANGULAR, "teacher": teacher, "epochs": 2}
    whole = run(toy, tmp_path / "whole", **options) / "final.pt"
    crash(monkeypatch, toy, tmp_path / "killed", 5, **options)
    assert (run(toy, tmp_path / "killed", **options) / "final.pt").read_bytes() == whole.read_bytes()


def test_the_teacher_is_said_and_is_not_changed(toy, teacher, tmp_path):
    before = Path(teacher).read_bytes()
    path = run(toy, tmp_path, model=ANGULAR, teacher=teacher, epochs=1) / "final.pt"
    assert read_model(path)["training"]["settings"]["teacher"] == teacher
    assert Path(teacher).read_bytes() == before


def test_a_teacher_of_another_front_end_is_refused(toy, teacher):
    other = toy.front_end.replace(select_voiced=not toy.front_end.select_voiced)
    with pytest.raises(InputError, match=r"train.teacher: .*final.pt was trained with feats.select_voiced"):
        Teacher(teacher, other, torch.device("cpu"))


def test_a_weight_without_a_teacher_is_refused():
    with pytest.raises(InputError, match="teacher_weight: without a teacher; expected train.teacher"):
        train_options(teacher_weight=3.0)
