"""The store of voices: what it keeps, what it refuses, many writers at once, and processes that are killed."""

import sqlite3
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from spkr.errors import InputError
from spkr.voices import database
from spkr.voices.store import VoiceStore
from tests.unit.voices.enrolled import DIM, MODEL, recording, store


@pytest.fixture
def two(tmp_path):
    """A store of ann, with two recordings, and bob, with one."""
    voices = store(tmp_path / "s.voices")
    voices.add("ann", [recording("a1.wav"), recording("a2.wav")])
    voices.add("bob", [recording("b1.wav")])
    return voices


def refused(call, *args, **options) -> str:
    with pytest.raises(InputError) as error:
        call(*args, **options)
    return str(error.value)


# --- what it keeps


def test_what_is_added_is_read_back(two):
    ann, bob = two.voices()
    assert (ann.name, bob.name, two.model()) == ("ann", "bob", MODEL)
    for found, source in zip(ann.recordings, ("a1.wav", "a2.wav"), strict=True):
        given = recording(source)
        assert np.array_equal(found.embedding, given.embedding) and found.embedding.dtype == np.float32
        assert (found.source, found.audio_sha256, found.seconds, found.speech) == (source, given.audio_sha256, 3.5, 2.5)
        assert found.added == ann.added and found.added.endswith("+00:00")
    assert np.allclose(ann.embedding, (recording("a1.wav").embedding + recording("a2.wav").embedding) / 2)
    assert (ann.speech, bob.speech) == (5.0, 2.5)
    assert [voice.name for voice in two.voices("bob", "ann")] == ["bob", "ann"]


def test_recordings_are_added_to_a_voice_only_where_that_is_asked_for(two):
    message = refused(two.add, "ann", [recording("a3.wav")])
    assert (
        message
        == f"{two.path}: 'ann' is enrolled already, with 2 recordings; add to them (--add), or remove the voice first"
    )
    assert "'carl' is not enrolled" in refused(two.add, "carl", [recording("c.wav")], extend=True)
    assert [r.source for r in two.add("ann", [recording("a3.wav")], extend=True).recordings] == [
        "a1.wav",
        "a2.wav",
        "a3.wav",
    ]
    assert len(two.voices("ann")[0].recordings) == 3


def test_audio_counts_once(two):
    assert "a2.wav: the same audio as a2.wav, which 'ann' has already" in refused(
        two.add, "ann", [recording("a2.wav")], extend=True
    )
    twice = [recording("c.wav"), recording("c.wav")]
    assert "c.wav: the same audio as c.wav, which was given already" in refused(two.add, "carl", twice)
    two.add("carl", [recording("a1.wav")])  # of another name: a gate of enrolment looks at that


def test_a_store_belongs_to_its_owner(two):
    assert stat.S_IMODE(two.path.stat().st_mode) == 0o600


def test_a_refusal_leaves_everything_as_it_was(two, tmp_path):
    def no(voices):
        seen.append(sorted(voices))
        raise InputError("no")

    before, seen = two.path.read_bytes(), []
    assert refused(two.add, "carl", [recording("c.wav")], accept=no) == "no"
    assert (seen, two.path.read_bytes()) == ([["ann", "bob"]], before)
    new = store(tmp_path / "new")
    assert refused(new.add, "carl", [recording("c.wav")], accept=no) == "no"
    assert "not enrolled" in refused(new.add, "carl", [recording("c.wav")], extend=True)
    assert not new.path.exists()
    assert "remove" in refused(two.remove, "ann", "anna") or [v.name for v in two.voices()] == ["ann", "bob"]
    assert [v.name for v in two.voices()] == ["ann", "bob"]


# --- names


@pytest.mark.parametrize(
    "name", ["it's", "-rf", "a; DROP TABLE voices", "日本 太郎", "%_", '"', "O’Brien-Ñ", "a/b", "🙂"]
)
def test_odd_names_are_names(tmp_path, name):
    voices = store(tmp_path / "it's a #? %20 store")
    voices.add(name, [recording("a.wav")])
    voices.add("other", [recording("b.wav")])
    assert [v.name for v in voices.voices(name)] == [name]
    assert [v.name for v in voices.remove(name)] == [name]
    assert [v.name for v in voices.voices()] == ["other"]


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a\nb", "a\tb", "\x1b[31m", "a\u2028b", "\udcff", "a" * 201, "Unknown"]
)
def test_what_is_no_name_is_refused(tmp_path, name):
    assert refused(store(tmp_path / "s").add, name, [recording("a.wav")]).startswith(repr(name))
    assert not (tmp_path / "s").exists()


def test_two_spellings_of_a_letter_are_one_name(two):
    two.add("Jose\u0301", [recording("j.wav")])
    assert two.voices("Jos\u00e9")[0].name == "Jos\u00e9"
    assert "enrolled already" in refused(two.add, "Jos\u00e9", [recording("k.wav")])


def test_a_name_that_is_not_enrolled_is_told_from_one_nearby(two):
    assert refused(two.voices, "anne") == f"{two.path}: 'anne' is not enrolled; did you mean 'ann'?"
    assert f"`spkr voices {two.path} list` says who is" in refused(two.remove, "zoe")


# --- removing


def bytes_of(voice):
    """What must not be found in the file any more."""
    yield voice.name.encode()
    for r in voice.recordings:
        yield from (r.source.encode(), r.audio_sha256.encode(), r.embedding.tobytes()[:8], r.embedding.tobytes()[-8:])


def test_what_is_removed_is_not_in_the_file(tmp_path):
    voices = store(tmp_path / "s", dim=192)
    rng = np.random.default_rng(1)
    for i in range(40):  # several levels and pages, of which some are merged when half of the rows are gone
        name = f"voice-{i:03d}-" + "x" * int(rng.integers(1, 100))
        files = [recording(f"file-{i:03d}-{j}.wav" + "y" * int(rng.integers(1, 200)), dim=192) for j in range(3)]
        voices.add(name, files)
    before = voices.path.read_bytes()
    everyone = voices.voices()
    assert all(piece in before for voice in everyone for piece in bytes_of(voice))
    names = [voice.name for voice in everyone if rng.random() < 0.7]
    for name in names[:10]:
        voices.remove(name)
    gone = voices.remove(*names[10:])
    assert [voice.name for voice in gone] == names[10:]
    after = voices.path.read_bytes()
    left = {voice.name for voice in voices.voices()}
    for voice in everyone:
        assert all((piece in after) == (voice.name in left) for piece in bytes_of(voice)), voice.name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


# --- stores that cannot be used


def test_a_store_of_another_model_is_refused(two):
    other = VoiceStore(two.path, "b" * 64, DIM)
    before = two.path.read_bytes()
    for call, *args in [(other.voices,), (other.add, "carl", [recording("c.wav")]), (other.remove, "ann")]:
        message = refused(call, *args)
        assert MODEL in message and "b" * 64 in message and "into another store" in message
    assert two.path.read_bytes() == before
    assert [v.name for v in VoiceStore(two.path).voices()] == ["ann", "bob"]  # to look at it, no model is needed


def execute(path, *statements):
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def folder(path):
    path.mkdir()


CASES = {
    "missing": (lambda path: None, "no such store of voices; `spkr enrol` makes one"),
    "folder": (folder, "a folder; expected a store of voices, which is a file"),
    "device": (lambda path: path.symlink_to("/dev/null"), "a device, pipe or socket"),
    "text": (lambda path: path.write_text("ann a1.wav\n" * 400), "not a store of voices, or damaged"),
    "short text": (lambda path: path.write_text("ann a1.wav\n"), "not a store of voices, or damaged"),
    "other program": (lambda path: execute(path, "CREATE TABLE meta (a)"), "an SQLite file of another program"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_store_is_refused(tmp_path, case):
    make, message = CASES[case]
    voices = store(tmp_path / "s")
    make(voices.path)
    assert message in refused(voices.voices)
    assert message in refused(voices.remove, "ann")
    if case != "missing":
        assert message in refused(voices.add, "ann", [recording("a.wav")])


def test_a_store_of_a_newer_format_is_refused(two):
    execute(two.path, "UPDATE meta SET value = '2' WHERE key = 'format'")
    for call, *args in [(two.voices,), (two.add, "carl", [recording("c.wav")]), (two.remove, "ann")]:
        assert "a store of format 2; this version of spkr reads 1: update spkr" in refused(call, *args)


def test_an_empty_file_is_a_store_without_voices(tmp_path):
    voices = store(tmp_path / "s")
    voices.path.touch()
    assert (voices.voices(), voices.model()) == ([], None)
    assert "not enrolled" in refused(voices.remove, "ann")
    voices.add("ann", [recording("a.wav")])
    assert len(voices.voices()) == 1


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_store_that_was_cut_is_said_to_be_damaged(tmp_path, share):
    voices = store(tmp_path / "s", dim=512)
    for i in range(20):
        voices.add(f"v{i}", [recording(f"{i}.wav", dim=512)])
    content = voices.path.read_bytes()
    voices.path.write_bytes(content[: int(share * len(content))])
    assert "damaged; put a copy of the store back, or enrol anew" in refused(voices.voices)


def test_a_damaged_embedding_is_named(two):
    execute(two.path, "UPDATE recordings SET embedding = x'00' WHERE source = 'a2.wav'")
    assert "the embedding of a2.wav is damaged; put a copy" in refused(two.voices)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE recordings SET voice = 77",
        "UPDATE voices SET name = CAST(x'ff' AS TEXT) WHERE name = 'ann'",
        "UPDATE recordings SET embedding = CAST(zeroblob(64) AS TEXT)",
    ],
)
def test_damage_within_the_tables_is_told(two, change):
    execute(two.path, change)
    assert "damaged; put a copy of the store back, or enrol anew" in refused(two.voices)


@pytest.mark.parametrize("embedding", [np.zeros(DIM + 1), np.full(DIM, np.nan), np.zeros((1, DIM))])
def test_a_wrong_embedding_is_not_stored(two, embedding):
    from dataclasses import replace

    wrong = replace(recording("c.wav"), embedding=embedding)
    assert f"expected {DIM} finite numbers" in refused(two.add, "carl", [wrong])


def test_a_store_that_is_read_only_can_be_read(two, unprivileged):
    two.path.chmod(0o400)
    two.path.parent.chmod(0o500)
    code = f"""if True:
        from tests.unit.voices.enrolled import recording, store
        voices = store({str(two.path)!r})
        print(len(voices.voices()))
        for call, *args in [(voices.remove, "ann"), (voices.add, "carl", [recording("c.wav")])]:
            try:
                call(*args)
            except ValueError as e:
                print(e)
    """
    done = unprivileged(code)
    two.path.parent.chmod(0o700)
    assert done.stderr == ""
    number, *messages = done.stdout.splitlines()
    expected = f"{two.path}: cannot be written; this user must be allowed to write to the file and to its folder"
    assert number == "2" and len(messages) == 2 and all(m.startswith(expected) for m in messages)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    voices = store(tmp_path / "no/s")
    assert "name a file in a folder that exists" in refused(voices.add, "ann", [recording("a.wav")])


def test_a_locked_store_is_said_to_be_locked(two, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with sqlite3.connect(two.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked by another process for more than 0.1 s" in refused(two.remove, "ann")
        assert len(two.voices()) == 2  # readers need not wait
    other.close()


# --- many at once


WRITER = """
import sys
from tests.unit.voices.enrolled import recording, store
who, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
for i in range(n):
    store(path).add(f"{who}-{i}", [recording(f"{who}-{i}-{j}.wav") for j in range(2)])
    store(path).add("shared", [recording(f"{who}-{i}.wav")], extend=True)
    store(path).voices()
"""


def start(code, *args):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True)


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    path, n = tmp_path / "s", 5
    store(path).add("shared", [recording("first.wav")])
    writers = [start(WRITER, who, path, n) for who in "abc"]
    assert [writer.wait(60) for writer in writers] == [0] * 3
    for writer in writers:
        writer.stdout.close()
    voices = {voice.name: voice for voice in store(path).voices()}
    assert len(voices) == 3 * n + 1
    assert len(voices.pop("shared").recordings) == 3 * n + 1
    assert all(len(voice.recordings) == 2 for voice in voices.values())


def test_of_several_that_enrol_one_name_in_a_new_store_one_succeeds(tmp_path):
    done, gate = [], threading.Barrier(8)

    def enrol(i):
        gate.wait()
        try:
            store(tmp_path / "s").add("ann", [recording(f"{i}.wav")])
            done.append("added")
        except InputError as e:
            done.append("refused" if "enrolled already" in str(e) else str(e))

    threads = [threading.Thread(target=enrol, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["added", *["refused"] * 7]


# --- killed


KILLED = """
import os, signal, sys
from spkr.voices import database
from tests.unit.voices.enrolled import MODEL, recording, store
with database.writing(store(sys.argv[1]).path) as db:
    db.execute("DELETE FROM voices WHERE name = 'bob'")
    db.execute("INSERT INTO voices VALUES (99, 'carl', '')")
    for i in range(300):  # more than SQLite keeps in memory: it has written to the file already
        db.execute("INSERT INTO recordings VALUES (?, 99, 'c', ?, 1, 1, zeroblob(16000), '')", (1000 + i, str(i)))
    print("in the middle", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_that_is_killed_leaves_the_store_as_it_was(two):
    before = two.path.read_bytes()
    child = start(KILLED, two.path)
    assert child.communicate(timeout=30)[0] == "in the middle\n" and child.returncode == -9
    assert two.path.read_bytes() != before and two.path.with_name("s.voices-journal").exists()
    assert [voice.name for voice in two.voices()] == ["ann", "bob"]
    assert two.path.read_bytes() == before
    with sqlite3.connect(two.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    two.add("carl", [recording("c.wav")])


def test_writers_killed_at_any_time_leave_a_whole_store(tmp_path):
    path, rng = tmp_path / "s", np.random.default_rng(1)
    store(path).add("shared", [recording("first.wav")])
    for turn in range(3):
        child = start(WRITER.replace("store(path).voices()", "print(i, flush=True)"), f"w{turn}", path, 1000)
        seen = [child.stdout.readline() for _ in range(int(rng.integers(1, 8)))]
        child.kill()
        child.communicate()
        names = {voice.name: len(voice.recordings) for voice in store(path).voices()}
        assert all(names[f"w{turn}-{i}"] == 2 for i in range(len(seen)))
        assert set(names.values()) - {names["shared"]} <= {2}
