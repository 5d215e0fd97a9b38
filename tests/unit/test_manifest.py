import json
import os
from pathlib import Path

import numpy as np
import pytest

from spkr.code import code_version
from spkr.errors import InputError
from spkr.files import sha256
from spkr.kaldi.maps import write_map
from spkr.kaldi.table import TableWriter
from spkr.manifest import PACKAGE, accept, artefacts, check_files, faults, read_manifest, unlisted


def make(folder, **options):
    """What a job of two tables and a list makes, with a manifest."""
    with artefacts("feats", options, folder / "manifest.json"):
        for name, dims in (("feats", (5, 5)), ("vad", (3, 4))):
            with TableWriter(folder / f"{name}.ark") as table:
                for key, dim in zip("ab", dims, strict=True):
                    table[key] = np.ones(dim)
        write_map(folder / "utt2num_frames", {"a": 3, "b": 4})
        write_map(folder / "elsewhere/list", {"a": 1})
    return folder


@pytest.fixture
def made(tmp_path):
    return make(tmp_path / "exp", seed=1)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_it_says_what_a_job_wrote_beside_it(made):
    (made / "mine").write_text("not the job's")
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["made_by"] == {"stage": "feats", "options": {"seed": 1}, "code": code_version(PACKAGE)}
    files = manifest["files"]
    assert set(files) == {"feats.ark", "feats.scp", "vad.ark", "vad.scp", "utt2num_frames"}
    size = (made / "feats.ark").stat().st_size
    assert files["feats.ark"] == {"bytes": size, "sha256": sha256(made / "feats.ark"), "keys": 2, "dim": 5}
    assert "dim" not in files["vad.ark"]
    assert files["utt2num_frames"]["lines"] == 2


def test_the_same_job_writes_the_same_bytes(made, tmp_path):
    again = make(tmp_path / "again/exp", seed=1)
    files = [json.loads((folder / "manifest.json").read_text())["files"] for folder in (made, again)]
    for name in ("feats.ark", "utt2num_frames"):
        assert files[0][name] == files[1][name]
    first = (made / "manifest.json").read_bytes()
    make(made, seed=1)
    assert (made / "manifest.json").read_bytes() == first


@pytest.mark.parametrize("by", ["file", "folder", "scp"])
def test_whole_files_pass(made, by):
    check_files({"file": made / "feats.ark", "folder": made, "scp": made / "feats.scp"}[by])


@pytest.mark.parametrize("by", ["file", "folder", "scp"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: os.truncate(path, path.stat().st_size - 1), r"bytes; the stage feats wrote \d+"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), r"bytes; the stage feats wrote \d+"),
        (flip, "other bytes than the stage feats wrote"),
        (lambda path: path.unlink(), "missing; the stage feats wrote it"),
    ],
)
def test_damage_is_named_with_what_to_do(made, by, damage, message):
    damage(made / "feats.ark")
    with pytest.raises(InputError, match=message) as caught:
        check_files({"file": made / "feats.ark", "folder": made, "scp": made / "feats.scp"}[by])
    assert str(caught.value).startswith(f"{made}/feats.ark: ")
    assert f"`spkr check --remove {made}`" in str(caught.value)


def test_the_run_is_named_where_the_path_is_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flip(make(Path("exp/an4/feats")) / "vad.ark")
    with pytest.raises(InputError, match="`spkr check --remove exp/an4` "):
        check_files("exp/an4/feats/vad.scp")


def test_what_no_manifest_lists_is_the_users_own(made, tmp_path):
    (made / "mine").write_text("anything")
    flip(made / "elsewhere/list")
    check_files(made, made / "mine", made / "elsewhere/list", made / "elsewhere", tmp_path / "nowhere.scp")


def test_the_arks_of_a_table_can_be_left_to_others(made):
    flip(made / "feats.ark")
    check_files(made / "feats.scp", arks=False)


def test_a_job_that_fails_leaves_nothing_that_no_manifest_lists(made, tmp_path):
    """Neither beside an earlier result, which is seen to be damaged then, nor in a folder without one."""
    for folder in (made, tmp_path / "new"):
        with pytest.raises(ValueError, match="failed"), artefacts("feats", {}, folder / "manifest.json"):
            for name in ("utt2num_frames", "new", "checkpoints/1"):
                write_map(folder / name, {"a": 5})
            raise ValueError("failed")
        assert not (folder / "new").exists()
        assert (folder / "checkpoints/1").exists()
    with pytest.raises(InputError, match="utt2num_frames: missing; the stage feats wrote it"):
        check_files(made / "utt2num_frames")
    check_files(made / "feats.scp")
    assert unlisted(path for path in made.iterdir() if path.is_file()) == []


def test_a_job_that_fails_before_it_writes_leaves_an_earlier_result_whole(made):
    with pytest.raises(ValueError, match="failed"), artefacts("feats", {}, made / "manifest.json"):
        raise ValueError("failed")
    check_files(made)
    assert len(read_manifest(made / "manifest.json")) == 5


def test_until_a_job_ends_its_files_differ_from_an_earlier_manifest(made):
    """A killed job leaves them so."""
    with artefacts("feats", {}, made / "manifest.json"):
        write_map(made / "utt2num_frames", {"a": 5})
        with pytest.raises(InputError, match="utt2num_frames: .* bytes; the stage feats wrote"):
            check_files(made)
    check_files(made)


def test_each_of_two_jobs_knows_its_own_files(tmp_path):
    for part in ("a", "b"):
        write_map(tmp_path / "mine", {"a": 5})
        with artefacts("feats", {}, tmp_path / f"manifest.{part}.json"):
            write_map(tmp_path / part, {"a": 5})
    names = [[entry.path.name for entry in read_manifest(path)] for path in sorted(tmp_path.glob("manifest*"))]
    assert names == [["a"], ["b"]]


def test_what_a_stage_does_not_make_again_goes_unless_it_was_changed(made):
    (made / "mine").write_text("not the job's")
    flip(made / "vad.ark")
    with artefacts("feats", {}, made / "manifest.json"):
        write_map(made / "utt2num_frames", {"a": 5})
    assert {path.name for path in made.iterdir()} == {"utt2num_frames", "manifest.json", "mine", "vad.ark", "elsewhere"}
    check_files(made)


def test_a_folder_of_another_stage_is_left_as_it_is(made):
    expected = "manifest.json: lists what the stage feats wrote to this folder; name another one for what embed writes"
    with pytest.raises(InputError, match=expected), artefacts("embed", {}, made / "manifest.json"):
        pytest.fail("it started")
    check_files(made)


@pytest.mark.parametrize("reads", ["folder", "file of the manifest"])
def test_the_folder_of_an_output_is_no_input(made, reads):
    read = made if reads == "folder" else made / "feats.scp"
    with (
        pytest.raises(InputError, match="is an input, too"),
        artefacts("feats", {}, made / "manifest.json", reads=[read]),
    ):
        pytest.fail("it started")


def test_a_folder_that_is_a_link_to_nothing_is_refused_before_the_work(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    expected = "link: is a symbolic link that leads nowhere"
    with pytest.raises(InputError, match=expected), artefacts("feats", {}, tmp_path / "link/manifest.json"):
        pytest.fail("it started")


def test_files_of_the_users_own_are_found(made):
    mine = made / "mine"
    mine.write_text("anything")
    paths = [mine, made / "nowhere", made / "feats.ark", made / "manifest.json", made / "elsewhere/list"]
    assert unlisted(paths) == [mine, made / "elsewhere/list"]


def test_a_job_does_not_start_on_damaged_files(made):
    flip(made / "feats.ark")
    with pytest.raises(InputError, match="other bytes"), artefacts("embed", {}, made / "x/manifest.json", reads=[made]):
        pytest.fail("it started")


def test_one_process_of_a_training_writes_it(made, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    flip(made / "feats.ark")
    before = (made / "manifest.json").read_bytes()
    with artefacts("train", {}, made / "manifest.json", reads=[made]):
        pass
    assert (made / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"made_by": {"stage": "x"}, "files": {"a": {"bytes": 1}}}'])
def test_a_damaged_manifest_is_named(made, content):
    (made / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"exp/manifest.json: not a manifest .*; `spkr check --remove"):
        check_files(made / "feats.scp")


@pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "a/b"])
def test_a_manifest_speaks_of_files_beside_it_only(made, name):
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"]["vad.ark"]
    (made / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="is no name of a file beside it"):
        check_files(made)


def test_a_change_on_purpose_is_accepted(made):
    (made / "utt2num_frames").write_text("a 3\n")
    accept(made / "utt2num_frames")
    check_files(made)
    assert json.loads((made / "manifest.json").read_text())["files"]["utt2num_frames"]["accepted"]
    flip(made / "utt2num_frames")
    with pytest.raises(InputError):
        check_files(made)
    with pytest.raises(InputError, match="mine: no manifest beside it lists it"):
        accept(made / "mine")


def test_files_that_a_job_is_making_anew_are_not_called_damaged(made):
    entries = read_manifest(made / "manifest.json")
    flip(made / "feats.ark")
    assert [entry.path.name for entry, _ in faults(entries)] == ["feats.ark"]
    (made / "manifest.json").unlink()
    assert not list(faults(entries))
