from collections import Counter

import numpy as np
import pytest

from spkr.errors import InputError
from spkr.train.arks import stretches
from spkr.train.batches import loader
from tests.unit.train.runs import batches, same


def epoch_of(source, epoch):
    return [source[step][3] for step in range(epoch * source.steps_per_epoch, (epoch + 1) * source.steps_per_epoch)]


def speakers_of(utts):
    return [utt.partition("-")[0] for utt in utts]


@pytest.mark.parametrize(("in_epoch", "in_batch"), [(4, 1), (4, 2), (8, 2), (12, 3), (3, 3)])
def test_balanced_batches_have_as_many_of_each_speaker(toy, in_epoch, in_batch):
    source = batches(toy, batch_size=6, utts_per_speaker=in_epoch, utts_per_speaker_in_batch=in_batch)
    assert source.steps_per_epoch == in_epoch
    first, second = epoch_of(source, 0), epoch_of(source, 1)
    assert first != second
    assert len({tuple(speakers_of(batch)) for batch in first}) > 1
    for epoch in (first, second):
        uses = Counter(utt for batch in epoch for utt in batch)
        assert set(Counter(speakers_of(utts := [u for b in epoch for u in b])).values()) == {in_epoch}, utts
        times = [uses[utt] for utt in source.utts]
        assert max(times) - min(times) <= 1  # each has six: none twice before all were there once
        for batch in epoch:
            groups = np.array(speakers_of(batch)).reshape(-1, in_batch)
            assert (groups == groups[:, :1]).all()
            assert len(set(groups[:, 0])) == len(groups)


def test_padded_batches_keep_the_groups_of_a_speaker(toy):
    source = batches(toy, batch_size=6, utts_per_speaker=6, utts_per_speaker_in_batch=2, short="pad", crop=[9, 9])
    spread = 0
    for batch in epoch_of(source, 0):
        groups = np.array(speakers_of(batch)).reshape(-1, 2)
        assert (groups[:, 0] == groups[:, 1]).all()
        longest = [max(source.num_frames[source.utts.index(u)] for u in batch[i : i + 2]) for i in (0, 2, 4)]
        spread += max(longest) - min(longest)
    assert spread < 6 * 8


@pytest.mark.parametrize("options", [{"shuffle_buffer": 12}, {"utts_per_speaker": 4, "utts_per_speaker_in_batch": 2}])
@pytest.mark.parametrize("workers", [1, 2])
def test_orders_are_the_same_whatever_the_number_of_workers_and_where_one_begins(toy, options, workers):
    source, options = batches(toy, batch_size=6, **options), {"batch_size": 6} | options
    expected = [source[step] for step in range(12)]
    found = list(loader(batches(toy, **options), 5, 12, workers, pin_memory=False))
    assert all(same(a, b) for a, b in zip(found, expected[5:], strict=True))
    assert not same(expected[0], batches(toy, seed=2, **options)[0])


@pytest.mark.parametrize("options", [{"shuffle_buffer": 12}, {"utts_per_speaker": 4, "utts_per_speaker_in_batch": 2}])
def test_processes_share_the_rows_of_any_order(toy, options):
    options = {"batch_size": 6} | options
    whole, shares = batches(toy, **options), [batches(toy, rank=rank, size=2, **options) for rank in range(2)]
    for step in (0, 7):
        assert [share[step][3] for share in shares] == [whole[step][3][0::2], whole[step][3][1::2]]
        assert shares[0].utterances(step) == whole.utterances(step) == whole[step][3]


@pytest.mark.parametrize("short", ["tile", "pad"])
def test_a_buffered_epoch_has_every_utterance_once_and_only_what_was_read(toy, monkeypatch, short):
    monkeypatch.setattr("spkr.train.arks.STRETCH", 3)
    monkeypatch.setattr("spkr.train.sampling.POOL", 2)
    monkeypatch.setattr("spkr.train.batches.POOL", 2)
    read = set()
    monkeypatch.setattr("spkr.train.arks.Stretch.read", lambda self: read.update(self.utts.tolist()))
    source = batches(toy, batch_size=4, shuffle_buffer=9, short=short)
    sizes = []
    for epoch in range(2):
        read.clear()
        seen = []
        for step in range(epoch * 9, epoch * 9 + 9):
            utts = source[step][3]
            assert {source.utts.index(utt) for utt in utts} <= read
            seen += utts
            sizes.append(len(read))
        assert sorted(seen) == source.utts
        assert len(read) == 36
    assert sizes[0] <= 9 + 8 + 3  # the buffer, a pool, and the rest of a stretch


def test_a_buffer_mixes_and_a_small_one_keeps_neighbours(toy, monkeypatch):
    monkeypatch.setattr("spkr.train.arks.STRETCH", 6)  # a speaker each
    few, many = batches(toy, batch_size=6, shuffle_buffer=1), batches(toy, batch_size=6, shuffle_buffer=36)
    assert [len(set(speakers_of(batch))) for batch in epoch_of(few, 0)] == [1] * 6
    assert np.mean([len(set(speakers_of(batch))) for batch in epoch_of(many, 0)]) > 3
    assert epoch_of(few, 0) != epoch_of(few, 1)


def test_stretches_cover_the_utterances_and_their_bytes(toy, monkeypatch):
    monkeypatch.setattr("spkr.train.arks.STRETCH", 5)
    reader = batches(toy).reader
    utts = sorted(reader.feats)[::-1][2:]
    found = stretches([reader.feats, reader.vad], utts)
    assert sorted(i for stretch in found for i in stretch.utts) == list(range(len(utts)))
    assert [len(stretch.utts) for stretch in found] == [5, 5, 5, 5, 5, 5, 4]
    for stretch in found:
        for table, (path, begin, end) in zip((reader.feats, reader.vad), stretch.spans, strict=True):
            places = [table.places[utts[i]] for i in stretch.utts]
            assert places == sorted(places)
            assert {place[0] for place in places} == {path}
            assert begin == places[0][1]
            assert places[-1][1] < end
        stretch.read()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shuffle_buffer": 9, "utts_per_speaker": 2}, "shuffle_buffer: .* expected utts_per_speaker: 0"),
        ({"utts_per_speaker": 4, "utts_per_speaker_in_batch": 2}, "in_batch: 2; expected a divisor of batch_size, 7"),
        ({"utts_per_speaker": 8, "utts_per_speaker_in_batch": 7}, "expected a divisor of utts_per_speaker, 8"),
        ({"utts_per_speaker_in_batch": 7}, "utts_per_speaker_in_batch: 7; expected 1"),
        ({"utts_per_speaker": 1}, "batch_size: 7, but only 6 utterances"),
    ],
)
def test_wrong_orders_are_named(toy, options, message):
    with pytest.raises(InputError, match=message):
        batches(toy, **options)
