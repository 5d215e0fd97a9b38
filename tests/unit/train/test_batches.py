import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.train.batches import loader
from tests.unit.train.runs import STEPS_PER_EPOCH, batches, same


def test_a_batch_is_a_function_of_seed_and_step(toy):
    forth, back = batches(toy, time_masks=2), batches(toy, time_masks=2)
    for step in (11, 3, 0, 7):
        assert same(forth[step], back[step])
    assert not same(forth[3], forth[8])
    assert not same(forth[3], batches(toy, time_masks=2, seed=2)[3])


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_the_same_whatever_the_number_of_workers(toy, workers):
    source = batches(toy, time_masks=2, short="pad", crop=[0.4, 0.5])
    expected = [source[step] for step in range(3, 12)]
    found = list(loader(source, 3, 12, workers, pin_memory=False))
    assert len(found) == len(expected)
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))


def test_an_epoch_is_a_shuffle_of_all_utterances(toy):
    source = batches(toy)
    assert source.steps_per_epoch == STEPS_PER_EPOCH
    epochs = [[utt for step in range(5 * e, 5 * e + 5) for utt in source[step][3]] for e in range(3)]
    for utts in epochs:
        assert len(set(utts)) == len(utts) == 35
    assert epochs[0] != epochs[1] != epochs[2]
    assert set(epochs[0]) | set(epochs[1]) | set(epochs[2]) == set(source.utts)


@pytest.mark.parametrize("short", ["tile", "pad"])
def test_processes_share_the_rows_of_a_batch(toy, short):
    options = {"batch_size": 6, "short": short, "crop": [0.3, 0.5], "time_masks": 1}
    whole = batches(toy, **options)
    shares = [batches(toy, rank=rank, size=3, **options) for rank in range(3)]
    for step in (0, 7):
        feats, lengths, speakers, utts = whole[step]
        for rank, share in enumerate(share[step] for share in shares):
            assert share[3] == utts[rank::3]
            assert torch.equal(share[2], speakers[rank::3])
            assert torch.equal(share[0], feats[rank::3, : share[0].shape[1]])
            if lengths is not None and share[1] is not None:
                assert torch.equal(share[1], lengths[rank::3])


def test_padded_batches_are_of_like_lengths(toy):
    padded, tiled = batches(toy, short="pad", crop=[9, 9]), batches(toy)
    spread = {}
    for source in (padded, tiled):
        lengths = [[source.num_frames[source.utts.index(utt)] for utt in source[step][3]] for step in range(5)]
        spread[source] = sum(max(batch) - min(batch) for batch in lengths)
        assert [max(batch) for batch in lengths] != sorted(max(batch) for batch in lengths)
    assert spread[padded] < spread[tiled] / 3
    utts = [utt for step in range(5, 10) for utt in padded[step][3]]
    assert len(set(utts)) == 35
    assert same(padded[2], batches(toy, short="pad", crop=[9, 9])[2])  # whatever epoch was asked for before


def test_crops_are_stretches_of_the_right_utterance_and_speaker(toy):
    source, lengths = batches(toy), set()
    for step in range(20):
        feats, real, speakers, utts = source[step]
        assert real is None
        lengths.add(feats.shape[1])
        for row, speaker, utt in zip(feats.numpy(), speakers, utts, strict=True):
            whole = source.reader[utt]
            assert speaker == int(utt[1])
            starts = [s for s in range(len(whole)) if np.array_equal(whole[s : s + 1], row[:1])]
            assert any(np.array_equal(np.tile(whole, (3, 1))[s : s + len(row)], row) for s in starts)
    assert min(lengths) >= 20
    assert max(lengths) <= 40
    assert len(lengths) > 5


def padded_to(feats, frames):
    return torch.cat([feats, torch.zeros(frames - len(feats), feats.shape[1])])


def test_short_utterances_are_tiled_or_padded(toy):
    tiled, padded = batches(toy, crop=[0.5, 0.5]), batches(toy, crop=[0.5, 0.5], short="pad")
    short = 0
    for source in (tiled, padded):
        for step in range(5):
            feats, lengths, _, utts = source[step]
            frames = [len(source.reader[utt]) for utt in utts]
            expected = [50 if source is tiled else min(n, 50) for n in frames]
            assert (lengths is None and {feats.shape[1]} == set(expected)) or lengths.tolist() == expected
            assert feats.shape[1] == max(expected)
            for row, utt, n in zip(feats, utts, frames, strict=True):
                if n < 50:
                    short += 1
                    whole = torch.from_numpy(source.reader[utt])
                    assert torch.equal(row, whole.repeat(3, 1)[:50] if source is tiled else padded_to(whole, len(row)))
    assert short > 20


def test_spec_augment_masks_with_the_mean(toy):
    plain = batches(toy)
    for masks, axis in (({"time_masks": 1, "time_mask_width": 10}, 1), ({"freq_masks": 1, "freq_mask_width": 3}, 0)):
        masked, widths = batches(toy, **masks), []
        for step in range(10):
            before, after = plain[step][0][0], masked[step][0][0]  # later crops of a batch begin elsewhere
            changed = (before != after).any(dim=axis).nonzero().ravel().tolist()
            widths.append(len(changed))
            assert changed == list(range(min(changed, default=0), max(changed, default=-1) + 1))
            mean = before.mean(dim=0)
            if axis:
                torch.testing.assert_close(after[changed], mean.expand(len(changed), -1))
            else:
                torch.testing.assert_close(after[:, changed], mean[changed].expand(len(after), -1))
        assert max(widths) <= (10 if axis else 3)
        assert len(set(widths)) > 2


def test_masks_wider_than_the_crop_are_cut_to_it(toy):
    feats = batches(toy, time_masks=3, time_mask_width=500, freq_masks=3, freq_mask_width=500)[0][0]
    assert feats.isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 37}, "batch_size: 37, but only 36 utterances"),
        ({"short": "repeat"}, "short: 'repeat'; expected tile or pad"),
        ({"crop": [3, 2]}, r"crop: \[3.0, 2.0\]; expected \[low, high\]"),
        ({"crop": [0, 2]}, "crop"),
    ],
)
def test_wrong_batch_options_are_named(toy, options, message):
    with pytest.raises(InputError, match=message):
        batches(toy, **options)
