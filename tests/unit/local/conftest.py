"""A made-up HI-MIA."""

import pytest

from tests.unit.local.himia_corpus import ARRAY, write_set


@pytest.fixture
def corpus(tmp_path):
    root = tmp_path / "corpus"
    write_set(root, "train", [1, 2, 3], [f"N{i:04d}" for i in range(1, 11)], ["7_01", "2_01", "5_12"])
    write_set(root, "dev", [255, 256], ["N0001", "S0002", "F0003"], ["7_01", *ARRAY])
    write_set(root, "test", [297, 298], ["N0001", "N0002"], ["7_01", *ARRAY])
    (root / "test/trials_1m").write_text(
        "SV0297_2_{}_N0001.wav SV0297_2_{}_N0002.wav target\nSV0297_2_{}_N0001.wav SV0298_2_{}_N0001.wav nontarget\n"
    )
    (root / "test/trials_mic").write_text(
        "SV0297_7_01_N0001 SV0297_2_{}_N0002 1\nSV0298_7_01_N0001 SV0297_2_{}_N0002 0\n"
    )
    return root
