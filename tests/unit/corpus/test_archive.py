import tarfile
import zipfile

import pytest

from spkr.corpus.archive import replacing_folder, unpack
from spkr.errors import InputError
from tests.unit.corpus.archives import FILES, content_of, names, tar_of


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


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
        ([member("l", tarfile.SYMTYPE, "LICENSE"), member("l")], "'l' occurs twice"),
        ([member("l", tarfile.SYMTYPE, "an4/LICENSE"), member("l/x")], "'l' is both a file and a folder"),
        ([member("an4/LICENSE")], "occurs twice"),
        ([member("an4/LICENSE/x")], "is both a file and a folder"),
        ([member("an4", tarfile.REGTYPE)], "is both a file and a folder"),
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
    with pytest.raises(InputError, match="4.tar: member '3.tar' is an archive that cannot .* nested too deep"):
        unpack(tmp_path / "4.tar", tmp_path / "more")
    assert not (tmp_path / "more").exists()
