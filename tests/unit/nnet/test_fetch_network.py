"""Finding or downloading a network of conf/pretrained/, by the verb that the workflow calls."""

import json
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from spkr.cli import main
from spkr.files import sha256
from spkr.nnet.model import read_model
from tests.unit.nnet.layouts import LAYOUTS, filled


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The file of a network, in a folder of its own."""
    monkeypatch.delenv("SPKR_MODELS", raising=False)
    path = tmp_path / "models/some/campplus.bin"
    path.parent.mkdir(parents=True)
    torch.save(filled(LAYOUTS["3d-speaker CAM++"]["shapes"]), path)
    return path


def entry(weights, **changes):
    known = {"origin": "3d-speaker", "file": weights.name, "licence": "MIT", "model": {"type": "campplus", "growth": 4}}
    known |= {"sha256": sha256(weights), "size": weights.stat().st_size}
    return json.dumps(known | {"trained_on": "On three voices.", "not_known": "Whose."} | changes)


def fetch(tmp_path, entry, *options):
    main(["pretrained", str(tmp_path / "out/network.pt"), "--entry", entry, *options])
    return read_model(tmp_path / "out/network.pt")


def test_the_file_is_found_below_the_folder_of_models(tmp_path, weights):
    model = fetch(tmp_path, entry(weights), "--models", str(tmp_path / "models"))
    assert model["training"]["trained_on"] == "On three voices. Whose."
    assert not (tmp_path / "out/downloads").exists()


def test_a_file_that_is_not_there_is_downloaded_once(tmp_path, weights):
    handler = partial(SimpleHTTPRequestHandler, directory=str(weights.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = entry(weights, url=f"http://127.0.0.1:{server.server_port}/campplus.bin")
        fetch(tmp_path, there)
        server.shutdown()
    assert (tmp_path / "out/downloads/campplus.bin").read_bytes() == weights.read_bytes()
    fetch(tmp_path, there)  # without a server


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"size": 3}, True, "campplus.bin: .* bytes, sha256 .*; expected 3 bytes, sha256 .*: replace the file"),
        ({"sha256": "0" * 64}, True, "expected .* sha256 0000.*: replace the file"),
        ({"model": {"growth": 32}}, True, "a network with model.growth 4; expected 32"),
        ({"file": "x.pt"}, True, "x.pt was not found under .*models, and there is no address to download it from; put"),
        (
            {"url": "http://127.0.0.1:9/x"},
            False,
            "`models` is not set, and http://127.0.0.1:9/x cannot be reached .*; ",
        ),
        ({"origin": "kaldi"}, True, "--entry.origin: 'kaldi'; expected 3d-speaker"),
        ({"sha256": "0"}, True, "--entry.sha256: '0'"),
    ],
)
def test_what_is_not_as_expected_is_named(tmp_path, weights, caplog, changes, options, message):
    options = ["--models", str(tmp_path / "models")] if options else []
    with pytest.raises(SystemExit):
        fetch(tmp_path, entry(weights, **changes), *options)
    assert re.search(message, caplog.text), caplog.text
    assert not (tmp_path / "out/network.pt").exists()
