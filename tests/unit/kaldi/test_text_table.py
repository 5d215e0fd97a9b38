"""Tables in text: what is read, and that what is refused is named with its line."""

import math
import os
import threading

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.text_table import read_table

MAP, TRIAL = "<utterance> <speaker>", "<enrolment> <test> <label>"


def written(folder, content):
    path = folder / "table"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path, *forms, **kinds):
    return [tuple(row) for row in read_table(path, *forms, **kinds).astype(object).itertuples(index=False)]


@pytest.mark.parametrize("names", [(), ("utterance", "speaker")])
def test_fields_are_text_whatever_they_look_like(tmp_path, names):
    lines = [("001", "NA"), ('"b', "nan"), ("#c", "1e5"), ("d\\", "None"), ("True", "'"), ("\u00e9\u2028\u00a0", "-0")]
    path = written(tmp_path, "".join(f"{a} {b}\n" for a, b in lines))
    assert rows(path, MAP, names=names) == lines


def test_columns_are_called_as_in_the_form_and_names_are_categories(tmp_path):
    table = read_table(written(tmp_path, "b s\na s\n"), MAP, names=["speaker", "no such column"])
    assert table.columns.tolist() == ["utterance", "speaker"]
    assert table["speaker"].cat.categories.tolist() == ["s"]
    assert table["utterance"].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    "content",
    ["a  x\nb y\n", "a\tx\nb \t y\n", " a x\n\tb y \t\n", "a x\r\nb y\r\n", "a x \r\nb y", "a x\nb y\r"],
)
def test_blanks_tabs_and_line_ends_of_any_kind(tmp_path, content):
    if content.endswith("\r"):
        content += "\n"
    assert rows(written(tmp_path, content), MAP) == [("a", "x"), ("b", "y")]


field = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters=" "), min_size=1)


@given(st.lists(st.tuples(field, field), min_size=1))
@example([("\ufeffa", "b")])
def test_any_fields_come_back_or_a_byte_order_mark_is_refused(tmp_path_factory, lines):
    path = written(tmp_path_factory.getbasetemp(), "".join(f"{a} {b}\n" for a, b in lines))
    if lines[0][0].startswith("\ufeff"):
        with pytest.raises(InputError, match="table:1: the line begins with a byte order mark; remove it: sed"):
            read_table(path, MAP)
    else:
        assert rows(path, MAP) == rows(path, MAP, names=["speaker"]) == lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "table: the file is empty; expected at least one line"),
        ("\n", "table:1: expected '<utterance> <speaker>', found ''"),
        ("a x\n\nb y\n", "table:2: expected '<utterance> <speaker>', found ''"),
        ("a x\nb y\n\n", "table:3: expected .*, found ''"),
        ("a x\nb y\n \t\n", "table:3: expected .*, found ' .t'"),
        ("a x\nb\nc z\n", "table:2: expected .*, found 'b'"),
        ("a x\nb y more\n", "table:2: expected .*, found 'b y more'"),
        ("a x\nb y more than that\n", "table:2: expected .*, found 'b y more than that'"),
        ("a x much\nb y\n", "table:1: expected .*, found 'a x much'"),
        ("a x\nb y\x01\n", "table:2: a control character .0x01. in "),
        ("a x\nb \x0b y\n", "table:2: a control character .0x0b. in "),
        ("a x\nb\0 y\n", "table:2: a control character .0x00. in "),
        ("a x\nb y\rc z\n", "table:2: a control character .0x0d. in "),
        ("a x\rb y\r", "table:1: a control character .0x0d. in "),
        (b"a x\nb \xff\n", "table:2: b'b .xff' is not UTF-8 text; expected a text file"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, content), MAP)


def test_the_first_line_chooses_the_form(tmp_path):
    forms = TRIAL, "<enrolment> <test>"
    assert rows(written(tmp_path, "a b\nc d\n"), *forms) == [("a", "b"), ("c", "d")]
    assert rows(written(tmp_path, "a b 1\n"), *forms) == [("a", "b", "1")]
    with pytest.raises(InputError, match="table:2: expected '<enrolment> <test>', found 'c d 1'"):
        read_table(written(tmp_path, "a b\nc d 1\n"), *forms)
    with pytest.raises(InputError, match="table:1: expected '<enrolment> <test> <label>' or '<enrolment> <test>', fou"):
        read_table(written(tmp_path, "a b c d\n"), *forms)
    with pytest.raises(InputError, match="table:1: expected"):
        read_table(written(tmp_path, "a b c d e f\na b c\n"), *forms)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match="none: no such file"):
        read_table(tmp_path / "none", MAP)
    with pytest.raises(InputError, match="cannot be read .Is a directory"):
        read_table(tmp_path, MAP)


def test_a_pipe_is_read_once_and_its_line_still_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=["a x\nb\n"])
    writer.start()
    with pytest.raises(InputError, match="pipe:2: expected"):
        read_table(tmp_path / "pipe", MAP)
    writer.join()


FORMATS = ["%.7g", "%.4f", "%r", "%d", "%.9g", "%e", "%+.3f", "%.8f", "%.25g"]
number = st.tuples(st.sampled_from(FORMATS), st.floats(allow_nan=False, allow_infinity=False)).map(
    lambda x: x[0] % x[1]
)


@given(st.lists(number, min_size=1))
def test_numbers_are_those_that_python_reads_to_the_last_bit(tmp_path_factory, texts):
    path = written(tmp_path_factory.getbasetemp(), "".join(f"a {text}\n" for text in texts))
    found = read_table(path, "<name> <score>", numbers=["score"])["score"].tolist()
    wanted = [float(text) for text in texts]
    assert found == wanted and [math.copysign(1, x) for x in found] == [math.copysign(1, x) for x in wanted]


NOT_NUMBERS = [
    *(
        "1_0",
        "1.2.3",
        "--1",
        "-",
        "1,5",
        "0x10",
        "1:2",
        "12/4",
        "1;",
        "a.1",
        ".",
        "1" * 40 + "x",
        "1.5\u00b2",
        "1e",
        "1f",
    ),
    *("\u0661", "True", "1d5", "e5", "+", "1e+"),
]


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_what_is_no_number_is_refused_with_its_line(tmp_path, text):
    with pytest.raises(InputError, match="table:2: score .*; expected a number"):
        read_table(written(tmp_path, f"a 1\nb {text}\nc 3\n"), "<name> <score>", numbers=["score"])


def test_a_number_left_out_is_refused_with_its_line(tmp_path):
    with pytest.raises(InputError, match="table:2: expected '<name> <score>', found 'b'"):
        read_table(written(tmp_path, "a 1\nb\n"), "<name> <score>", numbers=["score"])


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "Infinity", "+INF", "1e400"])
def test_numbers_that_are_not_finite_are_refused_with_their_line(tmp_path, text):
    with pytest.raises(InputError, match="table:2: score .*; expected a finite number"):
        read_table(written(tmp_path, f"a 1\nb {text}\n"), "<name> <score>", numbers=["score"])


@given(st.text("0123456789+-.eE_,xXinfa ", min_size=1, max_size=6).filter(lambda text: " " not in text))
def test_nothing_else_is_read_as_a_number(tmp_path_factory, text):
    path = written(tmp_path_factory.getbasetemp(), f"a {text}\n")
    try:
        found = read_table(path, "<name> <score>", numbers=["score"])["score"][0]
    except InputError as e:
        assert "expected a" in str(e)  # noqa: PT017
    else:
        assert "_" not in text and found == float(text)
