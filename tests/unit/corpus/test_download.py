import hashlib
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spkr.corpus.download import download
from spkr.errors import InputError
from tests.unit.corpus.archives import NOISE, names, tar_of


def test_download_arrives_whole(tmp_path, server, capsys):
    download(server.url, tmp_path / "d/an4.tar.gz", hashlib.sha256(NOISE).hexdigest())
    assert (tmp_path / "d/an4.tar.gz").read_bytes() == NOISE
    assert names(tmp_path / "d") == ["an4.tar.gz"]
    out, err = capsys.readouterr()
    assert "100%" in err and not out


def test_broken_download_goes_on_where_it_was(tmp_path, server):
    server.cut_after = 300_000
    path = tmp_path / "an4.tar.gz"
    with pytest.raises(InputError, match=f"broke off after 300000 of {len(NOISE)} bytes; run again"):
        download(server.url, path)
    assert names(tmp_path) == ["an4.tar.gz.part"]
    download(server.url, path)
    assert server.asked == [None, "bytes=300000-"]
    assert path.read_bytes() == NOISE


def test_server_without_ranges_begins_anew(tmp_path, server):
    server.ranges = False
    (tmp_path / "an4.tar.gz.part").write_bytes(b"x" * 1000)
    download(server.url, tmp_path / "an4.tar.gz")
    assert (tmp_path / "an4.tar.gz").read_bytes() == NOISE


def test_part_that_is_whole_is_only_renamed(tmp_path, server):
    (tmp_path / "an4.tar.gz.part").write_bytes(NOISE)
    download(server.url, tmp_path / "an4.tar.gz")
    assert names(tmp_path) == ["an4.tar.gz"]


def test_part_longer_than_the_file_is_removed(tmp_path, server):
    (tmp_path / "an4.tar.gz.part").write_bytes(NOISE + b"x")
    with pytest.raises(InputError, match="fewer bytes than the 640001 .*run again to start from the beginning"):
        download(server.url, tmp_path / "an4.tar.gz")
    assert names(tmp_path) == []


def test_wrong_checksum_removes_the_part(tmp_path, server):
    (tmp_path / "an4.tar.gz.part").write_bytes(b"x" * 1000)  # of an older file: lengths alone would agree
    with pytest.raises(InputError, match="has the sha256 .*; expected .*removed"):
        download(server.url, tmp_path / "an4.tar.gz", hashlib.sha256(NOISE).hexdigest())
    assert names(tmp_path) == []


def test_archive_declared_as_an_encoding_is_kept_as_it_is(tmp_path, server):
    server.data, server.encoding = tar_of(tmp_path / "x.tar.gz").read_bytes(), "x-gzip"
    download(server.url, tmp_path / "an4.tar.gz")
    assert (tmp_path / "an4.tar.gz").read_bytes() == server.data


def test_error_of_the_server_is_told(tmp_path, server):
    with pytest.raises(InputError, match="cannot be reached .404 Client Error"):
        download(server.url + "x", tmp_path / "an4.tar.gz")
    assert names(tmp_path) == []


@pytest.fixture
def secure(tmp_path_factory, monkeypatch):
    """A server of https that sends everybody on to `to`, and whose certificate is trusted."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    paths = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run([*command, *names, *paths], check=True, capture_output=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "certificate"))

    class Onward(BaseHTTPRequestHandler):
        to = ""

        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", self.to)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    with ThreadingHTTPServer(("127.0.0.1", 0), Onward) as httpd:
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        threading.Thread(target=httpd.serve_forever, args=(0.01,)).start()
        Onward.url = f"https://127.0.0.1:{httpd.server_port}/an4.tar.gz"
        yield Onward
        httpd.shutdown()


def test_way_from_https_to_http_is_refused_unless_the_checksum_is_known(tmp_path, server, secure):
    secure.to = server.url
    with pytest.raises(InputError, match=f"{secure.url} was redirected to {server.url}, which is not https"):
        download(secure.url, tmp_path / "an4.tar.gz")
    assert names(tmp_path) == []
    download(secure.url, tmp_path / "an4.tar.gz", hashlib.sha256(NOISE).hexdigest())
    assert (tmp_path / "an4.tar.gz").read_bytes() == NOISE
