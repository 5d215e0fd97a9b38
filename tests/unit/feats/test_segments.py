"""The feature stage on segments of recordings, and on what commands write."""

import numpy as np
import pytest
import soundfile

from spkr.audio.augmented_copies import augment_data_dir
from spkr.config.augment_options import Augmentation
from spkr.errors import InputError
from spkr.feats import Fbank
from spkr.feats.extract import Source
from spkr.kaldi.datadir import check_data_dir, write_data_dir

RATE = 16000
SEGMENTS = {"a-0": "r 0 0.5", "a-1": "r 0.5 1.25", "b-0": "r 1.25 -1"}
UTT2SPK = {utt: utt[0] for utt in SEGMENTS}
SAMPLES = (3000 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.int16)


def features(data, allow_pipes=False):
    files = check_data_dir(data)
    source = Source(data, files, files["utt2spk"], Fbank(allow_pipes=allow_pipes), 1)
    return {utt: source.features(utt)[0] for utt in sorted(files["utt2spk"])}


@pytest.fixture
def whole(tmp_path):
    """A data directory whose utterances are files of their own."""
    ends = {"a-0": (0, 8000), "a-1": (8000, 20000), "b-0": (20000, 32000)}
    for utt, (start, end) in ends.items():
        soundfile.write(tmp_path / f"{utt}.wav", SAMPLES[start:end], RATE)
    durations = {utt: (end - start) / RATE for utt, (start, end) in ends.items()}
    wav = {utt: tmp_path / f"{utt}.wav" for utt in UTT2SPK}
    write_data_dir(tmp_path / "whole", {"utt2spk": UTT2SPK, "wav.scp": wav, "utt2dur": durations})
    return tmp_path / "whole"


@pytest.fixture
def segmented(tmp_path, whole):
    """The same as segments of one recording."""
    soundfile.write(tmp_path / "r.flac", SAMPLES, RATE)
    files = {name: check_data_dir(whole)[name] for name in ("utt2spk", "utt2dur")}
    write_data_dir(tmp_path / "parts", {**files, "segments": SEGMENTS, "wav.scp": {"r": tmp_path / "r.flac"}})
    return tmp_path / "parts"


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[utt], theirs[utt]) for utt in ours)


def test_segments_have_the_features_of_files(whole, segmented):
    assert_same(features(segmented), features(whole))


def test_segments_are_augmented_as_files_are(whole, segmented, tmp_path):
    options = Augmentation(speeds=(0.9, 1.0), copies=1, babble_probability=0.7, babble_talkers=(1, 2))
    for path in (whole, segmented):
        augment_data_dir(path, tmp_path / f"{path.name}_copies", options, 1)
    assert (tmp_path / "parts_copies/wav.scp").read_text() == f"r {tmp_path}/r.flac\n"
    assert_same(features(tmp_path / "parts_copies"), features(tmp_path / "whole_copies"))


def test_commands_have_the_features_of_what_they_write(whole, segmented, tmp_path):
    (segmented / "wav.scp").write_text(f"r cat '{tmp_path}/r.flac' | cat |\n")
    assert_same(features(segmented, allow_pipes=True), features(whole))
    with pytest.raises(InputError, match="a-0: cat .*r.flac' . cat .: a command; .*set feats.allow_pipes to true"):
        features(segmented)


def test_a_failing_command_is_named_with_its_utterance(segmented):
    (segmented / "wav.scp").write_text("r echo host is down >&2; false |\n")
    with pytest.raises(InputError, match="a-0: echo host .*: the command failed with exit status 1; .*: host is down"):
        features(segmented, allow_pipes=True)


def test_a_segment_outside_its_recording_is_refused_before_any_work(segmented):
    (segmented / "segments").write_text("a-0 r 0 0.5\na-1 r 0.5 1\nb-0 r 1 2.6\n")
    (segmented / "utt2dur").unlink()
    files = check_data_dir(segmented)
    with pytest.raises(InputError, match="b-0: .*r.flac: 2 seconds long; its segment from 1 to 2.6 s is not inside"):
        Source(segmented, files, files["utt2spk"], Fbank(), 1)
