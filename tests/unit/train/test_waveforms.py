"""Batches of waveforms beside those of arks, on a corpus of short recordings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from spkr.audio.acoustics import reverberate
from spkr.audio.augment_sounds import find_sounds, read_sounds, write_sounds
from spkr.audio.augmented_copies import augment_data_dir
from spkr.config.augment_options import Augmentation
from spkr.config.front_end_options import CmvnOptions, FrontEnd
from spkr.config.options import read_options
from spkr.config.train_options import Batches
from spkr.errors import InputError
from spkr.feats import Fbank, LogMel, Mfcc
from spkr.feats.extract import extract_shard
from spkr.feats.fbank import fbank
from spkr.feats.reader import FeatureReader
from spkr.kaldi.copy_data_dir import copy_data_dir
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_map
from spkr.kaldi.shards import merge_shards
from spkr.train.batches import CropBatches, loader
from spkr.train.on_device import margin, power
from spkr.train.waveforms import Recordings, WaveBatches, steps
from tests.unit.train.runs import BATCHES, crash, run, same
from tests.unit.train.speech import RATE, spoken, write_spoken

CLEAN = {"speeds": [1.0], "copies": 0}
NOISY = {"speeds": [1.0], "copies": 3, "babble_probability": 0.5}
RAW = CmvnOptions(type="none")
FBANK = Fbank(num_mel_bins=20, compress=False, shards=1, cmvn=RAW)
LOGMEL = LogMel(num_mel_bins=20, compress=False, shards=1, cmvn=RAW)
MFCC = Mfcc(num_mel_bins=23, num_ceps=20, snip_edges=True, compress=False, shards=1, cmvn=RAW)


@dataclass
class Spoken:
    """Sets of recordings, their data directories, and features of them by front end."""

    root: Path
    data: dict[str, str]

    def feats_of(self, name: str, front_end: FrontEnd) -> str:
        out = self.root / f"{name}-{abs(hash(front_end.replace(cmvn=RAW, select_voiced=True)))}"
        if not out.exists():
            extract_shard(self.data[name], out, front_end, 1)
            merge_shards(out, self.data[name], 1)
        return str(out)

    @property
    def feats(self) -> dict[str, str]:
        return {name: self.feats_of(name, self.front_end) for name in ("train", "valid", "dev")}

    front_end = FBANK


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("spoken")
    data = write_spoken(root, 20000)
    data["speeds"] = str(root / "data/speeds")
    augment_data_dir(data["train"], data["speeds"], Augmentation(speeds=(0.9, 1.0, 1.13)), 1)
    return Spoken(root, data)


def pair(corpus, front_end=FBANK, name="train", copies=CLEAN, rank=0, size=1, sounds=None, **options):
    """Batches of arks, and batches of waveforms, with the same options."""
    feats = corpus.feats_of(name, front_end)
    reader = FeatureReader([feats], front_end)
    utt2spk = read_map(f"{corpus.data[name]}/utt2spk")
    index = {spk: i for i, spk in enumerate(sorted(set(utt2spk.values())))}
    shared = (
        *(reader, {utt: index[spk] for utt, spk in utt2spk.items()}, {utt: len(reader[utt]) for utt in utt2spk}),
        *(Batches(**(BATCHES | {"batch_size": 6} | options)), 1, rank, size),
    )
    copies = read_options(Augmentation, copies, "train.on_the_fly")
    return CropBatches(*shared), WaveBatches([corpus.data[name]], [feats], copies, sounds or {}, *shared)


def heard(batches, step):
    """A batch with its crops as features."""
    crops, *rest = batches[step]
    return batches.features(crops), *rest


@pytest.mark.parametrize("front_end", [FBANK, FBANK.replace(select_voiced=False), MFCC, FBANK.replace(use_energy=True)])
@pytest.mark.parametrize("short", ["tile", "pad"])
def test_crops_that_are_left_clean_are_those_of_the_arks(corpus, front_end, short):
    arks, waves = pair(corpus, front_end, short=short, crop=[0.2, 0.9])
    for step in (3, 0, 5):
        for a, b in zip(arks[step], heard(waves, step), strict=True):
            if isinstance(a, torch.Tensor):
                torch.testing.assert_close(b, a, rtol=0, atol=2e-3)
            else:
                assert a == b


def test_crops_of_the_tutorials_front_end_are_those_of_the_arks_but_at_their_ends(corpus):
    arks, waves = pair(corpus, LOGMEL, crop=[0.2, 0.2], time_masks=0, freq_masks=0)
    apart = torch.cat([(arks[step][0] - heard(waves, step)[0]).abs().amax(2) for step in range(4)])
    assert (apart < 1e-3).float().mean() > 0.95


def test_crops_at_other_speeds_and_of_segments_are_those_of_the_arks(corpus, tmp_path):
    arks, waves = pair(corpus, name="speeds")
    for step in range(4):
        torch.testing.assert_close(heard(waves, step)[0], arks[step][0], rtol=0, atol=5e-3)
    wav = read_map(f"{corpus.data['train']}/wav.scp")
    segments = {f"{utt}-{i}": f"{utt} {0.0123 + 0.17 * i:.4f} {0.18 + 0.1711 * i:.4f}" for utt in wav for i in range(2)}
    files = {"wav.scp": wav, "segments": segments, "utt2spk": {utt: utt[0] for utt in segments}}
    write_data_dir(tmp_path / "data", files)
    cut = Spoken(tmp_path, {"train": str(tmp_path / "data")})
    arks, waves = pair(cut)
    for step in range(4):
        torch.testing.assert_close(heard(waves, step)[0], arks[step][0], rtol=0, atol=2e-3)


@pytest.mark.parametrize("rate", [22050, 44100])
@pytest.mark.parametrize("percent", [90, 100, 113])
def test_a_stretch_is_that_of_the_whole_resampled(tmp_path, rate, percent):
    soundfile.write(tmp_path / "a.wav", spoken(np.random.default_rng(1), rate), rate)
    files = {
        "wav.scp": {"a": str(tmp_path / "a.wav")},
        "utt2spk": {"a": "a"},
        "utt2aug": {"a": f"speed={percent / 100}"},
    }
    write_data_dir(tmp_path / "data", files)
    recordings = Recordings([str(tmp_path / "data")], FBANK.replace(resample="down"))
    whole = recordings.stretch("a", 0, 100 * RATE // percent - 2)
    for first, last in ((3000, 5000), (7777, 7878), (12000, len(whole))):
        np.testing.assert_allclose(recordings.stretch("a", first, last), whole[first:last], atol=0.05)
    ends = recordings.stretch("a", -3, 5)
    np.testing.assert_array_equal(ends[:3], ends[3:6][::-1])


def test_copies_at_other_speeds_are_of_the_same_person_also_behind_the_name_of_a_recipe(corpus, tmp_path):
    augment_data_dir(corpus.data["train"], tmp_path / "copies", Augmentation(speeds=[0.9, 1.0]), 1)
    copy_data_dir(tmp_path / "copies", tmp_path / "out", "other-")
    persons = Recordings([str(tmp_path / "out")], FBANK).persons
    clean = read_map(Path(corpus.data["train"], "utt2spk"))
    assert {persons[f"other-sp0.9-{utt}"] for utt in clean} == {f"other-{spk}" for spk in clean.values()}
    assert {persons[f"other-{utt}"] for utt in clean} == {f"other-{spk}" for spk in clean.values()}


def test_steps_are_whole_numbers_of_samples():
    assert steps(16000, 16000, 100) == (1, 1)
    assert steps(16000, 16000, 90) == (9, 10)
    assert steps(44100, 16000, 90) == (3969, 1600)  # 90 ms, that are 1440 samples before the speed


def test_noise_has_its_ratio_to_the_speech_of_its_row(corpus):
    waves = pair(corpus, copies=NOISY | {"room_probability": 0, "noise_probability": 1, "snr": [7, 7]})[1]
    noisy = 0
    for step in range(6):
        crops = waves[step][0]
        noise = torch.zeros_like(crops.speech) if crops.noise is None else crops.noise
        levels = 10 * power(noise, crops.num_samples).log10()
        assert all(level == -torch.inf or level == pytest.approx(-7, abs=0.01) for level in levels)
        noisy += int((levels > -99).sum())
    assert 18 < noisy < 34  # three of four, of 36


def test_a_batch_is_heard_as_its_rows_are_one_by_one(corpus):
    waves, distorted = pair(corpus, copies=NOISY | {"room_probability": 0.8}, time_masks=0, freq_masks=0)[1], 0
    for step in range(3):
        crops, found = waves[step][0], heard(waves, step)[0]
        rooms = [None] * 6 if crops.rooms is None else crops.rooms
        noises = torch.zeros_like(crops.speech) if crops.noise is None else crops.noise
        rows = zip(crops.speech, crops.num_samples, rooms, noises, crops.frames, found, strict=True)
        for speech, n, room, noise, frames, feats in rows:
            samples = speech[:n].numpy()
            samples = samples if room is None else reverberate(samples, room.numpy())
            whole = samples + np.sqrt(np.mean(samples.astype(np.float64) ** 2)) * noise[:n].numpy()
            expected = fbank(torch.from_numpy(whole.astype(np.float32)), FBANK)[0][margin(FBANK) + frames]
            torch.testing.assert_close(feats, expected, rtol=0, atol=1e-2)
            distorted += int(noise.any() and room is not None and room.count_nonzero() > 1)
    assert distorted > 3


def test_a_batch_is_a_function_of_seed_and_step_whatever_the_workers(corpus):
    forth, back = (pair(corpus, name="speeds", copies=NOISY)[1] for _ in range(2))
    expected = {step: forth[step] for step in range(5)}
    for step in (4, 0, 3):
        again = back[step]
        assert same(expected[step][0], again[0])
        assert same(expected[step][1:], again[1:])
    for workers in (1, 2):
        for step, found in enumerate(loader(forth, 0, 5, workers, pin_memory=False)):
            assert same(expected[step][0], found[0])
    assert not same(expected[0][0].speech[:1], expected[1][0].speech[:1])


def test_processes_share_the_rows_of_a_batch(corpus):
    whole = heard(pair(corpus, copies=NOISY)[1], 2)
    for rank in range(2):
        share = heard(pair(corpus, copies=NOISY, rank=rank, size=2)[1], 2)
        assert share[3] == whole[3][rank::2]
        torch.testing.assert_close(share[0], whole[0][rank::2], rtol=0, atol=2e-2)


def test_an_utterance_is_heard_differently_each_time(corpus):
    clean, noisy = (pair(corpus, copies=copies, crop=[9, 9], short="pad")[1] for copies in (CLEAN, NOISY))
    first = {copies: [heard(copies, step) for step in range(0, 10)] for copies in (clean, noisy)}
    for copies, different in ((clean, 1), (noisy, 3)):
        rows = [feats[utts.index("a-train0")] for feats, _, _, utts in first[copies] if "a-train0" in utts]
        n = min(len(row) for row in rows)
        assert len(rows) > 2
        assert len({row[10:n].sum().round(decimals=-1).item() for row in rows}) >= min(different, len(rows) - 1)


def test_rooms_and_noise_are_of_the_folders_that_are_named(corpus, tmp_path):
    rng, folders = np.random.default_rng(1), {}
    for kind, n in (("rir", 900), ("noise", 3000), ("music", 50000), ("speech", 4000)):
        folders[f"{kind}_folders"] = [str(tmp_path / kind)]
        (tmp_path / kind).mkdir()
        soundfile.write(tmp_path / kind / "a.wav", spoken(rng, n), RATE)
    copies = CLEAN | folders | {"copies": ["reverb", "noise", "music", "babble"]}
    write_sounds(tmp_path / "sounds.json", find_sounds(Augmentation(**copies).folders(), False, None, tmp_path))
    sounds = read_sounds(tmp_path / "sounds.json")
    waves, clean = pair(corpus, copies=copies, sounds=sounds)[1], pair(corpus)[1]
    assert waves.sources()[:-1] == clean.sources()[:-1]
    assert waves.sources() != clean.sources()
    noisy, in_rooms = 0, 0
    for step in range(8):
        crops = waves[step][0]
        noisy += 0 if crops.noise is None else int(crops.noise.any(dim=1).sum())
        in_rooms += 0 if crops.rooms is None else int((crops.rooms.count_nonzero(dim=1) > 1).sum())
        assert heard(waves, step)[0].isfinite().all()
    assert 18 < noisy < 40  # three of five, of 48
    assert 3 < in_rooms < 18  # one of five
    soundfile.write(tmp_path / "rir/a.wav", spoken(rng, 901), RATE)
    with pytest.raises(InputError, match="rir/a.wav: not the recording"):
        read_sounds(tmp_path / "sounds.json")


def options(**more):
    return {
        "batches": BATCHES | {"batch_size": 6, "crop": [0.2, 0.4]},
        "waveforms": True,
        "on_the_fly": NOISY,
        "epochs": 3,
        "model": {"filters": 8},
    } | more


@pytest.mark.parametrize(
    "front_end", [FBANK, FBANK.replace(dither=1.0, select_voiced=False, cmvn=CmvnOptions(type="sliding", window=20))]
)
def test_a_run_that_crashed_goes_on_and_ends_with_the_same_bytes(corpus, tmp_path, monkeypatch, front_end):
    monkeypatch.setattr(corpus, "front_end", front_end)
    whole = run(corpus, tmp_path / "whole", **options(accumulate=2, workers=1))
    crash(monkeypatch, corpus, tmp_path / "crashed", 4, **options(accumulate=2))
    crashed = run(corpus, tmp_path / "crashed", **options(accumulate=2))
    assert (crashed / "final.pt").read_bytes() == (whole / "final.pt").read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"waveforms": False}, "train.on_the_fly: copies, of features from arks; set waveforms"),
        ({"on_the_fly": CLEAN | {"speeds": [0.9, 1.0]}}, r"train.on_the_fly.speeds: \[0.9, 1.0\]; expected \[1.0\]"),
        (
            {"on_the_fly": NOISY | {"formants": [0.9, 1.0]}},
            r"train.on_the_fly.formants: \[0.9, 1.0\]; expected \[1.0\]",
        ),
        ({"on_the_fly": CLEAN | {"copies": ["telephone"]}}, "train.on_the_fly: telephone"),
        ({"on_the_fly": NOISY | {"codec_probability": 0.1}}, "train.on_the_fly: telephone"),
        ({"on_the_fly": NOISY | {"snrs": 3}}, "train.on_the_fly.snrs: no such key"),
        ({"batches": BATCHES | {"shuffle_buffer": 9}}, "shuffle_buffer: expected 0 with train.waveforms"),
    ],
)
def test_what_waveforms_cannot_have_is_refused(corpus, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        run(corpus, tmp_path, **options(**more))


def test_front_ends_and_copies_that_are_of_arks_alone_are_refused(corpus, tmp_path):
    for front_end in (FBANK.replace(engine="torchaudio"), FBANK.replace(cmvn=CmvnOptions(type="speaker"))):
        with pytest.raises(InputError, match="train.waveforms: not with feats.cmvn.type speaker"):
            pair(corpus, front_end)
    augment_data_dir(corpus.data["train"], tmp_path / "copies", Augmentation(copies=1), 1)
    with pytest.raises(InputError, match="copies/utt2aug: a-train0-aug1: .* takes copies that change the speed only"):
        Recordings([str(tmp_path / "copies")], FBANK)


def test_a_recording_that_was_replaced_or_cut_is_named(corpus, tmp_path):
    samples = spoken(np.random.default_rng(1), 9000)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    files = {"wav.scp": {"a": str(tmp_path / "a.wav")}, "utt2spk": {"a": "a"}}
    write_data_dir(tmp_path / "data", files)
    recordings = Recordings([str(tmp_path / "data")], FBANK)
    np.testing.assert_array_equal(recordings.stretch("a", 100, 200), samples[100:200])
    with pytest.raises(InputError, match=r"a.wav: a is shorter than its features say"):
        recordings.stretch("a", 9200, 9300)
    write_data_dir(tmp_path / "data", files | {"reco2sum": {"a": "18044 00000000"}})
    with pytest.raises(InputError, match="a.wav: not the recording that the data were prepared from"):
        Recordings([str(tmp_path / "data")], FBANK).stretch("a", 0, 10)
