import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.trials import Trials
from spkr.metrics.scores import read_labelled_scores, read_scores

TRIALS = Trials.of(["a", "a", "b"], ["x", "y", "x"], [True, False, False])


def written(tmp_path, text):
    path = tmp_path / "trials.plda"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [
    "a x 1\na y -2.5\nb x 3e-1\n", "b x 0.3\na x 1\na y -2.5", "b\tx 0.3\r\na x  1 \na y -2.5\n",
    "b x 0.3 nontarget\na x 1 target\na y -2.5 nontarget\n", "a y -2.5 0\nb x 0.3 0\na x 1 1\n",
])  # fmt: skip
def test_scores_come_in_the_order_of_the_list(tmp_path, text):
    assert read_scores(written(tmp_path, text), TRIALS).tolist() == [1, -2.5, 0.3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a x 1\na y\nb x 3\n", r"plda:2: expected '<enrolment> <test> <score>', found 'a y'"),
        ("a x 1\na y 2 target\nb x 3\n", "plda:2: expected"),
        ("a x 1\na y 1_0\nb x 3\n", "plda:2: score '1_0'; expected a number"),
        (
            "a x 1 target\na y 2 target\nb x 3 nontarget\n",
            "plda:2: the trial 'a y' has another label than in line 2 of",
        ),
        ("a x 1 1\na y 2 0\nb x 3 no\n", "plda:3: label 'no'; expected 1 or 0, as the lines seem to be '<enrolment>"),
        ("a x 1\na y two\nb x 3\n", "plda:2: score 'two'; expected a number, as in '<enrolment> <test> <score>'"),
        ("a x 1\na y 2\nb x nan\n", "plda:3: score 'nan'; expected a finite number"),
        ("a x 1\na y -inf\nb x 3\n", "plda:2: score '-inf'; expected a finite number"),
        ("a x 1\na y 2\nb x 3\nb y 4\n", "plda:4: the trial 'b y' is not in the trial list"),
        ("a x 1\na y 2\na x 1\nb x 3\n", "plda:3: the trial 'a x' was scored in line 1 already"),
        ("b x 1\n", r"plda: 2 of 3 trials have no score, first 'a x' \(line 1 of the trial list\)"),
        ("a x 1\na y 2\n", "plda: 1 of 3 trials have no score, first 'b x'"),
    ],
)
def test_a_wrong_score_file_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_scores(written(tmp_path, text), TRIALS)


def test_scores_of_a_long_list_are_joined_and_errors_keep_their_line(tmp_path):
    rng = np.random.default_rng(0)
    pairs = [(f"m{i}", f"u{j}") for i in range(20) for j in range(30)]
    trials = Trials.of(*zip(*pairs, strict=True), None)
    lines = [f"{a} {b} {k}.5\n" for k, (a, b) in enumerate(pairs)]
    shuffled = [lines[k] for k in rng.permutation(len(lines))]
    assert (read_scores(written(tmp_path, "".join(shuffled)), trials) == np.arange(600) + 0.5).all()
    shuffled[500] = "m1  u2\t7 \n"
    with pytest.raises(InputError, match=r"the trial 'm1 u2' was scored in line \d+ already"):
        read_scores(written(tmp_path, "".join(shuffled)), trials)
    shuffled[500] = "m1 u2 x\n"
    with pytest.raises(InputError, match="plda:501: score 'x'; expected a number"):
        read_scores(written(tmp_path, "".join(shuffled)), trials)
    with pytest.raises(InputError, match="plda:601: the trial 'm1 u99' is not in the trial list"):
        read_scores(written(tmp_path, "".join([*lines, "m1 u99 1\n"])), trials)


FORMATS = ["%.7g", "%.4f", "%r", "%d", "%.9g", "%e", "%+.3f", "%.8f"]
number = st.tuples(st.sampled_from(FORMATS), st.floats(-1e9, 1e9) | st.floats(-30, 30) | st.floats(-0.1, 0.1))


@given(st.lists(st.tuples(number.map(lambda drawn: drawn[0] % drawn[1]), st.booleans()), min_size=1), st.booleans())
def test_labelled_scores_are_what_python_reads(tmp_path_factory, lines, plain):
    path = tmp_path_factory.getbasetemp() / "labelled"
    gap = " " if plain else " \t "
    path.write_text("\n".join(f"{score}{gap}{'target' if same else 'nontarget'}" for score, same in lines))
    scores, is_target = read_labelled_scores(path)
    wanted = [float(score) for score, _ in lines]
    assert scores.tolist() == wanted and (np.signbit(scores) == np.signbit(wanted)).all()
    assert is_target.tolist() == [same for _, same in lines]


@pytest.mark.parametrize(
    "score",
    [
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
        "nan",
        "-inf",
        "1_0",
    ],
)
def test_what_is_no_finite_number_is_refused_with_its_line(tmp_path, score):
    path = written(tmp_path, f"1 target\n0.5 nontarget\n{score} target\n")
    with pytest.raises(InputError, match=r"trials.plda:3: score .*; expected a (finite )?number"):
        read_labelled_scores(path)


@pytest.mark.parametrize("label", ["Target", "targe", "targett", "nontarge", "montarget", "xnontarget", "ontarget"])
def test_a_label_that_is_none_is_refused_with_its_line(tmp_path, label):
    with pytest.raises(InputError, match=f"trials.plda:2: label '{label}'; expected target or nontarget"):
        read_labelled_scores(written(tmp_path, f"1 target\n1 {label}\n"))


def test_labels_behind_the_scores_of_a_list_are_read_without_it(tmp_path):
    scores, is_target = read_labelled_scores(written(tmp_path, "a x 0.5 target\na y -1 nontarget\n"))
    assert (scores.tolist(), is_target.tolist()) == ([0.5, -1], [True, False])
    scores, is_target = read_labelled_scores(written(tmp_path, "0.5 1\n-1 0\n"))
    assert (scores.tolist(), is_target.tolist()) == ([0.5, -1], [True, False])
    with pytest.raises(InputError, match="plda:1: expected '<score> <label>' or '<enrolment> <test> <score> <label>'"):
        read_labelled_scores(written(tmp_path, "a x 0.5\n"))


def test_a_trial_that_is_scored_twice_alike_may_be_allowed(tmp_path):
    text = "a x 1\na y 2\na x 1\nb x 3\n"
    assert read_scores(written(tmp_path, text), TRIALS, allow_duplicates=True).tolist() == [1, 2, 3]
    with pytest.raises(InputError, match="plda:5: the trial 'a x' was scored in line 1 already"):
        read_scores(written(tmp_path, text + "a x 1.5\n"), TRIALS, allow_duplicates=True)


def test_names_that_look_like_numbers_are_names(tmp_path):
    trials = Trials.of(["001", "1"], ["2", "2"], [True, False])
    assert read_scores(written(tmp_path, "1 2 -3\n001 2 5\n"), trials).tolist() == [5, -3]
