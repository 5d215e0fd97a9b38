"""A server on this machine, reached by no proxy."""

import threading
from http.server import ThreadingHTTPServer

import pytest

from tests.unit.corpus.archives import NOISE, Server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    handler = type("Handler", (Server,), {"data": NOISE, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,)).start()
        handler.url = f"http://127.0.0.1:{httpd.server_port}/an4.tar.gz"
        yield handler
        httpd.shutdown()
