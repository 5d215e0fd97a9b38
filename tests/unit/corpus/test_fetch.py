import hashlib
import json
import zipfile
from http.server import ThreadingHTTPServer

import pytest

from spkr.corpus.fetch import fetch_corpus, find_archive, read_record
from spkr.errors import InputError
from tests.unit.corpus.archives import FILES, Server, content_of, names, tar_of


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
    assert message.endswith("name that folder with `--config corpora=FOLDER` or SPKR_CORPORA")


def test_without_archive_and_address_the_message_says_so(tmp_path):
    with pytest.raises(InputError, match="`corpora` is not set, and there is no address to download it from"):
        fetch_corpus("an4.tar.gz", tmp_path / "an4")


def in_parts(folder, archive, count=3):
    """Cut an archive into `count` parts x.aa, x.ab, ... and remove it; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    whole, names_of = archive.read_bytes(), [f"{archive.name}.a{c}" for c in "abcdefgh"[:count]]
    size = len(whole) // count + 1
    for k, part in enumerate(names_of):
        (folder / part).write_bytes(whole[k * size : (k + 1) * size])
    archive.unlink()
    return names_of


@pytest.mark.parametrize("kind", ["an4.tar.gz", "an4.tar", "an4.zip"])
def test_an_archive_in_parts_is_unpacked_without_joining_them(tmp_path, kind):
    archive = tmp_path / kind
    if kind.endswith("zip"):
        with zipfile.ZipFile(archive, "w") as z:
            for name, content in FILES.items():
                z.writestr(name, content)
    else:
        tar_of(archive)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    parts = in_parts(tmp_path / "corpora", archive)
    fetch_corpus(kind, tmp_path / "exp/an4", tmp_path / "corpora", md5=md5, parts=parts)
    record = {"archive": kind, "sha256": sha256, "files": 2}
    assert read_record(tmp_path / "exp/an4") == record
    assert {name: (tmp_path / "exp/an4" / name).read_bytes() for name in FILES} == FILES
    assert names(tmp_path / "corpora") == sorted(parts)


def test_parts_that_are_damaged_or_missing_are_named_and_nothing_is_unpacked(tmp_path):
    archive = tar_of(tmp_path / "an4.tar.gz")
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    parts = in_parts(tmp_path / "corpora", archive)
    last = tmp_path / "corpora" / parts[-1]
    last.write_bytes(last.read_bytes()[:-1])
    wanted = {"corpora": tmp_path / "corpora", "md5": md5, "parts": parts}
    with pytest.raises(InputError, match=r"an4.tar.gz.aa to an4.tar.gz.ac: the md5 is .*; expected .*get an4.tar.gz"):
        fetch_corpus("an4.tar.gz", tmp_path / "exp/an4", **wanted)
    last.unlink()
    with pytest.raises(InputError, match=r"an4.tar.gz.ac: not found under .*other parts of an4.tar.gz; expected 3"):
        fetch_corpus("an4.tar.gz", tmp_path / "exp/an4", **wanted)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(
        InputError, match=r"; or its parts an4.tar.gz.aa to an4.tar.gz.ac, or its content in a folder x"
    ):
        fetch_corpus("an4.tar.gz", tmp_path / "exp/an4", **wanted | {"corpora": tmp_path / "nothing"}, tree="x")
    assert not (tmp_path / "exp").exists()


def test_an_unpacked_corpus_is_linked_to_and_left_as_it_is(tmp_path):
    wav = tmp_path / "corpora/big/voxceleb1/dev/wav/a.wav"
    wav.parent.mkdir(parents=True)
    wav.write_bytes(b"audio")
    for _ in range(2):  # the second time, the link is replaced
        fetch_corpus("vox1_dev.zip", tmp_path / "exp/dev", tmp_path / "corpora", tree="voxceleb1/dev")
        assert (tmp_path / "exp/dev/dev/wav/a.wav").read_bytes() == b"audio"
        assert read_record(tmp_path / "exp/dev") == {"archive": "vox1_dev.zip", "tree": "voxceleb1/dev"}
        (tmp_path / "exp/dev/unpacked.json").unlink()
    assert wav.read_bytes() == b"audio"


def test_a_text_file_is_copied(tmp_path, server):
    server.data = b"1 a/b/1.wav a/c/1.wav\n"
    md5 = hashlib.md5(server.data).hexdigest()
    fetch_corpus("veri_test.txt", tmp_path / "exp/O", None, server.url, md5=md5)
    assert content_of(tmp_path / "exp/O")["veri_test.txt"] == server.data
    with pytest.raises(InputError, match="veri_test.txt: the md5 is "):
        fetch_corpus("veri_test.txt", tmp_path / "exp/E", tmp_path / "exp/downloads", md5="0" * 32)
