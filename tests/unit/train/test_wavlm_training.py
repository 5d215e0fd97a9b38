"""Trainings on a small random WavLM: what is trained, what the model file holds, and what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
import torch

from spkr.audio.augmented_copies import augment_data_dir
from spkr.config.augment_options import Augmentation
from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats.extract import extract_shard
from spkr.feats.provenance import merge_front_ends, shard_file, write_front_end
from spkr.feats.waveform_reader import open_features
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_map
from spkr.kaldi.shards import merge_shards
from spkr.kaldi.table import TableReader
from spkr.nnet.embed import embed_set
from spkr.nnet.model import load_model, read_model
from tests.unit.nnet.wavlms import LAYERS, MHFA, front_end, random_wavlm
from tests.unit.train.runs import BATCHES, crash, run
from tests.unit.train.speech import RATE, spoken, write_spoken

WAVES = {"waveforms": True, "epochs": 2, "batches": BATCHES | {"time_masks": 0, "freq_masks": 0, "batch_size": 5}}


@dataclass
class Corpus:
    """Sets of recordings and their features, as `runs` wants them."""

    data: dict[str, str]
    feats: dict[str, str]
    front_end: FrontEnd


def make_features(data, out, fe):
    extract_shard(data, out, fe, 1)
    write_front_end(shard_file(out, 1), fe)
    merge_shards(out, data, 1)
    merge_front_ends(out, 1)
    return str(out)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("recorded")
    data = write_spoken(root, 12000)
    torch.save(random_wavlm().state_dict(), root / "small.pt")
    fe = front_end(root / "small.pt")
    feats = {name: make_features(folder, root / "feats" / name, fe) for name, folder in data.items()}
    return Corpus(data, feats, fe)


def train(corpus, out, **options):
    return run(corpus, out, **WAVES | options)


@pytest.fixture(autouse=True)
def mhfa(monkeypatch):
    monkeypatch.setattr("tests.unit.train.runs.MODEL", MHFA)


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.unit.train.runs.MODEL", MHFA)
        return train(corpus, out) / "final.pt"


def same_weights(one, other):
    one, other = (read_model(path)["weights"] for path in (one, other))
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_arks_hold_energies_and_the_reader_gives_samples(corpus):
    reader = open_features([corpus.feats["dev"]], [corpus.data["dev"]], corpus.front_end)
    for utt, path in read_map(f"{corpus.data['dev']}/wav.scp").items():
        wave = soundfile.read(path, dtype="int16")[0]
        n = len(wave) // 320
        assert reader.feats[utt].shape == (n, 1)
        assert reader.num_frames(utt) == n
        np.testing.assert_array_equal(reader[utt].reshape(-1), wave[: n * 320])
        centred = wave[:320].astype(float) - wave[:320].mean()
        assert abs(reader.feats[utt][0, 0] - np.log((centred**2).sum())) < 0.1  # as one byte


def test_copies_with_noise_are_made_when_they_are_read(corpus, tmp_path):
    noisy = Augmentation(speeds=(1.0,), copies=1)
    augment_data_dir(corpus.data["dev"], tmp_path / "data", noisy, 1)
    feats = make_features(tmp_path / "data", tmp_path / "feats", corpus.front_end)
    reader = open_features([feats], [tmp_path / "data"], corpus.front_end)
    copies = [utt for utt, spec in read_map(tmp_path / "data/utt2aug").items() if len(spec.split()) > 1]
    assert copies
    again = open_features([feats], [tmp_path / "data"], corpus.front_end)
    for utt in copies:
        original = reader[min(u for u in reader.feats if utt.startswith(u))]
        assert np.array_equal(reader[utt], again[utt])
        assert reader[utt].shape == original.shape and not np.allclose(reader[utt], original)


def test_a_recording_that_has_changed_is_named(corpus, tmp_path):
    wav = read_map(f"{corpus.data['dev']}/wav.scp")
    longer = next(iter(wav))
    soundfile.write(tmp_path / "longer.wav", np.ones(20000, np.int16), RATE)
    files = {"wav.scp": wav | {longer: str(tmp_path / "longer.wav")}, "utt2spk": {utt: utt[0] for utt in wav}}
    write_data_dir(tmp_path / "data", files)
    reader = open_features([corpus.feats["dev"]], [tmp_path / "data"], corpus.front_end)
    with pytest.raises(InputError, match=f"{longer} has .* frames, and its recording 62; make the features again"):
        reader[longer]


def test_a_recording_of_less_than_the_receptive_field_is_refused(tmp_path):
    for samples, frames in ((400, 1), (399, None)):
        soundfile.write(tmp_path / "a.wav", spoken(np.random.default_rng(1), samples), RATE)
        write_data_dir(tmp_path / "data", {"wav.scp": {"a": str(tmp_path / "a.wav")}, "utt2spk": {"a": "a"}})
        if frames:
            extract_shard(tmp_path / "data", tmp_path / "feats", front_end("small.pt"), 1)
        else:
            with pytest.raises(InputError, match=r"a\.wav: 399 samples, less than a frame; expected at least 400"):
                extract_shard(tmp_path / "data", tmp_path / "feats", front_end("small.pt"), 1)


def test_a_training_stores_no_wavlm_and_resumes_to_the_same_weights(corpus, trained, tmp_path, monkeypatch, caplog):
    weights = read_model(trained)["weights"]
    assert {name for name in weights if "front" in name} == {"front.weights", "front.sha256"}
    assert weights["front.weights"].abs().min() > 0  # they began at zero
    crash(monkeypatch, corpus, tmp_path, 4, **WAVES)
    caplog.set_level("INFO")
    assert same_weights(train(corpus, tmp_path) / "final.pt", trained)
    assert caplog.text.count("weights of the WavLM's layers, sum") == 2
    assert read_model(trained)["training"]["trained_on"].startswith("The WavLM is small.pt (sha256 ")


def test_embeddings_do_not_depend_on_shards_and_need_the_same_file(corpus, trained, tmp_path):
    arguments = trained, corpus.data["dev"], corpus.feats["dev"]
    embed_set(*arguments, tmp_path / "a")
    vectors = TableReader(tmp_path / "a/xvector.1.scp")
    reader = open_features([corpus.feats["dev"]], [corpus.data["dev"]], corpus.front_end)
    net = load_model(trained)[0]
    for utt in vectors:
        with torch.inference_mode():
            alone = net.embed(torch.from_numpy(reader[utt])[None])[0].numpy()
        np.testing.assert_allclose(vectors[utt], alone, atol=1e-4 * np.abs(alone).max())
    file = corpus.front_end.file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spkr.nnet.wavlm_file.locate_wavlm", lambda *_: _another(tmp_path))
        with pytest.raises(InputError, match=r"other.pt: sha256 \w+, and the network was trained with another WavLM"):
            load_model(trained)
    assert file.endswith("small.pt")


def _another(folder):
    torch.save(random_wavlm(seed=2).state_dict(), folder / "other.pt")
    return folder / "other.pt"


def test_a_wavlm_that_is_trained_is_in_the_model_file_and_needs_no_other(corpus, trained, tmp_path):
    tuned = train(corpus, tmp_path, init_from=str(trained), wavlm_lr=0.1) / "final.pt"
    weights = read_model(tuned)["weights"]
    begun = random_wavlm().state_dict()
    changed = {name for name, tensor in begun.items() if not torch.equal(weights[f"front.wavlm.model.{name}"], tensor)}
    assert not any(name.startswith("feature_extractor") for name in changed)
    assert sum("transformer.layers" in name for name in changed) > 10 * LAYERS
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("spkr.nnet.wavlm_file.locate_wavlm")
        embed_set(tuned, corpus.data["dev"], corpus.feats["dev"], tmp_path / "a")
    again = train(corpus, tmp_path / "again", init_from=str(tuned), epochs=1) / "final.pt"  # as it is from now on
    stays = read_model(again)["weights"]
    assert all(torch.equal(stays[name], weights[name]) for name in weights if name.startswith("front.wavlm"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"waveforms": False}, "train.waveforms: false; expected true with feats.type ssl"),
        ({"compile": True}, "train.compile: true; expected false with feats.type ssl"),
        (
            {"batches": WAVES["batches"] | {"freq_masks": 2}},
            "train.batches.freq_masks: 2; expected 0 with feats",
        ),
        (
            {"batches": WAVES["batches"] | {"time_masks": 2}},
            "train.batches.time_masks: 2; expected 0 with feats",
        ),
        ({"batches": WAVES["batches"] | {"shuffle_buffer": 9}}, "train.batches.shuffle_buffer: expected 0 with train."),
    ],
)
def test_settings_that_would_be_ignored_are_refused(corpus, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        train(corpus, tmp_path, **options)


def test_a_wavlm_needs_its_features_and_one_network(toy, corpus, tmp_path):
    with pytest.raises(InputError, match="model.type: mhfa, which reads a WavLM; expected feats.type ssl, not fbank"):
        run(toy, tmp_path)
    with pytest.raises(InputError, match=r"train.wavlm_lr: 0\.1; expected 0, as feats.type fbank has no WavLM"):
        run(toy, tmp_path, wavlm_lr=0.1)
    with pytest.raises(InputError, match="model.ensemble: 2; expected 1 with feats.type ssl"):
        run(corpus, tmp_path, model={"ensemble": 2}, **WAVES)
