"""Networks of other toolkits: their embeddings by our code are theirs, and what does not fit is named."""

import pickle
import re

import numpy as np
import pytest
import torch
import yaml

from spkr.cli import main
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.nnet import network_options
from spkr.nnet.importers import ORIGINS
from spkr.nnet.importers.importing import import_model
from spkr.nnet.importers.palabra import BANKS
from spkr.nnet.model import load_model, read_model
from tests.unit.nnet.layouts import FEATURES, LAYOUTS, filled, write_network
from tests.unit.nnet.networks import CONF

CAMPPLUS, RESNET, ECAPA = "3d-speaker CAM++", "wespeaker ResNet", "wespeaker ECAPA-TDNN"
ERES2NETV2, REDIMNET2 = "3d-speaker ERes2NetV2", "palabra ReDimNet2"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_embeddings_are_those_of_the_networks_own_code(tmp_path, layout):
    import_model(write_network(tmp_path / "theirs.pt", layout), tmp_path / "ours.pt", layout.partition(" ")[0])
    net, front_end, speakers = load_model(tmp_path / "ours.pt")
    with torch.inference_mode():
        embedding = net.embed(FEATURES)[0].numpy()
    expected = np.array(LAYOUTS[layout]["embedding"])
    assert np.abs(embedding - expected).max() < 1e-4 * max(1, np.abs(expected).max())
    assert (front_end.dim, speakers) == (80, [])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_weights_of_another_precision_become_single(tmp_path, dtype):
    changes = {name: torch.ones(shape, dtype=dtype) for name, shape in LAYOUTS[RESNET]["shapes"].items()}
    import_model(write_network(tmp_path / "theirs.pt", RESNET, **changes), tmp_path / "ours.pt", "wespeaker")
    assert read_model(tmp_path / "ours.pt")["weights"]["encoder.conv.weight"].dtype == torch.float32


def test_the_command_writes_where_the_network_comes_from(tmp_path):
    theirs = write_network(tmp_path / "theirs.pt", RESNET, **{"projection.weight": torch.ones(3, 16)})
    main(["import", str(theirs), str(tmp_path / "ours.pt"), "--from", "wespeaker"])
    training = read_model(tmp_path / "ours.pt")["training"]
    assert (training["imported_from"], training["file"]) == ("wespeaker", "theirs.pt")
    assert (tmp_path / "manifest.ours.json").exists()


@pytest.mark.parametrize("out", ["", "ours", "manifest.json"])
def test_the_output_has_a_name_that_a_config_accepts(tmp_path, monkeypatch, caplog, out):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["import", str(write_network(tmp_path / "theirs.pt", RESNET)), out, "--from", "wespeaker"])
    assert "expected a name that ends in .pt" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.pt"]


@pytest.mark.parametrize(
    ("origin", "changes", "message"),
    [
        ("wespeaker", {}, "a network of 3d-speaker .CAM.*, not of wespeaker; give --from 3d-speaker"),
        ("3d-speaker", {"head.conv3.weight": torch.ones(2)}, "head.conv3.weight is left over"),
        ("3d-speaker", {"xvector.dense.linear.weight": torch.tensor(1.0)}, "affine.0.weight has the shape"),
        ("3d-speaker", {"head.bn1.bias": None}, "head.bn1.bias is missing"),
        ("3d-speaker", {"head.conv1.weight": torch.ones(32, 1, 5, 5)}, "encoder.fcm.conv1.weight has the shape"),
        ("3d-speaker", {"xvector.dense.linear.weight": None}, "not a network of 3d-speaker that can be read, CAM"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, origin, changes, message):
    path = write_network(tmp_path / "theirs.pt", CAMPPLUS, **changes)
    with pytest.raises(InputError, match=f"theirs.pt: .*{message}"):
        import_model(path, tmp_path / "ours.pt", origin)
    assert not (tmp_path / "ours.pt").exists()


def test_another_network_than_the_expected_one_is_refused(tmp_path):
    path = write_network(tmp_path / "theirs.pt", CAMPPLUS)
    with pytest.raises(InputError, match=r"a network with model.growth 4; expected 32"):
        import_model(path, tmp_path / "ours.pt", "3d-speaker", {"preset": "x", "filters": 16, "growth": 32})


@pytest.mark.parametrize(
    ("layout", "changes", "message"),
    [
        (RESNET, {"seg_2.weight": torch.ones(16, 16)}, "seg_2.weight is left over"),
        (ECAPA, {"linear.weight": None}, "linear.weight is missing"),
        (ECAPA, {"pool.linear2.weight": None}, "pool.linear2.weight is missing"),
        (ECAPA, {"pool.linear1.weight": torch.ones(3)}, "pooling.w.weight is given no value"),
        (ECAPA, {"layer1.conv.weight": torch.ones(33, 80, 5)}, "model.filters: 33; expected a multiple of 8"),
        (ERES2NETV2, {"seg_2.weight": torch.ones(6, 6)}, "seg_2.weight is left over"),
        (ERES2NETV2, {"layer3.0.fuse_models.0.local_att.1.bias": None}, "local_att.1.bias is missing"),
        (ERES2NETV2, {"layer1.0.conv3.weight": torch.ones(20, 9, 1, 1)}, "conv3.weight has the shape .20, 9,"),
        (RESNET, {"seg_1.weight": torch.empty(0)}, "seg_1.weight is sparse, quantised, complex or empty"),
        (RESNET, {"bn1.bias": torch.full((8,), torch.nan)}, "encoder.norm.bias holds values that are not finite"),
        (RESNET, {"bn1.bias": torch.ones(8, dtype=torch.int8)}, "encoder.norm.bias holds torch.int8; expected real"),
        (RESNET, {"bn1.bias": torch.ones(8).to_sparse()}, "bn1.bias is sparse, quantised, complex or empty; expected"),
        (ECAPA, {"layer2.se_res2block.0.conv.bias": None}, "layer2.se_res2block.0.conv.bias is missing"),
        (ECAPA, {"layer2.se_res2block.0.conv.bias": torch.ones(3)}, "conv1.conv.bias has the shape .3,., not"),
    ],
)
def test_an_entry_that_does_not_fit_is_named(tmp_path, layout, changes, message):
    path = write_network(tmp_path / "theirs.pt", layout, **changes)
    with pytest.raises(InputError, match=f"theirs.pt: .*{message}"):
        import_model(path, tmp_path / "ours.pt", layout.partition(" ")[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone.stem_gnorm.weight": torch.ones(320)}, "backbone.stem_gnorm.weight is left over"),
        ({"backbone.stage1.0.w": None}, "backbone.stage1.* is left over"),
        ({"backbone.stage2.5.tcm.4.attention.q_proj.bias": None}, "q_proj.bias is missing"),
        ({"backbone.stem.0.weight": torch.ones(4, 1, 3)}, "encoder.conv.weight has the shape .4, 1, 3., not"),
        ({"pool.linear2.weight": torch.ones(61, 128, 1)}, "pooling.w.weight has the shape"),
        ({BANKS: None}, f"weights without {BANKS}; expected a checkpoint with its features"),
        ({BANKS: torch.ones(80, 256, 1)}, f"{BANKS}: other filter banks than those from 20 to 7600 Hz"),
    ],
)
def test_what_does_not_fit_redimnet2_is_named(tmp_path, changes, message):
    path = write_network(tmp_path / "theirs.pt", REDIMNET2, **changes)
    with pytest.raises(InputError, match=f"theirs.pt: .*{message}"):
        import_model(path, tmp_path / "ours.pt", "palabra")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hop_length": 80}, "model_config.hop_length 80; only 160 can be imported"),
        ({"agg_gnorm": True}, "model_config.agg_gnorm True; only False can be imported"),
        ({"spec_params": {"do_preemph": True}}, "model_config.spec_params {'do_preemph': True}; only {"),
        ({"hop_length": 160, "F": 80, "stages_setup": []}, None),
        ("no dictionary", None),
    ],
)
def test_a_checkpoint_says_what_the_weights_do_not(tmp_path, config, message):
    path = tmp_path / "theirs.pt"
    torch.save({"model_config": config, "state_dict": filled(LAYOUTS[REDIMNET2]["shapes"])}, path)
    if message is None:
        import_model(path, tmp_path / "ours.pt", "palabra")
    else:
        with pytest.raises(InputError, match=f"theirs.pt: {re.escape(message)}"):
            import_model(path, tmp_path / "ours.pt", "palabra")


@pytest.mark.parametrize(
    ("layout", "entry", "network", "feats"),
    [
        (CAMPPLUS, "campplus_200k", "campplus_3d_speaker", "fbank80_kaldi"),
        (ERES2NETV2, "eres2netv2_200k", "eres2netv2", "fbank80_kaldi"),
        (REDIMNET2, "redimnet2_b0_lm", "redimnet2_b0", "redimnet72"),
        (REDIMNET2, "redimnet2_b2_lm", "redimnet2_b2", "redimnet72"),
    ],
)
def test_presets_for_fine_tuning_are_those_of_the_imported_network(tmp_path, layout, entry, network, feats):
    import_model(write_network(tmp_path / "theirs.pt", layout), tmp_path / "ours.pt", layout.partition(" ")[0])
    model = read_model(tmp_path / "ours.pt")
    settings, front_end = (
        yaml.safe_load((CONF / f"{kind}/{name}.yaml").read_text())[kind]
        for kind, name in (("model", network), ("feats", feats))
    )
    ours = network_options(settings).to_dict()
    for name in ("type", "pooling", "unbiased_std"):
        assert model["settings"][name] == ours[name], name
    assert yaml.safe_load((CONF / f"pretrained/{entry}.yaml").read_text())["model"].items() <= ours.items()
    expected = make_front_end(front_end | {"num_mel_bins": 80})
    assert make_front_end(model["front_end"]).numbers() == expected.numbers()


class Touch:
    """An object whose unpickling makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x))])
def test_code_in_a_pickle_is_not_run(tmp_path, save):
    save({"weight": Touch(tmp_path / "run")}, tmp_path / "theirs.pt")
    with pytest.raises(InputError, match=r"theirs.pt: cut short, or not weights alone; .*code in a file is never run"):
        import_model(tmp_path / "theirs.pt", tmp_path / "ours.pt", "3d-speaker")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut short, or not weights alone"),
        (None, "no such file; expected the weights"),
        ("half", "cut short, or not weights alone"),
        ({"epoch": 3}, "holds no weights by name"),
    ],
)
def test_files_that_hold_no_weights_are_named(tmp_path, content, message):
    path = tmp_path / "theirs.pt"
    if content == "half":
        whole = write_network(path, CAMPPLUS).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        torch.save(content, path)
    with pytest.raises(InputError, match=f"theirs.pt: {message}"):
        import_model(path, tmp_path / "ours.pt", sorted(ORIGINS)[0])
