"""`spkr embed-files`: many recordings into one file."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spkr.errors import InputError
from spkr.kaldi.table import read_vectors
from spkr.packed import bulk
from spkr.packed.bulk_sources import find_recordings
from spkr.packed.packed_model import PackedModel
from tests.unit.packed.conftest import RATE, voice
from tests.unit.packed.test_verify_command import run


@pytest.fixture
def folder(tmp_path) -> Path:
    """Seven recordings in two folders, of which one is silent and one is cut short."""
    for k in range(7):
        path = tmp_path / f"in/speaker {k % 2}/{k}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, voice(k, 1, seconds=1 + 0.1 * k) * (k != 3), RATE, subtype="PCM_16")
    cut = tmp_path / "in/speaker 0/4.wav"
    cut.write_bytes(cut.read_bytes()[:9000])
    (tmp_path / "in/notes.txt").write_text("no audio\n")
    return tmp_path / "in"


NAMES = ["speaker_0-0", "speaker_0-2", "speaker_0-6", "speaker_1-1", "speaker_1-5"]


def lines_of(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["ark", "npy", "parquet"])
def test_broken_files_are_named_and_the_rest_is_done(packed_model, folder, tmp_path, capsys, caplog, kind):
    out = tmp_path / f"all.{kind}"
    caplog.set_level("INFO")
    status, printed = run(capsys, "embed-files", packed_model, folder, "-o", out, "--json")
    assert status == 3
    summary = json.loads(printed)
    assert summary["embedded"] == summary["warned"] == 5 and summary["sha256"] == PackedModel.read(packed_model).sha256
    assert [one["name"] for one in summary["failed"]] == ["speaker_0-4", "speaker_1-3"]
    head, cut, silent = lines_of(tmp_path / "all.failed.tsv")
    assert head == ["name", "path", "reason"] and "no speech found" in silent[2]
    assert cut[:2] == ["speaker_0-4", str(folder / "speaker 0/4.wav")] and cut[2] in caplog.text
    assert "5 of 7 recordings embedded" in caplog.text
    names, vectors = read_out(out)
    assert names == NAMES
    model = PackedModel.read(packed_model)
    for name, vector in zip(names, vectors, strict=True):
        heard = model.hear(folder / f"{name.replace('_', ' ').replace('-', '/')}.wav")
        assert vector == pytest.approx(heard.embedding, abs=1e-4)


def read_out(out: Path) -> tuple[list[str], np.ndarray]:
    """The names and embeddings in a file of embeddings."""
    if out.suffix == ".parquet":
        table = pytest.importorskip("pyarrow.parquet").read_table(out)
        assert table.column_names == ["name", "path", "seconds", "speech", "warnings", "embedding"]
        assert all(w[0].startswith("little speech") for w in table["warnings"].to_pylist())
        return table["name"].to_pylist(), np.array(table["embedding"].to_pylist(), np.float32)
    head, *lines = lines_of(out.with_suffix(".tsv"))
    assert head == ["name", "path", "seconds", "speech", "warnings"] and lines[0][2] == "1.000"
    if out.suffix == ".npy":
        return [line[0] for line in lines], np.load(out)
    names, vectors = read_vectors(out.with_suffix(".scp"))
    assert names == [line[0] for line in lines]
    return names, vectors


def test_windows_have_their_order(packed_model, folder, tmp_path, monkeypatch, capsys):
    """Small windows, parts of which are embedded early, change no more than another batch does."""
    one, two = tmp_path / "1.npy", tmp_path / "2.npy"
    assert run(capsys, "embed-files", packed_model, folder, "-o", one)[0] == 3
    monkeypatch.setattr(bulk, "WINDOW", 3)
    monkeypatch.setattr(bulk, "FRAMES", 150)
    assert run(capsys, "embed-files", packed_model, folder, "-o", two)[0] == 3
    assert np.load(two) == pytest.approx(np.load(one), abs=1e-4)
    assert (tmp_path / "1.tsv").read_text() == (tmp_path / "2.tsv").read_text()


@pytest.mark.slow
def test_embeddings_do_not_depend_on_the_number_of_processes(packed_model, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bulk, "WINDOW", 2)
    one, two = tmp_path / "1.npy", tmp_path / "2.npy"
    assert run(capsys, "embed-files", packed_model, folder, "-o", one, "--threads", "1")[0] == 3
    assert run(capsys, "embed-files", packed_model, folder, "-o", two, "--nj", "2")[0] == 3
    assert one.read_bytes() == two.read_bytes()


def test_nothing_that_could_be_done_is_an_error(packed_model, folder, tmp_path, capsys, caplog):
    out = tmp_path / "all.npy"
    argv = ("embed-files", packed_model, folder / "speaker 0/4.wav", tmp_path / "missing.wav", "-o", out)
    assert run(capsys, *argv)[0] == 2
    assert "none of 2 recordings could be embedded" in caplog.text and "no such audio file" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.failed.tsv", "in"]
    assert run(capsys, "embed-files", packed_model, folder / "speaker 0/0.wav", "-o", out)[0] == 0
    assert not (tmp_path / "all.failed.tsv").exists()


def test_a_full_disk_is_one_line(packed_model, folder, tmp_path):
    """Beyond a limit on the size of files, writing fails as on a full disk. Without -B, Python would cut its .pyc."""
    code = f"""if True:
        import resource, signal
        from spkr.cli import main
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        argv = ["embed-files", {str(packed_model)!r}, {str(folder / "speaker 0/0.wav")!r}, "-o", "all.npy"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        main(argv)
    """
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and "spkr embed-files: error: all.npy: cannot be written (File too large)" in line
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_bfloat16_is_another_identity(packed_model):
    plain, short = (PackedModel.read(packed_model, precision=one) for one in (None, "bfloat16"))
    assert plain.sha256 != short.sha256
    samples = voice(4, 1)
    a, b = plain.hear(samples).embedding, short.hear(samples).embedding
    assert 0 < np.abs(a - b).max() < 0.05 * np.abs(a).max()


def test_silero_cuts_a_recording_to_its_speech(packed_model, monkeypatch):
    """The network sees the frames of speech, normalised over them, as if the rest had been cut out."""
    monkeypatch.setattr("spkr.feats.silero.Silero.find_file", lambda self: "")
    monkeypatch.setattr("spkr.feats.silero.Silero.voiced", lambda self, samples, fe, n: np.arange(n) >= 60)
    samples = np.concatenate([0.3 * np.random.default_rng(1).standard_normal(9600), voice(4, 1)]).astype(np.float32)
    model = PackedModel.read(packed_model, vad="silero")
    heard = model.hear(samples)
    assert heard.vad == "silero" and heard.speech == pytest.approx(1.6)
    feats, _ = model.engine.features(np.round(32768 * voice(4, 1)))
    (alone,) = model.engine.embed([feats], [np.ones(len(feats), bool)])
    cosine = heard.embedding @ alone / np.linalg.norm(heard.embedding) / np.linalg.norm(alone)
    assert cosine > 0.999


def test_names_are_safe_and_told_apart(folder, monkeypatch):
    assert list(find_recordings([folder])) == sorted([*NAMES, "speaker_0-4", "speaker_1-3"])
    monkeypatch.chdir(folder)
    assert find_recordings(["./speaker 0/2.wav", "../in/notes.txt"]) == {
        "in-notes": "../in/notes.txt", "speaker_0-2": "speaker 0/2.wav",
    }  # fmt: skip
    Path("speaker 0/2.flac").write_bytes(b"")
    with pytest.raises(InputError, match="its name would be 'speaker_0-2', as that of"):
        find_recordings([folder])


def test_a_list_gives_names(folder):
    scp = folder / "wav.scp"
    scp.write_text("a speaker 0/0.wav\nb speaker 1/1.wav\n")
    expected = {"a": "speaker 0/0.wav", "b": "speaker 1/1.wav"}
    assert find_recordings([scp]) == find_recordings([folder]) == expected
    (folder / "segments").write_text("a-1 a 0 0.5\n")
    assert find_recordings([scp]) == expected
    with pytest.raises(InputError, match="has segments, which are not cut here"):
        find_recordings([folder])
    scp.write_text("a speaker 0/0.wav\nb cat speaker 1/1.wav |\n")
    with pytest.raises(InputError, match=r"wav.scp:2: b: a command"):
        find_recordings([scp])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["in", "-o", "all.txt"], "expected the name of a file that ends in .ark, .npy, .parquet"),
        (["in/wav.scp", "-o", "in/wav.ark"], "in/wav.scp: is an input, too"),
        (["empty", "-o", "all.npy"], "no audio"),
    ],
)
def test_wrong_input_is_refused_before_work(packed_model, folder, monkeypatch, capsys, caplog, argv, message):
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    Path("in/wav.scp").write_text("a in/speaker 0/0.wav\n")
    assert run(capsys, "embed-files", packed_model, *argv)[0] == 2
    assert message in caplog.text
