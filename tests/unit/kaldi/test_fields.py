import pytest

from spkr.kaldi.fields import count, decimal


@pytest.mark.parametrize(
    "text, number", [("1", 1), ("-1", -1), ("+2.50", 2.5), (".5", 0.5), ("5.", 5), ("1e3", 1000), ("1.5E-1", 0.15)]
)
def test_decimals_are_read(text, number):
    assert decimal(text) == number


@pytest.mark.parametrize("text", ["1_0", "nan", "inf", "1e999", " 1", "1\n", "", ".", "1e", "0x1", "\u0663", "1,5"])
def test_other_text_is_no_decimal(text):
    with pytest.raises(ValueError):
        decimal(text)


@pytest.mark.parametrize("text", ["1_0", "1.0", "-1", "+1", " 1", "1\n", "", "\u0663", "\u00b2", "9" * 19])
def test_other_text_is_no_count(text):
    assert count("0") == 0 and count("0012") == 12
    with pytest.raises(ValueError):
        count(text)
