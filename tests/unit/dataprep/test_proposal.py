import pytest
import yaml

from spkr.dataprep.proposal import propose
from spkr.dataprep.recipe_folder import make_lists, write_recipe
from spkr.errors import InputError
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_map
from tests.unit.dataprep.recordings import folder_of, tone


def proposed(tmp_path, source, **options):
    return propose("mine", [source], tmp_path / "unpacked", jobs=1, **options)


def config(proposal):
    return yaml.safe_load(proposal.texts()["config.yaml"])


def test_few_speakers_get_a_pretrained_network_and_are_all_tested(tmp_path):
    found = proposed(tmp_path, folder_of(tmp_path / "x", 3, 5))
    assert list(found.sets) == ["test"] and found.choices.model == "campplus_200k"
    assert "\nrule own_mine:\n" in found.texts()["Snakefile"]
    assert config(found)["backend"] == {"sets": [], "kinds": ["cosine"], "primary": "cosine"}
    assert config(found)["trials"] == {
        "pairs": {"models": False, "sets": ["test"]},
        "enrol3": {"models": True, "sets": ["test"]},
    }
    assert found.about() == "3 speakers, 15 recordings, 0.3 minutes."


def test_many_speakers_are_trained_on_or_split_for_a_trained_network(tmp_path):
    source = folder_of(tmp_path / "x", 32, 2)
    assert list(proposed(tmp_path, source).sets) == ["train", "valid", "dev", "test"]
    found = proposed(tmp_path, source, model="resnet34_lm")
    assert list(found.sets) == ["train", "dev", "test"] and config(found)["model"] == {"pretrained": "resnet34_lm"}
    assert config(found)["backend"] == {"primary": "cosine"}


def test_rates_and_channels_decide_how_recordings_are_read(tmp_path):
    source = folder_of(tmp_path / "x", 3, 2)
    assert config(proposed(tmp_path, source))["feats"] == {"resample": "never", "shards": 2}
    tone(source / "spk00/rec0.wav", rate=48000)
    assert config(proposed(tmp_path, source))["feats"]["resample"] == "down"
    tone(source / "spk01/rec0.wav", rate=8000, channels=2)
    feats = config(proposed(tmp_path, source))["feats"]
    assert (feats["resample"], feats["channel"]) == ("any", "left")
    assert config(proposed(tmp_path, source, channel="mix"))["feats"]["channel"] == "mix"


def test_all_data_directories_have_the_same_files(tmp_path):
    wavs = [tone(tmp_path / f"{k}.wav") for k in range(5)]
    rows = [
        f"{wavs[0]},a,train,f,,",
        f"{wavs[1]},a,train,f,,",
        f"{wavs[2]},b,test,m,yes sir,a b",
        f"{wavs[3]},b,test,m,,",
        f"{wavs[4]},c,test,f,,",
    ]
    (tmp_path / "t.csv").write_text("\n".join(["audio,speaker,set,gender,text,phone", *rows]) + "\n")
    found = proposed(tmp_path, tmp_path / "t.csv", model="campplus_200k")
    write_recipe(tmp_path / "recipes/mine", found.sets, found.lists, found.files, found.texts())
    for name in ("train", "test"):
        files = {path.name for path in (tmp_path / "recipes/mine/data" / name).iterdir()}
        assert {"spk2gender", "text", "utt2phone", "utt2file"} <= files
    assert read_map(tmp_path / "recipes/mine/data/test/utt2phone") == {"b-2": "a_b", "b-3": "none", "c-4": "none"}
    assert read_map(tmp_path / "recipes/mine/data/test/utt2file")["b-2"] == str(wavs[2])
    assert config(found)["corpus"]["files"] == ["spk2gender", "text", "utt2file", "utt2phone"]


@pytest.fixture
def kaldi(tmp_path):
    """A data directory whose audio comes from commands."""
    wav = {utt: f"cat {tone(tmp_path / f'{utt}.wav')} |" for utt in ("a-1", "a-2", "b-1", "b-2")}
    dur = dict.fromkeys(wav, "1.2")
    write_data_dir(tmp_path / "data", {"wav.scp": wav, "utt2spk": {u: u[0] for u in wav}, "utt2dur": dur})
    return tmp_path / "data"


def test_commands_are_run_only_where_the_user_says_so(tmp_path, kaldi):
    with pytest.raises(InputError, match="cat .*a-1.wav .: a command; expected a file, or --allow-pipes"):
        proposed(tmp_path, kaldi)
    found = proposed(tmp_path, kaldi, allow_pipes=True)
    assert config(found)["feats"]["allow_pipes"] is True
    assert found.sets["test"]["seconds"].tolist() == [1.2] * 4
    (kaldi / "utt2dur").unlink()
    with pytest.raises(InputError, match="a command without an end"):
        proposed(tmp_path, kaldi, allow_pipes=True)


def test_trial_lists_of_ones_own_are_kept(tmp_path, kaldi):
    (kaldi / "trials").write_text("a-1 b-1 nontarget\na-1 a-2 target\n")
    (kaldi / "trials_two").write_text("a a-2 target\na b-1 nontarget\n")
    (kaldi / "models_two").write_text("a a-1\n")
    lists = proposed(tmp_path, kaldi, allow_pipes=True).lists["test"]
    assert lists["own"] == ([("a-1", "b-1", False), ("a-1", "a-2", True)], {})
    assert lists["two"] == ([("a", "a-2", True), ("a", "b-1", False)], {"a": ["a-1"]})
    assert len(lists["pairs"][0]) == 6


def test_no_trial_is_within_a_session(tmp_path):
    for spk in "ab":
        for session in ("mon", "tue"):
            for k in range(3):
                tone(tmp_path / "x" / spk / session / f"{k}.wav")
    found = proposed(tmp_path, tmp_path / "x")
    session = dict(zip(found.sets["test"]["utt"], found.sets["test"]["session"], strict=True))
    trials, _ = found.lists["test"]["pairs"]
    assert len(trials) == 66 - 4 * 3 and all(session[a] != session[b] for a, b, _ in trials)
    trials, models = found.lists["test"]["enrol3"]
    assert all(session[utt] not in {session[u] for u in models[model]} for model, utt, _ in trials)


def test_pairs_of_many_recordings_are_drawn(monkeypatch, tmp_path):
    table = proposed(tmp_path, folder_of(tmp_path / "x", 6, 4)).sets["test"]
    assert len(make_lists(table, 1)["pairs"][0]) == 24 * 23 // 2
    monkeypatch.setattr("spkr.dataprep.recipe_folder.MOST", 120)
    drawn, _ = make_lists(table, 1)["pairs"]
    assert (len(drawn), sum(target for *_, target in drawn)) == (120, 24)
    assert drawn == make_lists(table, 1)["pairs"][0] != make_lists(table, 2)["pairs"][0]


def test_target_trials_may_lie_within_a_recording_if_there_are_no_others(tmp_path):
    wavs = {spk: str(tone(tmp_path / f"{spk}.wav", seconds=3.0)) for spk in "ab"}
    rows = [f"{wavs[spk]},{spk},{k},{k + 1}" for spk in "ab" for k in range(3)]
    (tmp_path / "t.csv").write_text("\n".join(["audio,speaker,start,end", *rows]) + "\n")
    trials, _ = proposed(tmp_path, tmp_path / "t.csv").lists["test"]["pairs"]
    assert sum(target for *_, target in trials) == 6


def test_models_are_made_where_everybody_has_enough_recordings(tmp_path):
    found = proposed(tmp_path, folder_of(tmp_path / "x", 3, 3))
    assert list(make_lists(found.sets["test"], 1)) == ["pairs"]


def test_one_speaker_is_refused(tmp_path):
    with pytest.raises(InputError, match="one speaker, 'spk00'; expected two or more"):
        proposed(tmp_path, folder_of(tmp_path / "x", 1))
    (folder_of(tmp_path / "x", 2, 1) / "spk01/rec0.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match="one speaker, 'spk00'; expected two or more"):
        proposed(tmp_path, tmp_path / "x", skip_unreadable=True)


def test_a_row_shorter_than_a_frame_is_refused(tmp_path):
    rows = [f"{tone(tmp_path / f'{k}.wav')},{'ab'[k // 2]},{end}" for k, end in enumerate((1, 1, 1, 0.02))]
    (tmp_path / "t.csv").write_text("\n".join(["audio,speaker,end", *rows]) + "\n")
    with pytest.raises(InputError, match="t.csv:5: less than 0.025 s; expected a frame or more"):
        proposed(tmp_path, tmp_path / "t.csv")


def test_a_row_that_starts_behind_its_audio_is_refused(tmp_path):
    rows = [f"{tone(tmp_path / f'{k}.wav')},{'ab'[k // 2]},{start}" for k, start in enumerate((0, 1, 0, 1.2))]
    (tmp_path / "t.csv").write_text("\n".join(["audio,speaker,start", *rows]) + "\n")
    with pytest.raises(InputError, match="t.csv:5: start is not before the end of the audio"):
        proposed(tmp_path, tmp_path / "t.csv")


def test_columns_do_not_take_the_place_of_other_files(tmp_path):
    rows = [f"{tone(tmp_path / f'{k}.wav')},{'ab'[k // 2]},x,y,z,v" for k in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["audio,speaker,file,dur,aug,größe", *rows]) + "\n")
    assert proposed(tmp_path, tmp_path / "t.csv").files == ["utt2file"]
