import hashlib
import io
import random

import pytest

from spkr.corpus.parts import Joined, digests, open_parts

WHOLE = bytes(range(256)) * 5


@pytest.fixture
def parts(tmp_path):
    paths = [tmp_path / name for name in "abcd"]
    for path, (start, end) in zip(paths, ((0, 500), (500, 500), (500, 501), (501, None)), strict=True):
        path.write_bytes(WHOLE[start:end])
    return paths


def test_any_stretch_is_that_of_the_joined_file(parts):
    draw = random.Random(1)
    with Joined(parts) as raw, open_parts(parts) as buffered:
        for at in [*range(495, 506), *(draw.randrange(len(WHOLE) + 9) for _ in range(50))]:
            assert raw.seek(at) == buffered.seek(at) == at
            assert raw.read(1) == WHOLE[at : at + 1]
            assert buffered.read(20) == WHOLE[at : at + 20]
            assert buffered.tell() == max(at, min(at + 20, len(WHOLE)))


def test_positions_are_relative_as_in_every_file(parts):
    with Joined(parts) as f:
        assert f.seek(-3, io.SEEK_END) == len(WHOLE) - 3 and f.readall() == WHOLE[-3:] and f.read() == b""
        f.seek(10)
        assert f.seek(5, io.SEEK_CUR) == 15
        with pytest.raises(ValueError, match="negative position -1"):
            f.seek(-1)


def test_digests_are_those_of_the_joined_file(parts):
    expected = {"md5": hashlib.md5(WHOLE).hexdigest(), "sha256": hashlib.sha256(WHOLE).hexdigest()}
    assert digests(parts, "md5", "sha256") == expected
