"""Channels, from reco2channel or feats.channel to features, trainings and checks of the data."""

import numpy as np
import pytest
import soundfile

from spkr.audio.augmented_copies import augment_data_dir
from spkr.audio.channels import channel_of
from spkr.audio.decoding import check_audio, read_audio
from spkr.audio.fingerprint import fingerprints, fingerprints_of, shared_audio
from spkr.config.augment_options import Augmentation
from spkr.corpus.durations import read_headers
from spkr.errors import InputError
from spkr.feats import Fbank, make_front_end
from spkr.feats.extract import Source
from spkr.feats.provenance import channel_read, check_front_end, write_front_end
from spkr.kaldi.combine import combine_data_dirs
from spkr.kaldi.copy_data_dir import copy_data_dir
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.fix import fix_data_dir
from spkr.kaldi.maps import read_map
from spkr.kaldi.subset import of_list, split_data_dir, subset_data_dir
from spkr.train.waveforms import Recordings
from tests.unit.audio.files import RATE
from tests.unit.kaldi.data_dirs import command

LEFT, RIGHT = ((3000 * np.random.default_rng(seed).standard_normal(RATE)).astype(np.int16) for seed in (1, 2))
MEAN = (LEFT.astype(np.float32) + RIGHT) / 2
UTTS = {"a-1": "a", "b-1": "b", "c-1": "c"}
CHANNELS = {"a-1": "left", "b-1": "1"}


@pytest.fixture
def data(tmp_path):
    """A call, a speaker a channel, and a recording of one channel, which reco2channel does not list."""
    soundfile.write(tmp_path / "call.wav", np.stack([LEFT, RIGHT], axis=1), RATE)
    soundfile.write(tmp_path / "c.wav", LEFT, RATE)
    wav = {"a-1": tmp_path / "call.wav", "b-1": tmp_path / "call.wav", "c-1": tmp_path / "c.wav"}
    files = {"wav.scp": wav, "reco2channel": CHANNELS, "utt2spk": UTTS, "reco2sum": fingerprints(wav)}
    write_data_dir(tmp_path / "data", files | {"utt2dur": dict.fromkeys(UTTS, "1.0")})
    return tmp_path / "data"


def speech(data, **options):
    """What the feature stage reads of each utterance."""
    files = check_data_dir(data)
    source = Source(data, files, files["utt2spk"], Fbank(**options), 1)
    return {utt: source._read(source.clips[utt]) for utt in files["utt2spk"]}


@pytest.mark.parametrize(
    "channel, expected", [("left", LEFT), (0, LEFT), ("right", RIGHT), ("1", RIGHT), ("mix", MEAN)]
)
@pytest.mark.parametrize("form", [{"subtype": "PCM_16"}, {"subtype": "FLOAT"}, {"format": "FLAC"}])
def test_a_channel_is_that_of_the_file(tmp_path, channel, expected, form):
    scale = 32768.0 if form.get("subtype") == "FLOAT" else 1
    samples = np.stack([LEFT, RIGHT], axis=1)
    soundfile.write(tmp_path / "x.wav", samples / scale if scale > 1 else samples, RATE, **form)
    assert np.array_equal(read_audio(tmp_path / "x.wav", RATE, channel=channel_of(channel)), expected)


@pytest.mark.parametrize(
    "channels, channel, message",
    [
        (
            1,
            "right",
            r"x.wav: 1 channel; expected one of the number 1 \(right, counted from 0\); set --channel, feats.channel",
        ),
        (2, 2, r"x.wav: 2 channels; expected one of the number 2 \(counted from 0\); .* reco2channel in a data"),
        (
            3,
            None,
            "x.wav: 3 channels; expected one; set --channel, feats.channel .* to left, right, mix, or a number from 0",
        ),
    ],
)
@pytest.mark.parametrize("use", [read_audio, check_audio])
def test_a_channel_that_a_file_lacks_is_named_with_those_it_has(tmp_path, channels, channel, message, use):
    soundfile.write(tmp_path / "x.wav", np.zeros((RATE, channels)), RATE)
    with pytest.raises(InputError, match=message):
        use(tmp_path / "x.wav", RATE, channel=channel_of(channel))


@pytest.mark.parametrize("channel", ["left", "mix", 0])
def test_one_channel_is_left_and_its_own_mean(tmp_path, channel):
    soundfile.write(tmp_path / "x.wav", LEFT, RATE)
    assert np.array_equal(read_audio(tmp_path / "x.wav", RATE, channel=channel_of(channel)), LEFT)


def test_features_are_of_the_channels_that_the_file_and_the_option_name(data):
    heard = speech(data)
    assert np.array_equal(heard["a-1"], LEFT) and np.array_equal(heard["b-1"], RIGHT)
    (data / "reco2channel").write_text("a-1 right\n")
    heard = speech(data, channel="mix")
    assert np.array_equal(heard["a-1"], RIGHT) and np.array_equal(heard["b-1"], MEAN)
    assert np.array_equal(heard["c-1"], LEFT)
    with pytest.raises(InputError, match="^b-1: .*call.wav: 2 channels; expected one"):
        speech(data)


def test_crops_of_waveforms_are_of_the_channel_that_the_features_are_of(data, tmp_path):
    for channels, expected in ((None, LEFT), (["mix"], MEAN)):
        if channels:
            (data / "reco2channel").unlink()
        recordings = Recordings([str(data)], Fbank(), channels)
        assert np.array_equal(recordings.stretch("a-1", 100, 200), expected[100:200])
    write_front_end(tmp_path / "front_end.json", Fbank(channel="right"))
    assert channel_read(tmp_path, Fbank()) == "right"
    assert channel_read(data, Fbank(channel=1)) == 1
    check_front_end(tmp_path, Fbank())  # a network takes speech of any channel


def test_augmented_copies_keep_the_channels(data, tmp_path):
    augment_data_dir(data, tmp_path / "copies", Augmentation(speeds=(0.9, 1.0)), 1)
    assert read_map(tmp_path / "copies/reco2channel") == CHANNELS | {f"sp0.9-{k}": v for k, v in CHANNELS.items()}
    heard = speech(tmp_path / "copies")
    assert np.array_equal(heard["sp0.9-b-1"], RIGHT) and np.array_equal(heard["c-1"], LEFT)


def test_data_directories_made_of_this_one_keep_the_channels(data, tmp_path):
    for utts, channels in (("a-1\nc-1\n", {"a-1": "left"}), ("c-1\n", None)):
        (tmp_path / "list").write_text(utts)
        subset_data_dir(data, tmp_path / "subset", of_list(tmp_path / "list"))
        assert check_data_dir(tmp_path / "subset").get("reco2channel") == channels
    combine_data_dirs(tmp_path / "all", split_data_dir(data, 3))
    assert read_map(tmp_path / "all/reco2channel") == CHANNELS
    copy_data_dir(data, tmp_path / "copy", "x-")
    assert read_map(tmp_path / "copy/reco2channel") == {"x-a-1": "left", "x-b-1": "1"}


def test_fixing_keeps_the_channels_of_what_remains(data):
    for kept, channels in ((["a-1", "c-1"], {"a-1": "left"}), (["c-1"], None)):
        (data / "utt2dur").write_text("".join(f"{utt} 1.0\n" for utt in kept))
        fix_data_dir(data)
        assert check_data_dir(data).get("reco2channel") == channels
    assert (data / ".backup/reco2channel").exists()


@pytest.mark.parametrize(
    "line, message",
    [
        ("z-1 left", "reco2channel: 1 entries that .*utt2spk does not have, first 'z-1'"),
        ("c-1 centre", "reco2channel:3: c-1 has 'centre'; expected left, right, mix, or a number from 0"),
        ("c-1 -1", "reco2channel:3: c-1 has '-1'; expected left, right, mix, or a number from 0"),
        ("c-1 left right", "reco2channel:3: expected '<recording> <channel>'"),
        ("b-1 0", "reco2channel:3: 'b-1' occurs twice"),
    ],
)
def test_a_wrong_line_is_named(data, line, message):
    with (data / "reco2channel").open("a") as f:
        f.write(f"{line}\n")
    with pytest.raises(InputError, match=message):
        check_data_dir(data)


def test_validate_listens_to_the_channels(data, caplog, capsys):
    assert command(caplog, "validate", data)[0] == 0
    (data / "reco2channel").write_text("a-1 left\nb-1 2\n")
    status, said = command(caplog, "validate", data)
    assert status == 1
    assert "wav.scp:2: b-1: " in said and "2 channels; expected one of the number 2 (counted from 0)" in said
    (data / "reco2channel").unlink()
    assert "2 channels; expected one; set --channel, feats.channel in a config" in command(caplog, "validate", data)[1]
    status, said = command(caplog, "validate", data, "--channel", "mix")
    assert status == 0
    assert "a-1 of speaker a and b-1 of speaker b have this audio" in said
    assert command(caplog, "validate", data, "--channel", "up")[0] == 2
    command(caplog, "info", data)
    assert "3: 2 at 16000 Hz with 2 channels, 1 at 16000 Hz" in capsys.readouterr().out


def test_two_channels_of_a_file_are_two_recordings(data):
    files = check_data_dir(data)
    assert list(shared_audio(files, fingerprints_of(files))) == []
    same = files | {"reco2channel": {"a-1": "left", "b-1": "0"}}
    (message,) = shared_audio(same, fingerprints_of(same))
    assert "a-1 of speaker a and b-1 of speaker b have this audio" in message


def test_durations_are_read_of_a_channel(data):
    wav = read_map(data / "wav.scp")
    assert list(read_headers(wav, RATE, 1).bad) == ["a-1", "b-1"]
    assert all("2 channels; expected one" in why for why in read_headers(wav, RATE, 1).bad.values())
    assert read_headers(wav, RATE, 1, channel="mix").seconds == dict.fromkeys(wav, "1.000000")


@pytest.mark.parametrize("value", ["centre", -1, True, 0.5, "0"])
def test_the_option_is_checked(value):
    with pytest.raises(InputError, match="feats.channel: .*; expected left, right, mix, or a number from 0"):
        make_front_end({"channel": value})
