import pytest

from spkr.errors import InputError
from spkr.report.training import plot_training, read_log

HEADER = "epoch\tstep\tlr\tloss\tgrad_norm\ttrain_accuracy\tvalid_accuracy\tdev_eer\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "train_log.tsv"
    rows = [(1, 4, 0.002, 12.5, 3, 0.1, 0.2, "nan"), (2, 8, 1e-05, 0.25, 2, 0.9, 0.6, "nan")]
    path.write_text(HEADER + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def test_a_log_is_read_by_its_columns(log):
    found = read_log(log)
    assert list(found) == HEADER.split()
    assert found["loss"].tolist() == [12.5, 0.25]
    assert found["lr"].tolist() == [0.002, 1e-05]


def test_the_plot_shows_all_trainings_and_is_the_same_to_the_byte(log, tmp_path):
    once, both = [read_log(log)], [read_log(log)] * 2
    for stem, trainings in (("a", both), ("b", both), ("once", once)):
        plot_training(tmp_path / stem, trainings)
    for end in ("png", "svg"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()
    both, once = ((tmp_path / f"{stem}.svg").read_text() for stem in ("a", "once"))
    assert "not measured" in once  # the EER, which is nan
    assert (once.count("#888888"), both.count("#888888")) == (0, 4)  # in each panel a line parts the trainings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("loss", "cost") + "1\t4\t0.1\t2\t3\t0\t0\t0\n", ":1: no column 'loss'; expected the train_log"),
        (HEADER + "1\t4\tfast\t2\t3\t0\t0\t0\n", ":2: lr 'fast'; expected a number"),
        (HEADER + "1\t4\t0.1\n", ":2: 3 columns; expected 8"),
        (HEADER, ": no epoch; expected a line for each"),
    ],
)
def test_a_wrong_log_is_named_with_its_line(log, text, message):
    log.write_text(text)
    with pytest.raises(InputError, match="train_log.tsv" + message):
        read_log(log)


def test_empty_lines_at_the_end_and_a_capital_nan_are_read(log):
    log.write_text(log.read_text().replace("nan", "NaN") + "\n\n")
    assert read_log(log)["loss"].tolist() == [12.5, 0.25]
