import json
import logging
import math

import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.kaldi.maps import read_map
from spkr.kaldi.trials import Trials, read_trials, write_trials
from spkr.metrics.eer import eer_kaldi
from spkr.nnet import network_options
from spkr.nnet.embed import embed_utterance
from spkr.nnet.model import SpeakerNet, load_model, read_model
from spkr.train.evaluation import Evaluation, eer_of_trials
from tests.unit.nnet.networks import SMALL_OF, stir
from tests.unit.train.runs import log_without_speed, run


def evaluation(toy, utt2spk=None, sets=("train",), trials=None, data=None):
    utt2spk = utt2spk or read_map(f"{toy.data['train']}/utt2spk")
    trials = trials or f"{toy.data['dev']}/trials_pairs"
    speakers = sorted(set(utt2spk.values()))
    train = FeatureReader([toy.feats["train"]], toy.front_end)
    return Evaluation.read(toy.data | (data or {}), toy.feats, trials, toy.front_end, utt2spk, speakers, sets, train)


def test_accuracy_and_eer_are_those_of_the_written_network(toy, tmp_path):
    run(toy, tmp_path, epochs=12)
    net, _, speakers = load_model(tmp_path / "model/final.pt")
    right, heard = [], []
    valid = FeatureReader([toy.feats["valid"]], toy.front_end)
    for utt, spk in read_map(f"{toy.data['valid']}/utt2spk").items():
        with torch.no_grad():
            right.append(speakers[int(net(torch.from_numpy(valid[utt])[None])[0].argmax())] == spk)
        heard.append(embed_utterance(net, valid[utt]).astype(np.float64))
    train = FeatureReader([toy.feats["train"]], toy.front_end)
    heard += [embed_utterance(net, train[utt]).astype(np.float64) for utt in train.feats]
    dev, trials = FeatureReader([toy.feats["dev"]], toy.front_end), read_trials(f"{toy.data['dev']}/trials_pairs")
    vectors = {utt: embed_utterance(net, dev[utt]).astype(np.float64) for utt in dev.feats}
    mean = sum(heard) / len(heard)
    unit = {utt: (v - mean) / np.linalg.norm(v - mean) for utt, v in vectors.items()}
    scores = np.array([unit[a] @ unit[b] for a, b in map(trials.pair, range(len(trials)))])
    last = log_without_speed(tmp_path)[-1]
    assert float(last[6]) == pytest.approx(np.mean(right), abs=1e-6)
    assert float(last[7]) == pytest.approx(eer_kaldi(scores[trials.target], scores[~trials.target])[0], abs=1e-6)
    assert json.loads((tmp_path / "model/valid.json").read_text()) == {
        "valid_accuracy": np.mean(right),
        "n": 12,
        "threads": torch.get_num_threads(),
    }
    assert np.mean(right) > 0.7  # and it has learned something
    assert float(last[7]) < 0.3


def test_the_eer_of_trials_is_of_cosines_about_the_mean_that_is_given():
    trials = Trials.of(["a1", "a1", "b1", "b1"], ["a2", "b2", "b2", "a2"], [True, False, True, False])
    around = {"a1": [1, 0], "a2": [20, 1], "b1": [0, 1], "b2": [1, 6]}
    vectors = {utt: np.float32(offset) + np.float32([100, 90]) for utt, offset in around.items()}
    assert eer_of_trials(trials, vectors, np.array([100.0, 90.0])) == 0
    assert eer_of_trials(trials, vectors, np.zeros(2)) == 0.5


@pytest.mark.parametrize("most", [20, 1000])
def test_dev_is_centred_by_the_mean_of_training_speakers(toy, monkeypatch, most):
    means = []
    monkeypatch.setattr("spkr.train.evaluation.CENTRE", most)
    monkeypatch.setattr("spkr.train.evaluation.eer_of_trials", lambda trials, vectors, mean: means.append(mean))
    net = stir(SpeakerNet(network_options(SMALL_OF["tdnn"]), 8, 6))
    evaluation(toy).measure(net, "cpu")
    valid, train = (FeatureReader([toy.feats[s]], toy.front_end) for s in ("valid", "train"))
    utts = sorted(train.feats)
    spaced = [utts[i * len(utts) // (most - 12)] for i in range(most - 12)] if most < 100 else utts
    heard = [valid[utt] for utt in valid.feats] + [train[utt] for utt in spaced]
    expected = np.mean([embed_utterance(net, feats) for feats in heard], axis=0)
    np.testing.assert_allclose(means[0], expected, atol=1e-4)
    assert np.abs(expected).max() > 0.01


def test_utterances_of_valid_whose_speaker_was_filtered_out_do_not_count(toy, caplog):
    utt2spk = {utt: spk for utt, spk in read_map(f"{toy.data['train']}/utt2spk").items() if spk != "s3"}
    with caplog.at_level(logging.INFO):
        held_out = evaluation(toy, utt2spk)
    assert sorted(set(held_out.valid_speakers.values())) == [0, 1, 2, 3, 4]
    assert held_out.valid_speakers["s4-valid0"] == 3
    assert "10 of 12 utterances of valid are of training speakers" in caplog.text


def test_of_a_large_valid_some_are_measured_evenly_spaced(toy, monkeypatch, caplog):
    utts = sorted(read_map(f"{toy.data['valid']}/utt2spk"))
    monkeypatch.setattr("spkr.train.evaluation.MOST", 5)
    with caplog.at_level(logging.INFO):
        found = evaluation(toy).valid_speakers
    assert list(found) == [utts[i] for i in (0, 2, 4, 7, 9)]  # of 12
    assert "5 of them, evenly spaced, are measured" in caplog.text


def test_valid_without_a_training_speaker_is_refused(toy):
    with pytest.raises(InputError, match="valid/utt2spk: none of its speakers is a training speaker"):
        evaluation(toy, {"x-1": "x", "y-1": "y"})


def test_an_utterance_of_valid_in_training_is_refused(toy, tmp_path):
    with pytest.raises(InputError, match="valid/utt2spk: s0-valid0 is in training, too"):
        run(toy, tmp_path, sets=["train", "valid"])


def test_a_speaker_of_dev_in_training_is_refused(toy):
    with pytest.raises(InputError, match="dev/utt2spk: speaker d1 is in training, too"):
        evaluation(toy, read_map(f"{toy.data['train']}/utt2spk") | {"d1-other": "d1"})


def test_a_final_network_may_learn_from_dev_and_its_eer_is_nan(toy, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, sets=["train", "dev"], epochs=2)
    assert "the network is trained on dev; its EER would mean nothing" in caplog.text
    assert [line[7] for line in log_without_speed(tmp_path)] == ["dev_eer", "nan", "nan"]
    assert len(read_model(tmp_path / "model/final.pt")["speakers"]) == 10
    net = load_model(tmp_path / "model/final.pt")[0]
    assert math.isnan(evaluation(toy, sets=["train", "dev_speed3"]).measure(net, "cpu")[1])  # a copy counts as dev


def test_trials_of_models_are_refused(toy, tmp_path):
    write_trials(tmp_path / "trials", [("d0", "d0-dev0", True), ("d0", "d1-dev0", False)])
    with pytest.raises(InputError, match="trials: d0 is no utterance of .*expected a list without models"):
        evaluation(toy, trials=tmp_path / "trials")
