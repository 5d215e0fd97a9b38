import shlex

import pytest

from spkr.cli import main, parser
from spkr.kaldi.maps import read_map
from tests.unit.kaldi.data_dirs import command, contents

VERBS = ["validate", "fix", "subset", "split", "combine", "info"]


def test_info_says_what_is_there(recordings, capsys):
    (recordings / "trials_x").write_text("a-0 b-0 nontarget\n")
    (recordings / "spk2gender").write_text("a f\nb m\n")
    (recordings.parent / "b-0.wav").unlink()
    main(["data", "info", str(recordings)])
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "utterances 3",
        "speakers 2 (1 f, 1 m)",
        "utterances a speaker 1 to 2, mean 1.5",
        "hours 0.00",
        "seconds an utterance 1.00 to 1.00, mean 1.0",
        "seconds a speaker 1.0 to 2.0, mean 1.5",
        "recordings 3: 2 at 16000 Hz, 1 unusable (spkr data validate says why)",
        "files utt2spk spk2utt spk2gender utt2dur wav.scp",
        "others trials_x",
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_an_example_that_parses(verb, capsys):
    with pytest.raises(SystemExit) as end:
        main(["data", verb, "--help"])
    assert end.value.code == 0
    example = shlex.split(capsys.readouterr().out.partition("example:\n")[2])
    assert example[:3] == ["spkr", "data", verb]
    assert parser().parse_args(example[1:]).verb == f"data {verb}"


def test_the_verbs_do_what_their_options_say(data, tmp_path, caplog):
    out = tmp_path / "out"
    for args, utts in (
        (["--first", 2], ["a-0", "a-1"]),
        (["--last", 1], ["d-5"]),
        (["--per-spk", 1], ["a-0", "b-0", "c-0", "d-0"]),
        (["--shortest", 1], ["a-0"]),
        (["--num-utt", 3, "--seed", 7], None),
        (["--speakers", 3, "--seed", 7], None),
    ):
        assert command(caplog, "subset", data, out, *args)[0] == 0
        assert utts is None or list(read_map(out / "utt2spk")) == utts
    for option, line in (("--spk-list", "c"), ("--utt-list", "c-1")):
        (tmp_path / "list").write_text(f"{line}\n")
        assert command(caplog, "subset", data, out, option, tmp_path / "list")[0] == 0
        assert set(read_map(out / "utt2spk")) == {"c-0", "c-1"} - ({"c-0"} if option == "--utt-list" else set())
    assert command(caplog, "split", data, 2)[0] == command(caplog, "split", "--per-utt", data, 2)[0] == 0
    assert command(caplog, "combine", out, data / "split2/1", data / "split2utt/2")[0] == 0
    assert command(caplog, "fix", out)[0] == 0
    (out / "manifest.json").unlink()
    assert contents(out) == contents(data)
    assert command(caplog, "subset", data, out, "--first", 0)[0] == 2
    assert command(caplog, "subset", data, out)[0] == 2
