import io
import json
import shlex
import shutil
import subprocess
import sys
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

from spkr.cli import main, parser
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.table import TableWriter
from spkr.kaldi.trials import all_pairs, write_trials

VERBS = ["fetch", "sounds", "augment", "feats", "merge-feats", "train", "embed", "backend", "score", "eval", "eer"]
VERBS += ["copy-table", "check", "trials", "check-trials", "calibrate", "apply-calibration", "compare", "results"]


def outcome(capsys, *args):
    """Run the command; its exit status and what it wrote to stderr."""
    try:
        main([str(a) for a in args])
        status = 0
    except SystemExit as e:
        status = e.code
    return status, capsys.readouterr().err


def process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def loaded_by(*args):
    """The modules that a run of the command has loaded at its end."""
    code = f"""if True:
        import sys
        from spkr.cli import main
        main({[str(a) for a in args]!r})
        print("loaded", *sys.modules)
    """
    done = process(code)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded ")[2].split())


# ------------------------------------------------------------------------------------------------- help


def test_the_verbs_are_these(capsys):
    status, _ = outcome(capsys)
    assert status == 2
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out
    assert all(f"    {verb} " in listed or f"    {verb}\n" in listed for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_an_example_that_parses(verb, capsys, monkeypatch, tmp_path, request):
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    (tmp_path / "conf").symlink_to(request.config.rootpath / "conf")
    (tmp_path / "settings.yaml").write_text("model: {}\n")
    monkeypatch.chdir(tmp_path)
    example = shlex.split(shown.partition("example:\n")[2].replace("\\\n", ""))
    assert example[:2] == ["spkr", verb]
    assert parser().parse_args(example[1:]).verb == verb


# ---------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("nowhere.yaml", "nowhere.yaml: No such file or directory; expected JSON in braces, or a YAML file"),
        ('{"speeds": [1.0,}', "no JSON"),
        ("list.yaml", "list.yaml: expected a dictionary of settings"),
        ("empty.yaml", "empty.yaml: expected a dictionary of settings"),
        ("bad.yaml", "bad.yaml: no YAML (while parsing a flow"),
        ("binary.yaml", "binary.yaml: no YAML ('utf-8' codec"),
        (".", ".: Is a directory"),
    ],
)
def test_options_that_cannot_be_read_are_one_line_and_status_2(capsys, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "bad.yaml").write_text("a: [1,\nb: }\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    status, error = outcome(capsys, "augment", "data", "out", "--options", options)
    assert status == 2
    assert message in error.splitlines()[-1]
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["feats", "data", "out", "--options", "{}", "--shard", "3/2"], "expected I/N with 1 <= I <= N, found '3/2'"),
        (["feats", "data", "out", "--options", "{}", "--shard", "one"], "expected I/N with 1 <= I <= N, found 'one'"),
        (
            ["train", "out", "--checkpoints", "c", "--settings", "{}", "--train", "train", "--data", "x"],
            "expected NAME=PATH, found 'x'",
        ),
        (["score", "trials", "scores", "--backend", "svm"], "invalid choice: 'svm'"),
        (["scoer"], "invalid choice: 'scoer'"),
    ],
)
def test_a_wrong_command_line_is_status_2(capsys, args, message):
    status, error = outcome(capsys, *args)
    assert status == 2
    assert message in error.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["feats", "data", "out", "--options", '{"num_mel_bin": 3}'],
            "--options.num_mel_bin: no such key; did you mean num_mel_bins?",
        ),
        (["feats", "data", "out"], "expected --options, or --model with the file of a network"),
        (["augment", "nowhere", "out", "--options", '{"copies": 1}'], "nowhere/wav.scp: no such file"),
        (
            ["augment", "nowhere", "out", "--options", '{"copy": 1}'],
            "--options.copy: no such key; did you mean copies?",
        ),
        (["embed", "no.pt", "data", "feats", "out"], "no.pt: no such file"),
        (
            ["backend", "out", "--xvectors", "x", "--utt2spk", "u", "--options", '{"lda_dims": 3}'],
            "--options.lda_dims: no such key; did you mean lda_dim?",
        ),
        (
            ["backend", "out", "--xvectors", "x", "--utt2spk", "u", "--options", '{"lda_dim": 3, "kinds": []}'],
            "--options.kinds: no such key; expected one of lda_dim, ",
        ),
        (
            ["eval", "out", "lists.yaml", "--primary", "plda"],
            "lists.yaml: cannot be read (No such file or directory)",
        ),
        (
            ["train", "out", "--checkpoints", "c", "--settings", "{}", "--train", "train"]
            + ["--data", "train=d", "--feats", "train=f", "--dev-trials", "t"],
            "--settings.model: missing; expected a value",
        ),
    ],
)
def test_wrong_input_is_one_line_and_status_1(caplog, capsys, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    status, _ = outcome(capsys, *args)
    assert status == 1
    assert len(caplog.records) == 1
    assert caplog.messages[0].startswith(f"spkr {args[0]}: error: ")
    assert message in caplog.messages[0]
    assert "\n" not in caplog.messages[0]
    assert not (tmp_path / "out").exists()


def test_an_error_is_one_line_on_stderr_and_in_the_log(tmp_path):
    args = ["--log", str(tmp_path / "log/x.log"), "embed", "no.pt", "data", "feats", "out"]
    done = process(f"from spkr.cli import main; main({args!r})")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "spkr embed: error: no.pt: no such file" in done.stderr
    assert (tmp_path / "log/x.log").read_text() == done.stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "x.scp"), "x.scp: cannot be read or written (Permission denied)"),
        (IsADirectoryError(21, "Is a directory", "x"), "x: cannot be read or written (Is a directory)"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_wherever_that_is_met(caplog, capsys, monkeypatch, error, line):
    import spkr.nnet.embed

    def embed_set(*args, **options):
        raise error

    monkeypatch.setattr(spkr.nnet.embed, "embed_set", embed_set)
    assert outcome(capsys, "embed", "no.pt", "data", "feats", "out")[0] == 1
    assert caplog.messages == [f"spkr embed: error: {line}"]


def test_a_log_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    done = process(f"from spkr.cli import main; main(['--log', {str(tmp_path / 'file/x.log')!r}, 'eer', '-'])")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert f"spkr eer: error: {tmp_path}/file" in line


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(tmp_path):
    (tmp_path / "scores").write_text("1 target\n0 nontarget\n")
    command = f"from spkr.cli import main; import time; time.sleep(0.5); main(['eer', {str(tmp_path / 'scores')!r}])"
    child = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    assert (child.stderr.read(), child.wait()) == (b"", 141)
    child.stderr.close()


@pytest.mark.parametrize("closed", [False, True])
def test_an_output_that_cannot_be_written_is_one_line(tmp_path, closed):
    (tmp_path / "scores").write_text("1 target\n0 nontarget\n")
    command = f"from spkr.cli import main; main(['eer', {str(tmp_path / 'scores')!r}])"
    end = ">&-" if closed else ">/dev/full"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {end}', sys.executable, command], stderr=subprocess.PIPE, text=True
    )
    assert "Traceback" not in done.stderr
    if not closed:
        assert "spkr eer: error: the output cannot be written (No space left on device)" in done.stderr
        assert done.returncode == 1


def test_an_interruption_is_one_line(caplog, capsys, monkeypatch):
    import spkr.nnet.embed

    def embed_set(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(spkr.nnet.embed, "embed_set", embed_set)
    assert outcome(capsys, "embed", "no.pt", "data", "feats", "out")[0] == 130
    assert caplog.messages == ["spkr embed: interrupted"]


def test_a_defect_is_not_passed_off_as_wrong_input(caplog, capsys, monkeypatch):
    import spkr.nnet.embed

    monkeypatch.setattr(spkr.nnet.embed, "embed_set", lambda *args, **options: 1 / 0)
    status, _ = outcome(capsys, "embed", "no.pt", "data", "feats", "out")
    assert status == 1
    assert "failed; this is a defect of spkr" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_preset_file_will_do_for_options(request):
    args = parser().parse_args(
        ["feats", "data", "out", "--options", f"{request.config.rootpath}/conf/feats/mfcc30.yaml"]
    )
    assert args.options["num_ceps"] == 30


# ------------------------------------------------------------------------------------------------- imports


def test_importing_the_command_line_loads_nothing_heavy():
    done = process("import sys, spkr.cli; print(*sys.modules)")
    assert done.returncode == 0
    assert not {"torch", "scipy", "numpy", "pandas", "matplotlib"} & set(done.stdout.split())


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Trials, embeddings, and a back-end's mean: what scoring by cosine needs."""
    root, rng = tmp_path_factory.mktemp("scored"), np.random.default_rng(1)
    utt2spk = {f"s{i}-{j}": f"s{i}" for i in range(3) for j in range(3)}
    with TableWriter(root / "xvector.ark") as table:
        for utt in sorted(utt2spk):
            table[utt] = rng.normal(size=4)
    write_trials(root / "trials", all_pairs(utt2spk))
    args = ["backend", root / "be", "--xvectors", root / "xvector.scp", "--options", '{"lda_dim": 2}']
    write_data_dir(root / "data", {"utt2spk": utt2spk, "wav.scp": dict.fromkeys(utt2spk, "a.wav")})
    main([str(a) for a in (*args, "--utt2spk", root / "data/utt2spk")])
    return root


def test_scoring_and_evaluating_do_not_load_torch(scored):
    trials, scores = scored / "trials", scored / "scores"
    xvectors = ["--xvectors", scored / "xvector.scp", "--backend-dir", scored / "be"]
    assert "torch" not in loaded_by("score", trials, scores, "--backend", "plda", *xvectors)
    assert len(scores.read_text().splitlines()) == 36
    (scored / "lists.yaml").write_text(f"pairs: {{trials: {trials}, scores: {{plda: {scores}}}}}\n")
    assert "torch" not in loaded_by("eval", scored / "results", scored / "lists.yaml", "--primary", "plda")
    assert (scored / "results/results.tsv").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["transform-xvectors", "x.scp", "x.ark"], "x.ark: is an input, too"),
        (["transform-xvectors", "x.scp", "again.ark"], "again.ark: is an input, too (x.ark is the same file)"),
        (["transform-xvectors", "x.scp", "hard.ark"], "hard.ark: is an input, too (x.ark is the same file)"),
        (["transform-xvectors", "x.scp", "y.ark", "--mean", "y.ark"], "y.ark: is an input, too"),
        (["transform-xvectors", "x.scp", "y.scp"], "y.scp: expected an output that ends in .ark"),
        (["transform-xvectors", "x.scp", "ark,scp:/dev/null,y.scp"], "/dev/null: is a pipe or a device"),
        (["transform-xvectors", "x.scp", "ark,t:x.ark"], "x.ark: is an input, too"),
        (["mean-xvectors", "spk2utt", "x.scp", "z.ark", "z.scp"], "z.scp: is to be written twice"),
        (["mean-xvectors", "spk2utt", "x.scp", "y.ark", "spk2utt"], "spk2utt: is an input, too"),
        (["score", "t", "t"], "t: is an input, too"),
        (["score", "t", "be/plda"], "be/plda: is an input, too"),
        (["score", "t", "be"], "be: is a folder; expected the name of a file to write"),
        (["score", "t", "t/scores"], "t: is a file; expected a folder to write to"),
        (["copy-plda", "be/plda", "be/plda"], "be/plda: is an input, too"),
        (["adapt-plda", "be/plda", "x.scp", "be/plda"], "be/plda: is an input, too"),
        (["adapt-backend", "be", "x.scp", "./be"], "be: is an input, too; name another folder"),
        (["augment", "data", "data", "--options", "{}"], "data: is an input, too; name another folder"),
        (["feats", "data", "data", "--options", "{}"], "data: is an input, too; name another folder"),
        (["merge-feats", "data", "data", "--shards", "1"], "data: is an input, too; name another folder"),
        (["eval", "t", "of_t.yaml", "--primary", "plda"], "t: is a file; expected a folder"),
        (["eval", ".", "of_table.yaml", "--primary", "plda"], "table.txt: is an in"),
    ],
)
def test_an_output_that_is_an_input_or_cannot_be_one_is_refused(
    scored, tmp_path, monkeypatch, caplog, capsys, args, message
):
    monkeypatch.chdir(shutil.copytree(scored, tmp_path / "here"))
    Path("xvector.scp").write_text(Path("xvector.scp").read_text().replace(f"{scored}/xvector.ark", "x.ark"))
    for name, new in (("xvector.scp", "x.scp"), ("xvector.ark", "x.ark"), ("trials", "t")):
        Path(name).rename(new)
    Path("again.ark").symlink_to("x.ark")
    Path("hard.ark").hardlink_to("x.ark")
    for name in ("y.ark", "table.txt", "spk2utt"):
        Path(name).write_text("a b\n")
    for name in ("t", "table.txt"):
        Path(f"of_{Path(name).stem}.yaml").write_text(f"l: {{trials: {name}, scores: {{plda: t}}}}\n")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    if args[0] == "score":
        args = [*args, "--backend", "plda", "--backend-dir", "be", "--xvectors", "x.scp"]
    assert outcome(capsys, *args)[0] == 1
    assert message in caplog.messages[-1]
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_scores_go_to_the_standard_output(scored):
    xvectors = ["--xvectors", str(scored / "xvector.scp"), "--backend-dir", str(scored / "be")]
    args = ["score", str(scored / "trials"), "/dev/stdout", "--backend", "cosine", *xvectors]
    done = process(f"from spkr.cli import main; main({args!r})")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 36
    assert not Path("/dev/manifest.stdout.json").exists()


def test_making_and_checking_trial_lists_do_not_load_torch(scored, tmp_path):
    assert "torch" not in loaded_by("trials", scored / "data", tmp_path / "trials_all")
    assert "torch" not in loaded_by("check-trials", scored / "data", tmp_path / "trials_all")


def test_fetching_and_augmenting_do_not_load_torch(tmp_path):
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    with tarfile.open(corpora / "c.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("c/a.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    assert "torch" not in loaded_by("fetch", "c.tar.gz", tmp_path / "out", "--corpora", corpora)
    assert json.loads((tmp_path / "out/unpacked.json").read_text())
    with wave.open(str(tmp_path / "a.wav"), "wb") as wav:
        wav.setparams((1, 2, 16000, 0, "NONE", ""))
        wav.writeframes(bytes(32000))
    files = {"wav.scp": {"s-1": str(tmp_path / "a.wav")}, "utt2spk": {"s-1": "s"}, "utt2dur": {"s-1": "1.0"}}
    write_data_dir(tmp_path / "data", files)
    options = '{"speeds": [0.9, 1.0]}'
    assert "torch" not in loaded_by("augment", tmp_path / "data", tmp_path / "copies", "--options", options)
    assert len((tmp_path / "copies/utt2spk").read_text().splitlines()) == 2
