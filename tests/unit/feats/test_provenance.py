import logging
import shutil

import numpy as np
import pytest
import soundfile

from spkr.cli import main
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.provenance import check_front_end, read_front_end, write_front_end
from spkr.kaldi.datadir import write_data_dir
from spkr.manifest import read_manifest
from spkr.nnet import network_options
from spkr.nnet.embed import embed_set
from spkr.nnet.model import save_model
from tests.unit.nnet.networks import SMALL, network


def front_end(**options):
    return make_front_end({"num_mel_bins": 12} | options)


def test_a_front_end_is_read_as_it_was_written(tmp_path):
    write_front_end(tmp_path / "front_end.json", front_end(high_freq=-400, cmvn={"window": 200}))
    assert read_front_end(tmp_path / "front_end.json") == front_end(high_freq=-400, cmvn={"window": 200})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"num_bins": 3}', "\xff"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "front_end.json").write_bytes(content.encode("latin1"))
    with pytest.raises(InputError, match=r"front_end.json: not the options of a front end .*; make the features again"):
        check_front_end(tmp_path, front_end())


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"high_freq": 4000}, "made with high_freq 4000.0, and the network's front end has 0.0"),
        ({"type": "mfcc", "num_ceps": 12}, 'type "mfcc", and the network\'s front end has "fbank"'),
        ({"dither": 1}, "dither 1.0, and the network's front end has 0.0"),
        ({"vad": {"energy_threshold": 5}}, "vad.energy_threshold 5.0, and the network's front end has 5.5"),
    ],
)
def test_another_front_end_is_refused_with_the_option_and_both_values(tmp_path, made, message):
    write_front_end(tmp_path / "front_end.json", front_end(**made))
    with pytest.raises(InputError, match=f"{tmp_path}/front_end.json: .*") as refused:
        check_front_end(tmp_path, front_end())
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        ({"shards": 7, "compress": False, "resample": "any", "allow_pipes": True}, {}),
        ({"cmvn": {"type": "none"}, "select_voiced": False}, {}),
        ({"vad": {"energy_threshold": 5}}, {"select_voiced": False}),
    ],
)
def test_options_that_change_nothing_that_the_network_sees_may_differ(tmp_path, made, wanted):
    write_front_end(tmp_path / "front_end.json", front_end(**made))
    check_front_end(tmp_path, front_end(**wanted))


def test_features_made_elsewhere_are_accepted_with_a_line(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    check_front_end(tmp_path, front_end())
    assert caplog.messages == [
        f"{tmp_path}/front_end.json: no such file; assuming that the features were made with the network's front end"
    ]


# ------------------------------------------------------------------------------------- from audio to embeddings


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The file of a network; beside it a data directory of two recordings."""
    monkeypatch.chdir(tmp_path)
    rng, utts = np.random.default_rng(1), ("s1-a", "s2-b")
    for utt in utts:
        soundfile.write(f"{utt}.wav", rng.normal(0, 0.1, 8000), 16000)
    write_data_dir("data", {"wav.scp": {utt: f"{utt}.wav" for utt in utts}, "utt2spk": {u: u[:2] for u in utts}})
    save_model("final.pt", network(), network_options(SMALL), front_end(dither=0.5), list("abcde"), {})
    return "final.pt"


def feats(*options, shard=None):
    main(["feats", "data", "feats", *(["--shard", shard] if shard else []), *options])


def refused(caplog, *args):
    with pytest.raises(SystemExit):
        main([*args])
    return caplog.messages[-1]


def test_features_for_a_network_need_no_options_and_are_embedded(model, tmp_path):
    for shard in ("1/2", "2/2"):
        feats("--model", model, shard=shard)
    main(["merge-feats", "data", "feats", "--shards", "2"])
    shutil.copytree("feats", "copied")
    embed_set(model, "data", "copied", "out")
    assert read_front_end("feats/front_end.json") == front_end(dither=0.5, shards=2)
    listed = {entry.path.name for path in (tmp_path / "feats").glob("manifest*") for entry in read_manifest(path)}
    assert listed >= {"front_end.1.json", "front_end.2.json", "front_end.json"}


def test_features_of_another_front_end_are_not_embedded(model, caplog):
    feats("--options", '{"num_mel_bins": 12, "dither": 0.5, "low_freq": 300}')
    main_args = ("embed", model, "data", "feats", "out")
    assert "low_freq 300.0, and the network's front end has 20.0" in refused(caplog, *main_args)


def test_options_may_agree_with_the_network_but_not_contradict_it(model, caplog):
    feats(
        "--model", model, "--options", '{"dither": 0.5, "num_mel_bins": 12, "cmvn": {"window": 300}, "compress": false}'
    )
    assert not read_front_end("feats/front_end.json").compress
    for options, message in (
        ('{"dither": 0.1}', "--options: dither 0.1, but final.pt was trained with 0.5; leave it out"),
        ('{"cmvn": {"window": 301}}', "--options: cmvn.window 301, but final.pt was trained with 300"),
        ('{"bins": 12}', "--options: bins 12, but final.pt was trained with no such option"),
    ):
        args = ("feats", "data", "other", "--model", model, "--options", options)
        assert message in refused(caplog, *args)


def test_shards_of_different_front_ends_are_not_joined(model, caplog):
    feats("--model", model, shard="1/2")
    feats("--options", '{"num_mel_bins": 12}', shard="2/2")
    message = refused(caplog, "merge-feats", "data", "feats", "--shards", "2")
    assert "feats/front_end.2.json: made with dither 0.0, but feats/front_end.1.json with 0.5; make both" in message
    feats("--model", model, shard="2/2")
    main(["merge-feats", "data", "feats", "--shards", "2"])
