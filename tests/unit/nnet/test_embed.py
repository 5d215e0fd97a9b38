import json
import shutil
from typing import get_args
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spkr.cli import main
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.reader import FeatureReader
from spkr.kaldi.maps import read_map, write_map
from spkr.kaldi.table import read_vectors
from spkr.kaldi.xvectors import merge_xvectors
from spkr.nnet import embed, network_options
from spkr.nnet.embed import Precision, embed_batches, embed_set, embed_utterance, plan_batches
from spkr.nnet.model import SpeakerNet, load_model, save_model
from tests.unit.nnet.networks import FRAME_ENCODERS, SMALL
from tests.unit.nnet.networks import network as stirred

torch.set_num_threads(1)

SETTINGS = SMALL | {"filters": 6, "kernels": [3, 5], "repeat": 1, "last_filters": 10, "embedding_layers": [7, 5]}
AGREE = 5e-5  # of one utterance in a batch and alone, in float32
FILES = ("xvector.1.ark", "xvector.scp", "spk_xvector.ark", "spk_xvector.scp", "num_utts")


def network(dim=8):
    torch.manual_seed(4)
    return SpeakerNet(network_options(SETTINGS), dim, 3).eval()


@pytest.fixture(scope="module")
def model(toy, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "final.pt"
    save_model(path, network(), network_options(SETTINGS), toy.front_end, ["a", "b", "c"], {})
    return path


def embedded(model, data, feats, out):
    """Embed a whole set, and average by speaker."""
    embed_set(model, data, feats, out)
    merge_xvectors(data, feats, out, 1)


def direct(net, feats):
    with torch.no_grad():
        return net.embed(torch.from_numpy(feats)[None])[0].double().numpy()


def test_long_utterances_are_averaged_over_chunks_by_their_frames():
    assert embed.MAX_CHUNK == 10000
    net, feats = network(), np.random.default_rng(1).normal(size=(20013, 8)).astype(np.float32)
    feats[10000:] += 1
    last = np.concatenate([feats[[20000]].repeat(6, axis=0), feats[20000:], feats[[-1]].repeat(6, axis=0)])
    chunks = [direct(net, feats[:10000]), direct(net, feats[10000:20000]), direct(net, last)]
    expected = (10000 * chunks[0] + 10000 * chunks[1] + 13 * chunks[2]) / 20013
    np.testing.assert_allclose(embed_utterance(net, feats), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("frames", "left", "right"), [(24, 0, 1), (10, 7, 8), (1, 12, 12), (25, 0, 0)])
def test_short_utterances_are_padded_with_their_first_and_last_frame(frames, left, right):
    net, feats = network(), np.random.default_rng(2).normal(size=(frames, 8)).astype(np.float32)
    padded = np.concatenate([feats[[0]].repeat(left, axis=0), feats, feats[[-1]].repeat(right, axis=0)])
    np.testing.assert_allclose(embed_utterance(net, feats), direct(net, padded), rtol=1e-6)


def test_embeddings_of_a_set_are_those_of_its_utterances_and_speakers(toy, model, tmp_path):
    embedded(model, toy.data["dev"], toy.feats["dev"], tmp_path)
    utt2spk = read_map(f"{toy.data['dev']}/utt2spk")
    utts, vectors = read_vectors(tmp_path / "xvector.scp")
    assert utts == sorted(utt2spk)
    net, reader = load_model(model)[0], FeatureReader([toy.feats["dev"]], toy.front_end)
    for utt, vector in zip(utts, vectors, strict=True):
        np.testing.assert_allclose(vector, embed_utterance(net, reader[utt]), atol=AGREE, rtol=AGREE)
    speakers, means = read_vectors(tmp_path / "spk_xvector.scp")
    assert speakers == ["d0", "d1", "d2", "d3"]
    for spk, mean in zip(speakers, means, strict=True):
        of_speaker = vectors[[utt2spk[utt] == spk for utt in utts]]
        np.testing.assert_allclose(mean, of_speaker.astype(np.float64).mean(axis=0), rtol=1e-6)
    assert read_map(tmp_path / "num_utts") == dict.fromkeys(speakers, "4")


def test_utterances_without_a_voiced_frame_are_named_and_left_out_of_averages(toy, model, tmp_path, caplog):
    feats = shutil.copytree(toy.feats["dev"], tmp_path / "feats")
    silent = {"d1-dev0": "0", **{f"d2-dev{k}": "0" for k in range(4)}}
    write_map(feats / "utt2num_voiced", read_map(feats / "utt2num_voiced") | silent)
    embedded(model, toy.data["dev"], feats, tmp_path / "out")
    assert "feats: 5 utterances have no voiced frame, first 'd1-dev0'; averages of speakers leave them" in caplog.text
    assert read_map(tmp_path / "out/num_utts") == {"d0": "4", "d1": "3", "d2": "4", "d3": "4"}  # d2 has no others
    utts, vectors = read_vectors(tmp_path / "out/xvector.scp")
    assert len(utts) == 16
    means = dict(zip(*read_vectors(tmp_path / "out/spk_xvector.scp"), strict=True))
    voiced = [utts.index(f"d1-dev{k}") for k in (1, 2, 3)]
    np.testing.assert_allclose(means["d1"], vectors[voiced].astype(np.float64).mean(axis=0), rtol=1e-6)
    with pytest.raises(
        InputError, match="feats: 5 utterances have no voiced frame, .*; leave it out, or take --silent"
    ):
        merge_xvectors(toy.data["dev"], feats, tmp_path / "out", 1, "refuse")


def test_features_are_read_from_arks_that_have_no_scp(toy, model, tmp_path):
    (tmp_path / "arks").mkdir()
    for name in ("feats.ark", "vad.ark"):
        shutil.copy(f"{toy.feats['dev']}/{name}", tmp_path / "arks")
    found = []
    for feats in (toy.feats["dev"], tmp_path / "arks"):
        embed_set(model, toy.data["dev"], feats, tmp_path / "out")
        found.append((tmp_path / "out/xvector.1.ark").read_bytes())
    assert found[0] == found[1]


def test_embedding_twice_gives_the_same_bytes(toy, model, tmp_path, monkeypatch):
    found = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)  # an scp holds the path of its ark
        embedded(model, toy.data["dev"], toy.feats["dev"], "out")
        found.append({file: (tmp_path / name / "out" / file).read_bytes() for file in FILES})
    assert found[0] == found[1]


def one_utterance(toy, name, utt, to):
    """A set of one utterance of another set, as data and feature directories."""
    (to / "data").mkdir(parents=True)
    (to / "feats").mkdir()
    write_map(to / "data/utt2spk", {utt: read_map(f"{toy.data[name]}/utt2spk")[utt]})
    for scp in ("feats.scp", "vad.scp"):
        write_map(to / "feats" / scp, {utt: read_map(f"{toy.feats[name]}/{scp}")[utt]})
    return to / "data", to / "feats"


def test_an_utterance_alone_gives_what_it_gives_in_its_set(toy, model, tmp_path):
    embedded(model, toy.data["dev"], toy.feats["dev"], tmp_path / "set")
    embedded(model, *one_utterance(toy, "dev", "d2-dev1", tmp_path / "one"), tmp_path / "alone")
    utts, vectors = read_vectors(tmp_path / "set/xvector.scp")
    alone = read_vectors(tmp_path / "alone/xvector.scp")[1]
    np.testing.assert_allclose(alone[0], vectors[utts.index("d2-dev1")], atol=AGREE, rtol=AGREE)


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(1, 60), max_size=20), st.integers(1, 300))
def test_batches_hold_each_utterance_once_by_length_and_as_many_as_fit(num_frames, batch_frames):
    with patch("spkr.nnet.embed.MAX_CHUNK", 50):
        batches = plan_batches(num_frames, batch_frames)
        assert batches == plan_batches(dict(sorted(num_frames.items(), reverse=True)), batch_frames)
    order = [utt for batch in batches for utt in batch]
    assert order == sorted(num_frames, key=lambda utt: (num_frames[utt], utt))
    padded = [max(25, num_frames[batch[-1]]) for batch in batches]
    for batch, frames in zip(batches, padded, strict=True):
        assert len(batch) == 1 or (len(batch) * frames <= batch_frames and frames <= 50)
    for batch, following in zip(batches, batches[1:], strict=False):  # the next would not have fitted
        frames = max(25, num_frames[following[0]])
        assert (len(batch) + 1) * frames > batch_frames or frames > 50


LENGTHS = [3, 24, 25, 26, 200, 211, 300, 300, 430, 1000]


@pytest.fixture
def utterances():
    rng = np.random.default_rng(5)
    return {f"u{k}": rng.normal(size=(n, 12)).astype(np.float32) for k, n in enumerate(LENGTHS)}


def plan(utterances, batch_frames=embed.WHOLE.batch_frames):
    return plan_batches({utt: len(feats) for utt, feats in utterances.items()}, batch_frames)


@pytest.mark.parametrize("kind", FRAME_ENCODERS)
def test_embeddings_in_batches_are_those_of_one_by_one(kind, utterances, monkeypatch):
    monkeypatch.setattr(embed, "MAX_CHUNK", 400)
    net = stirred(kind)
    found = dict(embed_batches(net, utterances, plan(utterances, 3000)))
    assert found.keys() == utterances.keys()
    for utt, feats in utterances.items():
        assert found[utt].dtype == np.float32
        np.testing.assert_allclose(found[utt], embed_utterance(net, feats), atol=AGREE, rtol=AGREE)


def test_jobs_that_share_the_batches_of_a_set_give_the_same_bytes(utterances):
    net, batches = stirred(), plan(utterances, 700)
    assert len(batches) > 3
    whole = dict(embed_batches(net, utterances, batches))
    shared = dict(embed_batches(net, utterances, batches[1::2])) | dict(embed_batches(net, utterances, batches[::2]))
    for utt, vector in whole.items():
        np.testing.assert_array_equal(vector, shared[utt])


def test_in_bfloat16_the_direction_stays(utterances):
    net = stirred()
    whole, half = (dict(embed_batches(net, utterances, plan(utterances), precision=p)) for p in get_args(Precision))
    for utt, vector in whole.items():
        cosine = vector @ half[utt] / np.linalg.norm(vector) / np.linalg.norm(half[utt])
        assert half[utt].dtype == np.float32 and 0.999 < cosine < 1 - 1e-9


def test_features_of_another_dimension_are_refused(toy, tmp_path):
    other = make_front_end({"num_mel_bins": 10})
    save_model(tmp_path / "final.pt", network(10), network_options(SETTINGS), other, ["a", "b", "c"], {})
    with pytest.raises(InputError, match=r"d\d-dev\d has shape \(\d+, 8\); expected 10 columns"):
        embed_set(tmp_path / "final.pt", toy.data["dev"], toy.feats["dev"], tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_features_of_other_utterances_are_refused(toy, model, tmp_path):
    data, feats = one_utterance(toy, "dev", "d2-dev1", tmp_path)
    with pytest.raises(InputError, match="feats.scp: 15 of 16 entries of .*utt2spk missing, first 'd0-dev0'"):
        embed_set(model, toy.data["dev"], feats, tmp_path / "out")
    with pytest.raises(InputError, match="feats.scp: 15 entries that .*utt2spk does not have"):
        embed_set(model, data, toy.feats["dev"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_or_damaged_model_is_refused(toy, model, tmp_path):
    with pytest.raises(InputError, match="final.pt: no such file; train one"):
        embed_set(tmp_path / "final.pt", toy.data["dev"], toy.feats["dev"], tmp_path / "out")
    shutil.copy(model, tmp_path / "final.pt")
    with (tmp_path / "final.pt").open("r+b") as f:
        f.truncate(3000)
    with pytest.raises(InputError, match="final.pt: not a model of spkr, or damaged"):
        embed_set(tmp_path / "final.pt", toy.data["dev"], toy.feats["dev"], tmp_path / "out")


def test_the_command_takes_batch_and_precision_and_puts_them_into_the_manifest(toy, model, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(embed, "plan_batches", lambda frames, n: seen.update(n=n) or plan_batches(frames, n))
    paths = [str(model), str(toy.data["dev"]), str(toy.feats["dev"])]
    main(["embed", *paths, str(tmp_path / "a"), "--options", '{"batch_frames": 90, "precision": "bfloat16"}'])
    assert seen == {"n": 90}
    main(["embed", *paths, str(tmp_path / "b")])
    assert seen == {"n": 10000}
    half, whole = (read_vectors(tmp_path / f"{name}/xvector.scp")[1] for name in "ab")
    assert 0 < np.abs(half - whole).max() < 0.05 * np.abs(whole).max()
    options = json.loads((tmp_path / "a/manifest.1.json").read_text())
    assert "bfloat16" in json.dumps(options) and "90" in json.dumps(options)


def test_shards_give_the_bytes_of_the_whole_set(toy, model, tmp_path):
    paths, options = [str(model), str(toy.data["dev"]), str(toy.feats["dev"])], ["--options", '{"batch_frames": 150}']
    main(["embed", *paths, str(tmp_path / "whole"), *options])
    for shard in (2, 1, 3):
        main(["embed", *paths, str(tmp_path / "parts"), *options, "--shard", f"{shard}/3"])
    main(["merge-xvectors", *paths[1:], str(tmp_path / "parts"), "--shards", "3"])
    assert len(read_map(tmp_path / "parts/xvector.2.scp")) < 10
    (keys, whole), (others, parts) = (read_vectors(tmp_path / f"{name}/xvector.scp") for name in ("whole", "parts"))
    assert keys == others
    np.testing.assert_array_equal(whole, parts)
    for name in ("spk_xvector.ark", "num_utts"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_shards_that_do_not_make_the_whole_are_refused(toy, model, tmp_path):
    options = embed.WHOLE.replace(shards=3, batch_frames=150)
    for shard in (1, 2):
        embed_set(model, toy.data["dev"], toy.feats["dev"], tmp_path, options, shard)
    with pytest.raises(InputError, match="xvector.3.scp: no such file"):
        merge_xvectors(toy.data["dev"], toy.feats["dev"], tmp_path, 3)
    with pytest.raises(InputError, match=r"xvector.\*.scp: \d+ of 16 entries of .*utt2spk missing"):
        merge_xvectors(toy.data["dev"], toy.feats["dev"], tmp_path, 2)
    shutil.copy(tmp_path / "xvector.1.scp", tmp_path / "xvector.3.scp")
    with pytest.raises(InputError, match="xvector.3.scp: 'd.*' is in another shard, too"):
        merge_xvectors(toy.data["dev"], toy.feats["dev"], tmp_path, 3)
    assert not (tmp_path / "num_utts").exists()
    with pytest.raises(InputError, match="batches do not fill 99 shards; lower embed.shards"):
        embed_set(model, toy.data["dev"], toy.feats["dev"], tmp_path, options.replace(shards=99), 99)


def test_scoring_knows_silence_from_the_file_beside_the_embeddings(toy, model, tmp_path, caplog):
    feats = shutil.copytree(toy.feats["dev"], tmp_path / "feats")
    write_map(feats / "utt2num_voiced", read_map(feats / "utt2num_voiced") | {"d1-dev0": "0"})
    embedded(model, toy.data["dev"], feats, tmp_path / "out")
    (tmp_path / "trials").write_text("d0-dev0 d1-dev0 nontarget\n")
    xvectors = str(tmp_path / "out/xvector.scp")
    score = ["score", str(tmp_path / "trials"), str(tmp_path / "scores"), "--backend", "cosine", "--processed"]
    main([*score, "--xvectors", xvectors])
    assert "no voiced frame, first 'd1-dev0'" in caplog.text
