import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spkr.kaldi import names as module
from spkr.kaldi.names import Names

FIELDS = st.lists(st.binary(min_size=1, max_size=70).map(lambda b: bytes(33 + c % 94 for c in b)), min_size=1)


def as_text(fields):
    text, starts, ends = b" " * 16, [], []
    for field in fields:
        starts.append(len(text))
        text += field
        ends.append(len(text))
        text += b" "
    return text, np.array(starts), np.array(ends)


@settings(max_examples=60, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=4))
def test_numbers_are_those_of_a_dict(pieces):
    names, expected = Names(), {}
    for fields in pieces:
        fields = fields + fields[:3]
        found = names.places(*as_text(fields))
        assert found.tolist() == [expected.setdefault(field, len(expected)) for field in fields]
    assert names.numbers == expected


def test_names_of_one_slot_are_told_apart(monkeypatch):
    monkeypatch.setattr(module, "_hash", lambda words: np.zeros(len(words[0]), np.int64))
    names = Names()
    for _ in range(2):
        assert names.places(*as_text([b"a", b"b", b"ab", b"a"])).tolist() == [0, 1, 2, 0]


def test_names_that_share_their_last_words_are_told_apart():
    fields = [b"x" * n + b"12345678" * k for k in (1, 2, 9) for n in range(10)]
    fields = list(dict.fromkeys(fields))
    names = Names(fields)
    assert names.places(*as_text(fields)).tolist() == list(range(len(fields)))


def test_new_names_are_not_added_unless_asked_for():
    names = Names([b"a", b"b"])
    assert names.places(*as_text([b"b", b"c", b"a" * 80, b"a"]), add=False).tolist() == [1, -1, -1, 0]
    assert list(names.numbers) == [b"a", b"b"]


def test_thousands_of_names_come_in_pieces():
    rng = np.random.default_rng(1)
    names, expected = Names(), {}
    for _ in range(6):
        fields = [b"speaker-%d" % k for k in rng.integers(0, 20_000, 5_000)]
        assert names.places(*as_text(fields)).tolist() == [expected.setdefault(f, len(expected)) for f in fields]
