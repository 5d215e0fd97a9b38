"""The server as a process: 100 clients, bad uploads, kill -9 in the middle of enrolments, a clean end."""

import random
import signal
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2 as httpx
import pytest

from spkr.voices.store import VoiceStore
from tests.unit.serve.conftest import form, recorded
from tests.unit.serve.toy_server import running
from tests.unit.voices.toy_model import PITCHES

pytestmark = pytest.mark.slow
CLIENTS = 100
WAV = recorded("ann")
BAD = {
    "cut": (WAV[:30_000], 422), "empty": (b"", 415), "text": (b"what is this" * 500, 415),
    "too long": (recorded("ann", seconds=11), 413), "too large": (bytes(3_000_000), 413),
    "flac": (recorded("ann", form="FLAC")[:9000], 422), "zeros": (bytes(9000), 415),
}  # fmt: skip


HUMS = {voice: recorded(voice) for voice in PITCHES}


@pytest.fixture
def http():
    """One client for all threads, as each makes certificates anew."""
    with httpx.Client(timeout=120, limits=httpx.Limits(max_connections=None)) as client:
        yield client


def verify(http, server, a, b):
    return http.post(f"{server.url}/verify", files=form(a=[a], b=[b]))


def test_a_hundred_clients_and_bad_uploads(tmp_path, http):
    def client(number):
        wrong = random.Random(number)
        for _ in range(5):
            a, b = wrong.choices(list(PITCHES), k=2)
            answer = verify(http, server, HUMS[a], HUMS[b])
            assert answer.status_code == 200 and answer.json()["comparisons"][0]["same"] == (a == b)
            content, status = BAD[wrong.choice(list(BAD))]
            answer = verify(http, server, WAV, content)
            assert answer.status_code == status and answer.json()["error"]

    limits = ["--max-seconds", "10", "--max-upload", "2", "--queue", str(CLIENTS)]
    with running(tmp_path, *limits) as server, ThreadPoolExecutor(CLIENTS) as pool:
        begin = time.monotonic()
        list(pool.map(client, range(CLIENTS)))
        print(f"{10 * CLIENTS / (time.monotonic() - begin):.0f} requests a second")
        text = http.get(f"{server.url}/metrics").text
        assert 'spkr_requests_total{method="POST",path="/verify",status="200"} 500.0' in text
        assert 'status="500"' not in text and "Traceback" not in server.log.read_text()
        (folder,) = server.temporary.iterdir()
        assert [path.name for path in folder.iterdir()] == [".lock"]
        assert server.end(signal.SIGTERM) == 0
        assert list(server.temporary.iterdir()) == []


def test_more_clients_than_may_wait_come_back(tmp_path, http):
    lengthy = recorded("ann", 9.0)

    def client(number):
        for tried in range(100):
            answer = verify(http, server, WAV, lengthy)
            if answer.status_code == 200:
                return tried
            assert answer.status_code == 503 and answer.headers["retry-after"] == "2"
            time.sleep(0.1)
        return None

    with running(tmp_path, "--at-once", "1", "--queue", "4") as server, ThreadPoolExecutor(CLIENTS) as pool:
        tried = list(pool.map(client, range(CLIENTS)))
    assert None not in tried and sum(tried) > 0


def test_recordings_with_too_little_speech(tmp_path, http):
    short, longer = recorded("ann", 0.7), recorded("ann", 2.0)
    with running(tmp_path, "--min-speech", "1") as server:
        assert verify(http, server, WAV, longer).status_code == 200
        answer = verify(http, server, WAV, short)
        assert answer.status_code == 422 and "expected 1 s or more" in answer.json()["error"]


def test_kill_9_in_the_middle_of_enrolments(tmp_path, http):
    rng, known = random.Random(1), set()
    several = {voice: form(files=[recorded(voice, 1.5, seed) for seed in range(3)]) for voice in PITCHES}

    def enrol(name):
        files = several[rng.choice(list(PITCHES))]
        try:
            answer = http.post(f"{server.url}/enrol", data={"name": name, "force": "true"}, files=files)
        except httpx.TransportError:
            return
        assert answer.status_code == 201, answer.text
        known.add(name)

    for number in range(6):
        with running(tmp_path) as server, ThreadPoolExecutor(12) as pool:
            done = [pool.submit(enrol, f"{number} {k}") for k in range(400)]
            time.sleep(rng.uniform(0.5, 1.5))
            assert server.end(signal.SIGKILL) == -signal.SIGKILL
            for one in done:
                one.cancel() or one.result()
        with closing(sqlite3.connect(server.store)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        voices = VoiceStore(server.store).voices()
        assert Counter(len(voice.recordings) for voice in voices) == {3: len(voices)}
        assert known <= {voice.name for voice in voices}, "an enrolment that was confirmed is lost"
    assert len(known) > 20
    print(f"{len(known)} confirmed, {len(voices)} in the store")
    with running(tmp_path) as server:
        assert len(http.get(f"{server.url}/voices").json()["voices"]) == len(voices)
        assert len(list(server.temporary.iterdir())) == 1  # what the killed servers left is gone
        assert server.end(signal.SIGINT) == 0


def test_sigterm_answers_what_has_arrived(tmp_path, http):
    lengthy = recorded("ann", 100.0)
    with running(tmp_path, "--at-once", "1") as server, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(verify, http, server, WAV, lengthy) for _ in range(8)]
        time.sleep(0.7)
        assert server.end(signal.SIGTERM) == 0
        statuses = Counter(one.result().status_code for one in waiting if not one.exception())
        assert statuses[200] > 0 and set(statuses) == {200}
        assert list(server.temporary.iterdir()) == [] and "Traceback" not in server.log.read_text()


def test_a_store_that_is_removed_while_the_server_runs(tmp_path, http):
    with running(tmp_path) as server:
        server.store.unlink()
        answer = http.get(f"{server.url}/voices")
        assert answer.status_code == 503 and str(tmp_path) not in answer.text
        assert http.post(f"{server.url}/enrol", data={"name": "ann"}, files=form(files=["ann"])).status_code == 201
