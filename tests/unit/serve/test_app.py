"""Each path of the server, and each error as JSON."""

import sqlite3
from contextlib import closing

import pytest
import soundfile

from spkr.errors import InputError
from spkr.serve.counters import Counters
from spkr.serve.doors import PATHS
from spkr.serve.faults import STATUSES
from spkr.voices.store import VoiceStore
from tests.unit.serve.conftest import form, recorded
from tests.unit.voices.toy_model import RATE, hum, toy_model


def enrol(client, name="ann", files=("ann", "ann"), **fields):
    return client.post("/enrol", data={"name": name} | fields, files=form(files=files))


def test_voices_are_compared(serve):
    answer = serve().client.post("/verify", files=form(a=["ann", "ann"], b=["ann", "bob"]))
    assert answer.status_code == 200
    same, other = answer.json()["comparisons"]
    assert same["same"] and same["llr"] > 0 and same["probability"] > 0.5 and len(same["a"]) == 2
    assert not other["same"] and other["llr"] < 0
    speech = pytest.approx(2.0, abs=0.05)
    assert other["b"] == {"source": "b 2", "seconds": 2.0, "speech": speech, "vad": "energy", "warnings": []}


def test_the_numbers_are_those_of_the_model(serve, tmp_path):
    found = serve().client.post("/verify", files=form(a=["ann"], b=["bob"])).json()["comparisons"][0]
    model = toy_model(tmp_path / "toy.spkr")
    for name in ("ann", "bob"):
        (tmp_path / name).write_bytes(recorded(name))
    compared = model.compare([model.hear(tmp_path / "ann")], [model.hear(tmp_path / "bob")])
    assert (found["score"], found["llr"], found["probability"]) == pytest.approx(
        (compared.score, compared.llr, compared.probability)
    )


def test_a_voice_is_enrolled_identified_listed_and_deleted(serve):
    served = serve()
    client = served.client
    answer = enrol(client)
    assert answer.status_code == 201 and answer.json()["name"] == "ann" and not answer.json()["forced"]
    assert enrol(client, "bob/smith é", ("bob",)).status_code == 201
    found = client.post("/identify", files=form(files=["ann"]), data={"top": 1}).json()
    assert found["name"] == "ann" and [one["name"] for one in found["best"]] == ["ann"]
    assert client.post("/identify", files=form(files=["eve"])).json()["name"] is None
    assert [voice["name"] for voice in client.get("/voices").json()["voices"]] == ["ann", "bob/smith é"]
    assert client.delete("/voices/bob%2Fsmith%20%C3%A9").json()["name"] == "bob/smith é"
    assert [voice.name for voice in served.service.store.voices()] == ["ann"]


def test_recordings_are_added_to_a_voice(serve):
    client = serve().client
    enrol(client)
    more = client.post("/enrol", data={"name": "ann", "add": "true"}, files=[("files", recorded("ann", seed=9))])
    assert len(more.json()["recordings"]) == 3


def test_a_gate_is_passed_by_force_only(serve):
    served = serve()
    answer = enrol(served.client, files=("ann", "bob"))
    assert answer.status_code == 422 and "cohesion" in answer.json()["error"]
    assert "(force=true)" in answer.json()["error"] and served.service.store.voices() == []
    answer = enrol(served.client, files=("ann", "bob"), force="true")
    assert answer.status_code == 201 and answer.json()["forced"]


def test_names_that_are_taken_or_missing(serve):
    client = serve().client
    assert (first := client.post("/identify", files=form(files=["ann"]))).status_code == 409
    assert first.json()["error"] == "the store: no voice is enrolled; enrol one with POST /enrol"
    enrol(client)
    assert (again := enrol(client)).status_code == 409 and "(add=true)" in again.json()["error"]
    assert enrol(client, "anne", add="true").status_code == 404
    assert (gone := client.delete("/voices/bob")).status_code == 404 and "GET /voices" in gone.json()["error"]
    assert enrol(client, " ann").status_code == enrol(client, "unknown").status_code == 400


def test_no_path_of_the_server_is_in_an_answer(serve, tmp_path):
    client = serve(max_upload=0.5).client
    enrol(client)
    answers = [
        enrol(client), client.delete("/voices/bob"), enrol(client, "ann", ("ann",), add="true"),
        client.post("/verify", files=form(a=[b"text"], b=["ann"])), client.get("/voices"), client.get("/health"),
        client.post("/verify", files=form(a=[recorded("ann")[:-9]], b=["ann"])), client.get("/metrics"),
        client.get("/openapi.json"), client.get("/"),
    ]  # fmt: skip
    for answer in answers:
        assert str(tmp_path) not in answer.text and "/tmp" not in answer.text, answer.request.url


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ({"a": [b""], "b": ["ann"]}, 415, "a 1: not readable as audio (the file is empty)"),
        ({"a": ["ann", b"what is this"], "b": ["ann"]}, 415, "a 2: not readable as audio"),
        ({"a": ["ann"], "b": [recorded("ann")[:20_000]]}, 422, "b 1: cut short after"),
        ({"a": ["ann"], "b": [recorded("ann", form="FLAC")[:9000]]}, 422, "b 1: "),
        ({"a": ["ann"], "b": [recorded("ann", seconds=0.02)]}, 422, "b 1: 0.020 s; expected at least"),
        ({"a": ["ann"], "b": [recorded("ann", seconds=10.5)]}, 413, "b 1: 10.5 s; expected at most 10 s"),
        ({"a": ["ann"], "b": [recorded("ann", seconds=40)]}, 413, "more than 1 MB"),
        ({"a": ["ann"]}, 400, "b: field required; expected a form"),
        ({"a": ["ann"] * 21, "b": ["ann"]}, 400, "Too many files"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(serve, files, status, words):
    served = serve(max_upload=1 if "more than" in words else 30)
    answer = served.client.post("/verify", files=form(**files))
    assert answer.status_code == status and words in answer.json()["error"]
    assert list(served.uploads.iterdir()) == []


def test_several_channels(serve, tmp_path):
    def two(left, right):
        soundfile.write(tmp_path / "two.wav", [*zip(hum(left), hum(right), strict=True)], RATE)
        return (tmp_path / "two.wav").read_bytes()

    anns, two, client = two("ann", "ann"), two("ann", "bob"), serve().client
    answer = client.post("/verify", files=form(a=["ann"], b=[two]))
    assert answer.status_code == 422 and "set the field `channel` to left, right, mix" in answer.json()["error"]

    def same(client, **data):
        answer = client.post("/verify", files=form(a=[anns], b=[two]), data=data)
        return answer.json()["comparisons"][0]["same"]

    assert same(client, channel="left") and same(client, channel="0") and not same(client, channel="right")
    assert not same(serve(channel=1).client) and same(serve(channel=1).client, channel="left")
    assert client.post("/verify", files=form(a=["ann"], b=[two]), data={"channel": "top"}).status_code == 400


def test_a_body_that_is_no_form_and_paths_that_are_not_there(serve):
    client = serve().client
    assert client.post("/verify", json={"a": 1}).status_code == 400
    broken = client.post("/verify", content=b"x" * 99, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert broken.status_code == 400 and broken.json()["error"]
    assert client.get("/nowhere").status_code == 404 and "openapi.json" in client.get("/nowhere").json()["error"]
    assert client.get("/verify").status_code == 405 and client.get("/docs").status_code == 404


def test_bytes_are_counted_if_no_length_is_given(serve):
    client = serve(max_upload=0.1).client
    begin = b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    answer = client.post("/verify", content=iter([begin, *[bytes(10_000)] * 20]),
                         headers={"Content-Type": "multipart/form-data; boundary=b"})  # fmt: skip
    assert answer.status_code == 413 and answer.json() == {
        "error": "more than 0.1 MB; expected fewer or shorter recordings"
    }


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "W64"])
def test_containers(serve, kind):
    answer = serve().client.post("/verify", files=form(a=["ann"], b=[recorded("ann", form=kind)]))
    assert answer.json()["comparisons"][0]["same"]


def of_browser(path, kind="webm", codec="libopus", seconds=3.0):
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format=kind) as out:
        stream = out.add_stream(codec, rate=48000, layout="mono")
        samples = hum("ann", seconds, rate=48000)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 48000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    return path.read_bytes()


@pytest.mark.parametrize(("kind", "codec"), [("webm", "libopus"), ("mp4", "aac")])
def test_containers_of_browsers(serve, tmp_path, kind, codec):
    files = form(a=["ann"], b=[of_browser(tmp_path / "x", kind, codec)])
    answer = serve().client.post("/verify", files=files)
    found = answer.json()["comparisons"][0]
    assert found["same"] and found["b"]["warnings"] == ["resampled from 48,000 Hz"]


def test_a_container_is_not_decoded_further_than_recordings_may_last(serve, tmp_path, monkeypatch):
    monkeypatch.setattr("spkr.serve.uploads.check_audio", None)  # would decode all
    files = form(a=[of_browser(tmp_path / "x", seconds=10.5)], b=["ann"])
    answer = serve().client.post("/verify", files=files)
    assert answer.status_code == 413 and answer.json()["error"] == "a 1: longer than 10 s; expected at most that"


def test_a_locked_store_is_503_and_its_path_stays_in_the_log(serve, monkeypatch, caplog):
    monkeypatch.setattr("spkr.voices.database.PATIENCE", 0.05)
    served = serve()
    with closing(sqlite3.connect(served.service.path)) as db:
        db.execute("BEGIN EXCLUSIVE")
        for answer in (enrol(served.client), served.client.get("/voices"), served.client.get("/health")):
            assert answer.status_code == 503 and answer.headers["retry-after"] == "2"
            assert answer.json()["error"] == "the store cannot be used now; try again, or see the server's log"
    assert str(served.service.path) in caplog.text
    assert enrol(served.client).status_code == 201


def test_a_defect_says_nothing_of_the_code(serve, monkeypatch):
    served = serve()
    monkeypatch.setattr(type(served.service), "voices", lambda self: 1 / 0)
    answer = served.client.get("/voices")
    assert answer.status_code == 500 and "division" not in answer.text and "defect" in answer.json()["error"]


def test_a_store_of_another_model_is_refused_before_anything_is_served(serve):
    served = serve(prepare=False)
    other = VoiceStore(served.service.path, "f" * 64, served.service.model.dim)
    other.add("ann", [recording_of(served.service.model)])
    with pytest.raises(InputError, match="a store of the model ffff"):
        served.service.prepare()


def recording_of(model):
    from spkr.voices.enrolment import as_recording, read_sounds

    sounds = read_sounds(model, [hum("ann")])
    return as_recording(sounds[0], model.hear_all(sounds)[0])


def test_health_and_counters(serve):
    client = serve(token="t" * 20).client
    assert client.get("/health").json() | {"sha256": ""} == {"status": "ready", "sha256": "", "token": True}
    client.headers["Authorization"] = f"Bearer {'t' * 20}"
    client.post("/verify", files=form(a=["ann"], b=["ann"]))
    client.request("MADE-UP", "/made/up")
    client.delete("/voices/ann")
    text = client.get("/metrics").text
    assert 'spkr_requests_total{method="POST",path="/verify",status="200"} 1.0' in text
    assert 'spkr_request_seconds_count{method="POST",path="/verify"} 1.0' in text
    assert 'spkr_requests_total{method="other",path="other",status="404"} 1.0' in text
    assert 'path="/voices/{name:path}",status="404"' in text and "spkr_audio_seconds_total 4.0" in text
    assert "MADE" not in text and "made" not in text


def test_the_log_has_neither_clients_nor_names(serve, caplog):
    caplog.set_level("INFO")
    client = serve(client=("127.0.0.77", 5)).client
    enrol(client, "ann")
    client.delete("/voices/ann")
    client.get("/voices")
    lines = [record.getMessage() for record in caplog.records if record.name == Counters.__module__]
    assert [line.split(",")[0] for line in lines] == ["POST /enrol: 201", "DELETE /voices/{name:path}: 200"]


def test_openapi_describes_what_there_is(serve):
    served = serve()
    paths = served.client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/verify", "/enrol", "/identify", "/voices", "/voices/{name}", "/health", "/metrics"}
    statuses = {int(one) for path in paths.values() for way in path.values() for one in way["responses"]}
    assert statuses - {200, 201} == set(STATUSES)
    assert {path for path in paths if "{" not in path} <= PATHS


def test_the_page_loads_nothing_from_elsewhere(serve):
    client = serve().client
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert "does not detect replayed or synthetic speech" in page.text
    for name in ("/recorder.css", "/recorder.js"):
        assert name[1:] in page.text and client.get(name).status_code == 200
    texts = [client.get(path).text for path in ("/", "/recorder.css", "/recorder.js")]
    assert not any("http:" in text or "https:" in text or "//cdn" in text for text in texts)
