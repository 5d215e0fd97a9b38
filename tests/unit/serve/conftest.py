"""A server of the toy model, in this process."""

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile
from starlette.testclient import TestClient

from spkr.serve.app import make_app
from spkr.serve.counters import Counters
from spkr.serve.limits import Limits
from spkr.serve.service import Service
from spkr.serve.uploads import Reader
from tests.unit.voices.toy_model import RATE, hum, toy_model

HERE = "http://127.0.0.1:8000"


def recorded(voice, seconds=2.0, seed=0, form="WAV", rate=RATE):
    """A hum as the bytes of a file."""
    file = BytesIO()
    soundfile.write(file, hum(voice, seconds, seed, rate=rate), rate, format=form)
    return file.getvalue()


def form(**fields):
    """The files of a form: lists of voices to hum, or of bytes."""
    return [
        (field, (f"../{field}.wav", one if isinstance(one, bytes) else recorded(one, seed=number)))
        for field, several in fields.items()
        for number, one in enumerate(several)
    ]


@pytest.fixture
def serve(tmp_path):
    """A function that serves the toy model: the client, the service, and the folders of uploads and of the store."""

    def serve(token=None, base=HERE, channel=None, prepare=True, client=("127.0.0.1", 1), **limits):
        limits = Limits(**{"max_seconds": 10, "rate": 0, "at_once": 2} | limits)
        uploads = tmp_path / "uploads"
        uploads.mkdir(exist_ok=True)
        model = toy_model(tmp_path / "toy.spkr")
        reader = Reader(uploads, model.front_end, limits.max_seconds, channel)
        service = Service(model, Path(tmp_path / "private" / "store"), model.rule(), None, reader, Counters())
        service.path.parent.mkdir(exist_ok=True)
        if prepare:
            service.prepare()
        app = make_app(service, limits, token)
        asked = TestClient(app, base_url=base, raise_server_exceptions=False, client=client)
        return SimpleNamespace(client=asked, service=service, uploads=uploads, app=app)

    return serve
