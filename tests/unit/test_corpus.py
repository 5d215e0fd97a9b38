import hashlib
import io
import json
import shutil
import ssl
import subprocess
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spkr.corpus.archive import replacing_folder, unpack
from spkr.corpus.download import download
from spkr.corpus.fetch import fetch_corpus, find_archive, read_record
from spkr.errors import InputError

NOISE = b"".join(hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(20000))  # does not compress
FILES = {"an4/LICENSE": b"any use\n", "an4/wav/fash/an251-fash-b.sph": NOISE}


def tar_of(path: Path, *members, files=FILES) -> Path:
    mode = "w:gz" if path.suffix == ".gz" else "w"
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in members:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def content_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


class Server(BaseHTTPRequestHandler):
    """Serves `data` with ranges; the attributes make it misbehave."""

    protocol_version = "HTTP/1.1"
    data = b""
    cut_after = None  # bytes of the file after which the connection breaks, once
    ranges = True
    encoding = None
    asked: list[str | None]

    def do_GET(self):
        server = type(self)
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if self.headers["Accept-Encoding"] != "identity":  # lengths and ranges are of the file itself
            return self.send_error(406)
        start = int(asked[6:-1]) if asked and self.ranges else 0
        if self.path != "/an4.tar.gz":
            return self.send_error(404)
        if start >= len(self.data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        if self.encoding:
            self.send_header("Content-Encoding", self.encoding)
        self.send_header("Content-Length", str(len(self.data) - start))
        self.end_headers()
        self.wfile.write(self.data[start : self.cut_after])
        if self.cut_after:
            server.cut_after = None
            self.close_connection = True

    def log_message(self, *args):
        pass


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


# --- finding


def test_archive_is_found_up_to_two_folders_deep_and_least_deep_first(tmp_path):
    for folder in ("a/b/c", "a/b", "a"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "a/b/c/x.tar").touch()
    assert find_archive("x.tar", tmp_path) is None
    (tmp_path / "a/b/x.tar").touch()
    assert find_archive(["y.tar", "x.tar"], tmp_path) == tmp_path / "a/b/x.tar"
    (tmp_path / "x.tar").touch()
    assert find_archive("x.tar", tmp_path) == tmp_path / "x.tar"
    assert find_archive("b/x.tar", tmp_path) == tmp_path / "a/b/x.tar"


def test_two_archives_of_one_name_are_refused(tmp_path):
    for folder in ("standin", "himia"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.tar.gz").touch()
    with pytest.raises(InputError, match="both .*himia/train.tar.gz and .*standin/train.tar.gz"):
        find_archive("train.tar.gz", tmp_path)
    assert find_archive("standin/train.tar.gz", tmp_path) == tmp_path / "standin/train.tar.gz"


def test_missing_corpora_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder.*SPKR_CORPORA"):
        find_archive("x.tar", tmp_path / "nowhere")


# --- unpacking


@pytest.mark.parametrize("name", ["an4.tar.gz", "an4.tar"])
def test_tar_is_unpacked_whole(tmp_path, name):
    archive = tar_of(tmp_path / name, member("an4/empty", tarfile.DIRTYPE))
    assert unpack(archive, tmp_path / "out") == 2
    assert content_of(tmp_path / "out") == FILES
    assert (tmp_path / "out/an4/empty").is_dir()
    assert names(tmp_path) == sorted([name, "out"])


def test_zip_is_unpacked_whole(tmp_path):
    with zipfile.ZipFile(tmp_path / "an4.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.mkdir("an4/empty")
        for name, content in FILES.items():
            z.writestr(name, content)
    assert unpack(tmp_path / "an4.zip", tmp_path / "out") == 2
    assert content_of(tmp_path / "out") == FILES


def test_links_to_files_of_the_archive_become_copies(tmp_path):
    archive = tar_of(
        tmp_path / "a.tar",
        member("an4/wav/same", tarfile.LNKTYPE, "an4/LICENSE"),
        member("an4/wav/soft", tarfile.SYMTYPE, "../LICENSE"),
        member("an4/wav/chain", tarfile.SYMTYPE, "soft"),
    )
    assert unpack(archive, tmp_path / "out") == 5
    for name in ("same", "soft", "chain"):
        path = tmp_path / "out/an4/wav" / name
        assert path.read_bytes() == b"any use\n" and not path.is_symlink()


@pytest.mark.parametrize(
    "bad, why",
    [
        ([member("/tmp/evil")], "'/tmp/evil' lies outside"),
        ([member("an4/../../evil")], "'an4/../../evil' lies outside"),
        ([member("/evil", tarfile.DIRTYPE)], "lies outside"),
        ([member("l", tarfile.SYMTYPE, "/etc/passwd")], "'l' links to /etc/passwd"),
        ([member("l", tarfile.SYMTYPE, "../secret")], "'l' links to ../secret"),
        ([member("an4/l", tarfile.SYMTYPE, "../../secret")], "links to ../secret"),
        ([member("l", tarfile.LNKTYPE, "../secret")], "links to ../secret"),
        ([member("l", tarfile.SYMTYPE, ".."), member("l/evil")], "'l' links to .."),
        ([member("l", tarfile.SYMTYPE, "an4")], "'l' links to an4"),
        ([member("l", tarfile.SYMTYPE, "LICENSE"), member("l")], "'l' stands there twice"),
        ([member("l", tarfile.SYMTYPE, "an4/LICENSE"), member("l/x")], "'l' is a file and a folder at once"),
        ([member("an4/LICENSE")], "stands there twice"),
        ([member("an4/LICENSE/x")], "is a file and a folder at once"),
        ([member("an4", tarfile.REGTYPE)], "is a file and a folder at once"),
        ([member("null", tarfile.CHRTYPE)], "'null' is a device"),
        ([member("pipe", tarfile.FIFOTYPE)], "'pipe' is a device or a pipe"),
    ],
)
def test_unsafe_tar_is_refused_and_leaves_nothing(tmp_path, bad, why):
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    archive = tar_of(folder / "a.tar.gz", *bad)
    with pytest.raises(InputError) as e:
        unpack(archive, folder / "out")
    assert str(archive) in str(e.value) and why in str(e.value)
    assert names(folder) == ["a.tar.gz"]
    assert names(tmp_path) == ["inner", "secret"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 256, "é" * 128])
def test_name_that_no_file_can_have_is_refused(tmp_path, name):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        info = member("x")
        info.pax_headers = {"path": name}
        tar.addfile(info)
    with pytest.raises(InputError, match="has a name that no file can have"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    assert names(tmp_path) == ["a.tar"]


def test_odd_names_are_only_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = ["a b", "$(touch ran)", "`touch ran`", 'it\'s "é"', "-rf", "~", "a\nb", "c:\\..\\d", "*"]
    files = {f"wav/{name}.wav": name.encode() for name in odd}
    unpack(tar_of(tmp_path / "a.tar", files=files), tmp_path / "out")
    assert content_of(tmp_path / "out") == files
    assert names(tmp_path) == ["a.tar", "out"]


@pytest.mark.parametrize("link", [False, True])
def test_unsafe_zip_is_refused_and_leaves_nothing(tmp_path, link):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as z:
        info = zipfile.ZipInfo("l" if link else "../evil")
        info.external_attr = (0o120777 if link else 0o100644) << 16
        z.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="links to /etc/passwd" if link else "lies outside"):
        unpack(archive, tmp_path / "out")
    assert names(tmp_path) == ["a.zip"]


def test_encrypted_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("x", b"")
    whole = bytearray((tmp_path / "a.zip").read_bytes())
    whole[6] |= 1  # the flags in the member's header, and in the directory at the end
    whole[whole.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(whole)
    with pytest.raises(InputError, match="member 'x' is encrypted"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar"])
def test_archive_cut_short_anywhere_is_refused_and_leaves_nothing(tmp_path, name):
    archive = tar_of(tmp_path / name, member("last"))
    whole = archive.read_bytes()
    in_last_header = whole.index(b"last") + 100 if name == "a.tar" else len(whole) - 4
    for length in (0, 100, 1000, len(whole) // 2, in_last_header):
        archive.write_bytes(whole[:length])
        with pytest.raises(InputError, match=f"{name}: cut short, damaged.*delete it and run again$"):
            unpack(archive, tmp_path / "out")
        assert names(tmp_path) == [name]


def test_flipped_bit_behind_the_last_member_or_in_audio_is_found(tmp_path):
    archive = tar_of(tmp_path / "a.tar.gz")
    whole = archive.read_bytes()
    for at in (len(whole) // 2, len(whole) - 6):  # in a file; in gzip's checksum of the whole
        archive.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(InputError, match="damaged"):
            unpack(archive, tmp_path / "out")


def test_what_is_no_archive_gives_one_line(tmp_path):
    (tmp_path / "a.tar.gz").write_text("<html>Please log in</html>" * 100)
    with pytest.raises(InputError, match="neither tar nor zip") as e:
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert "\n" not in str(e.value)
    with pytest.raises(InputError, match="no such file"):
        unpack(tmp_path / "b.tar.gz", tmp_path / "out")


def test_left_overs_of_a_killed_run_are_cleared_and_the_old_folder_replaced(tmp_path):
    (tmp_path / ".out.tmp/half").mkdir(parents=True)
    (tmp_path / "out/an4").mkdir(parents=True)
    (tmp_path / "out/an4/stale").touch()
    unpack(tar_of(tmp_path / "a.tar"), tmp_path / "out")
    assert content_of(tmp_path / "out") == FILES
    assert names(tmp_path) == ["a.tar", "out"]


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds 'thesis.tex'"), replacing_folder(tmp_path) as folder:
        (folder / "an4").mkdir()
    assert names(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("name", ["SV0001.tar.gz", "SV0001.zip"])
def test_archive_in_the_archive_is_unpacked_too(tmp_path, name):
    inner = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(inner, "w") as z:
            for file, content in FILES.items():
                z.writestr(file, content)
    else:
        tar_of(inner)
    archive = tar_of(tmp_path / "train.tar", files={"wav/a.wav": b"audio", f"wav/{name}": inner.read_bytes()})
    assert unpack(archive, tmp_path / "out") == 3
    nested = {f"wav/{name}.unpacked/{file}": content for file, content in FILES.items()}
    assert content_of(tmp_path / "out") == {"wav/a.wav": b"audio"} | nested


def test_damaged_archive_in_the_archive_is_named_and_leaves_nothing(tmp_path):
    inner = tar_of(tmp_path / "inner.tar.gz").read_bytes()[:5000]
    archive = tar_of(tmp_path / "train.tar", files={"wav/SV0001.tar.gz": inner})
    with pytest.raises(InputError) as e:
        unpack(archive, tmp_path / "out")
    message = f"{archive}: member 'wav/SV0001.tar.gz' is an archive that cannot be unpacked (cut short, damaged"
    assert str(e.value).startswith(message) and ".out.tmp" not in str(e.value)
    assert names(tmp_path) == ["inner.tar.gz", "train.tar"]


def test_archives_in_archives_come_to_an_end(tmp_path):
    files = {"x": b"x"}
    for depth in range(5):
        archive = tar_of(tmp_path / f"{depth}.tar", files=files)
        files = {archive.name: archive.read_bytes()}
    assert unpack(tmp_path / "3.tar", tmp_path / "out") == 1
    with pytest.raises(InputError, match="4.tar: member '3.tar' is an archive that cannot .* too deep in others"):
        unpack(tmp_path / "4.tar", tmp_path / "more")
    assert not (tmp_path / "more").exists()


# --- downloading


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
    with pytest.raises(InputError, match="fewer bytes than the 640001 .*run again to begin anew"):
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
    with pytest.raises(InputError, match=f"{secure.url} was sent on to {server.url}, which is not https"):
        download(secure.url, tmp_path / "an4.tar.gz")
    assert names(tmp_path) == []
    download(secure.url, tmp_path / "an4.tar.gz", hashlib.sha256(NOISE).hexdigest())
    assert (tmp_path / "an4.tar.gz").read_bytes() == NOISE


# --- the whole


def test_corpus_is_found_unpacked_and_recorded_without_its_place(tmp_path):
    (tmp_path / "corpora").mkdir()
    archive = tar_of(tmp_path / "corpora/an4.tar.gz")
    out_dir = tmp_path / "exp/an4"
    fetch_corpus("an4.tar.gz", out_dir, corpora=tmp_path / "corpora")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert json.loads((out_dir / "unpacked.json").read_text()) == {
        "archive": "an4.tar.gz",
        "sha256": digest,
        "files": 2,
    }
    assert {name: (out_dir / name).read_bytes() for name in FILES} == FILES


def test_unpacked_corpus_needs_no_archive_and_is_left_alone(tmp_path):
    (tmp_path / "corpora").mkdir()
    archive = tar_of(tmp_path / "corpora/an4.tar.gz")
    fetch_corpus("an4.tar.gz", tmp_path / "an4", corpora=tmp_path / "corpora")
    before = (tmp_path / "an4/unpacked.json").stat().st_mtime_ns
    archive.unlink()
    fetch_corpus("an4.tar.gz", tmp_path / "an4", corpora=tmp_path / "corpora")
    assert (tmp_path / "an4/unpacked.json").stat().st_mtime_ns == before


def test_corpus_without_record_is_unpacked_again(tmp_path):
    (tmp_path / "corpora").mkdir()
    tar_of(tmp_path / "corpora/an4.tar.gz")
    for _ in range(2):
        fetch_corpus("an4.tar.gz", tmp_path / "an4", corpora=tmp_path / "corpora")
        assert content_of(tmp_path / "an4").keys() == {*FILES, "unpacked.json"}
        (tmp_path / "an4/LICENSE").unlink(missing_ok=True)
        (tmp_path / "an4/unpacked.json").unlink()


def test_another_archive_replaces_the_corpus(tmp_path):
    tar_of(tmp_path / "v1.tar", files={"an4/old": b"old"})
    tar_of(tmp_path / "v2.tar", files={"an4/new": b"new"})
    for name in ("v1.tar", "v2.tar"):
        fetch_corpus(name, tmp_path / "exp/an4", corpora=tmp_path)
    assert content_of(tmp_path / "exp/an4").keys() == {"an4/new", "unpacked.json"}
    assert read_record(tmp_path / "exp/an4")["archive"] == "v2.tar"


def test_damaged_archive_leaves_neither_folder_nor_record(tmp_path):
    (tmp_path / "corpora").mkdir()
    archive = tar_of(tmp_path / "corpora/an4.tar.gz")
    archive.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(InputError, match="corpora/an4.tar.gz: cut short"):
        fetch_corpus("an4.tar.gz", tmp_path / "exp/an4", corpora=tmp_path / "corpora")
    assert names(tmp_path / "exp") == []
    assert read_record(tmp_path / "exp/an4") == {}


def test_archive_that_is_not_there_is_downloaded_once(tmp_path, server):
    (tmp_path / "corpora").mkdir()
    server.data = tar_of(tmp_path / "x.tar.gz").read_bytes()
    out_dir = tmp_path / "exp/corpora/an4"
    fetch_corpus("an4.tar.gz", out_dir, tmp_path / "corpora", server.url)
    assert (tmp_path / "exp/corpora/downloads/an4.tar.gz").read_bytes() == server.data
    (out_dir / "unpacked.json").unlink()
    fetch_corpus("an4.tar.gz", out_dir, tmp_path / "corpora", server.url)
    assert len(server.asked) == 1
    assert read_record(out_dir)["files"] == 2


def test_withdrawn_archive_is_taken_with_a_warning_where_it_is_alone(tmp_path, caplog):
    (tmp_path / "himia").mkdir()
    tar_of(tmp_path / "himia/test.tar.gz", files={"test/wav.scp": b"old"})
    settings = {"corpora": tmp_path, "withdrawn": "himia/test.tar.gz"}
    fetch_corpus("himia/test_v2.tar.gz", tmp_path / "exp", **settings)
    assert read_record(tmp_path / "exp")["archive"] == "test.tar.gz"
    assert "himia/test.tar.gz was withdrawn by its publisher" in caplog.text
    caplog.clear()
    tar_of(tmp_path / "himia/test_v2.tar.gz", files={"test/wav.scp": b"new"})
    fetch_corpus("himia/test_v2.tar.gz", tmp_path / "exp", **settings)
    assert content_of(tmp_path / "exp")["test/wav.scp"] == b"new" and not caplog.text


def test_withdrawn_archive_is_not_downloaded(tmp_path, server):
    server.data = tar_of(tmp_path / "x.tar.gz").read_bytes()
    fetch_corpus("test_v2.tar.gz", tmp_path / "himia/test", None, server.url, withdrawn="test.tar.gz")
    assert read_record(tmp_path / "himia/test")["archive"] == "test_v2.tar.gz"


def test_without_archive_and_network_one_line_says_what_to_do(tmp_path):
    (tmp_path / "corpora").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as closed:
        url = f"http://127.0.0.1:{closed.server_port}/an4.tar.gz"
    with pytest.raises(InputError) as e:
        fetch_corpus("an4.tar.gz", tmp_path / "an4", tmp_path / "corpora", url)
    message = str(e.value)
    assert message.startswith(f"an4.tar.gz was not found under {tmp_path}/corpora, and {url} cannot be reached (")
    assert "Connection refused)" in message and " at 0x" not in message and "\n" not in message
    assert names(tmp_path) == ["corpora"]
    assert message.endswith("name that with `corpora` or SPKR_CORPORA")


def test_without_archive_and_address_the_message_says_so(tmp_path):
    with pytest.raises(InputError, match="`corpora` is not set, and no address to download it from is known"):
        fetch_corpus("an4.tar.gz", tmp_path / "an4")
