"""Archives of NeMo: the config in them says what the front end is, and it must be one that is computed here."""

import gzip
import tarfile

import pytest
import torch

from spkr.config.front_end_options import CmvnOptions
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.logmel import slaney_banks
from spkr.nnet.importers.importing import import_model
from spkr.nnet.model import load_model, read_model
from tests.unit.nnet.layouts import NEMO, PREPROCESSOR, write_network

TITANET = "nemo TitaNet"
BANKS = "preprocessor.featurizer.fb"


def imported(tmp_path, **preprocessor):
    config = NEMO | {"preprocessor": NEMO["preprocessor"] | preprocessor}
    import_model(write_network(tmp_path / "net.nemo", TITANET, config), tmp_path / "ours.pt", "nemo")
    return load_model(tmp_path / "ours.pt")[1]


def test_the_front_end_is_that_of_the_archive(tmp_path):
    found = imported(tmp_path, window_size=0.02, window="hamming", highfreq=7600)
    expected = {"frame_length": 20.0, "frame_shift": 10.0, "window_type": "hamming", "high_freq": 7600.0}
    expected |= {"type": "logmel", "framing": "nemo2", "num_mel_bins": 80, "select_voiced": False}
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.cmvn == CmvnOptions(type="utterance", norm_vars=True)


def test_the_dropout_is_that_of_the_archive(tmp_path):
    imported(tmp_path)
    assert read_model(tmp_path / "ours.pt")["settings"]["dropout"] == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalize": "all_features"}, "preprocessor.normalize all_features; only per_feature can be imported"),
        ({"frame_splicing": 3}, "preprocessor.frame_splicing 3; only 1"),
        ({"window": "bartlett"}, "preprocessor.window bartlett; only hann"),
        ({"window": ["hann"]}, "preprocessor.window .'hann'.; only hann"),
        ({"n_fft": 1024}, "preprocessor.n_fft 1024; only 512 can be imported"),
        ({"n_window_size": 400}, "preprocessor.n_window_size 400; only None"),
        (
            {"_target_": "nemo.collections.asr.modules.AudioToMFCCPreprocessor"},
            "AudioToMFCCPreprocessor; only AudioToMel",
        ),
        ({"window_size": "${window}"}, "preprocessor.window_size '..window.'; expected a number"),
        ({"window_stride": None}, "preprocessor.window_stride None; expected a number"),
        ({"features": "many"}, "num_mel_bins"),
        ({"features": 64}, "encoder.blocks.0.convs.0.conv.0.weight has the shape .80, 1, 3., not .64, 1, 3."),
    ],
)
def test_a_front_end_that_is_not_computed_here_is_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=f"net.nemo: .*{message}"):
        imported(tmp_path, **options)
    assert not (tmp_path / "ours.pt").exists()


def test_the_filter_banks_in_the_weights_must_be_ours(tmp_path):
    ours = slaney_banks(make_front_end({"type": "logmel", "frame_length": 25, "low_freq": 0}), torch.device("cpu"))
    for banks, refused in ((ours.T[None], False), (ours.T[None].half(), False), (ours.T[None] * 1.1, True)):
        path = write_network(tmp_path / "net.nemo", TITANET, **{BANKS: banks})
        if refused:
            with pytest.raises(InputError, match="net.nemo: preprocessor.featurizer.fb: other filter banks"):
                import_model(path, tmp_path / "ours.pt", "nemo")
        else:
            import_model(path, tmp_path / "ours.pt", "nemo")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (["encoder"], "model_config.yaml in it is no dictionary"),
        (NEMO | {"encoder": {"jasper": 5}}, "encoder.jasper in model_config.yaml; expected a list of blocks"),
        (NEMO | {"encoder": {"jasper": [{"dropout": None}]}}, "encoder.jasper: dropout None; expected a number"),
        (NEMO | {"encoder": {"jasper": [{"dropout": 5}]}}, "model.dropout: 5; expected at most 1"),
    ],
)
def test_a_config_of_another_form_is_named(tmp_path, config, message):
    path = write_network(tmp_path / "net.nemo", TITANET, config)
    with pytest.raises(InputError, match=f"net.nemo: {message}"):
        import_model(path, tmp_path / "ours.pt", "nemo")


def test_an_archive_without_the_first_block_is_named(tmp_path):
    path = write_network(tmp_path / "net.nemo", TITANET, **{"encoder.encoder.1.mconv.0.conv.weight": None})
    with pytest.raises(InputError, match="net.nemo: does not fit the network: .* left over"):
        import_model(path, tmp_path / "ours.pt", "nemo")


def test_an_archive_that_claims_a_huge_member_is_named(tmp_path):
    member = tarfile.TarInfo("model_weights.ckpt")
    member.size = 10**15
    (tmp_path / "net.nemo").write_bytes(member.tobuf(format=tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(InputError, match="net.nemo: an archive that cannot be read"):
        import_model(tmp_path / "net.nemo", tmp_path / "ours.pt", "nemo")


def test_weights_alone_do_not_say_what_the_front_end_is(tmp_path):
    path = write_network(tmp_path / "net.nemo", TITANET)
    with tarfile.open(path) as archive:
        (tmp_path / "model_weights.ckpt").write_bytes(archive.extractfile("./model_weights.ckpt").read())
    with pytest.raises(InputError, match="model_weights.ckpt: .*expected the .nemo archive"):
        import_model(tmp_path / "model_weights.ckpt", tmp_path / "ours.pt", "nemo")


def test_an_archive_that_is_cut_short_or_holds_other_files_is_named(tmp_path):
    path = write_network(tmp_path / "net.nemo", TITANET, {"preprocessor": PREPROCESSOR})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="net.nemo: "):
        import_model(path, tmp_path / "ours.pt", "nemo")
    path.write_bytes(gzip.compress(whole)[:400])
    with pytest.raises(InputError, match="net.nemo: an archive that cannot be read"):
        import_model(path, tmp_path / "ours.pt", "nemo")
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "model_config.yaml")
    with pytest.raises(InputError, match="net.nemo: an archive without model_weights.ckpt; expected a .nemo file"):
        import_model(path, tmp_path / "ours.pt", "nemo")
