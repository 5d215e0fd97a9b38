import numpy as np
import pytest

from spkr.errors import InputError
from spkr.kaldi.trials import Trials
from spkr.metrics.identification import identification_accuracy


def identify(*rows):
    enrol, test, target, scores = zip(*rows, strict=True)
    return identification_accuracy(Trials.of(enrol, test, target), np.array(scores, float))


def test_identification_takes_the_best_model_of_each_test_utterance():
    a = [("A", "a1", True, 3), ("B", "a1", False, 2), ("C", "a1", False, -1)]
    b = [("A", "b1", False, 5), ("B", "b1", True, 4)]
    assert identify(*a) == (1, 1)
    assert identify(*a, *b) == identify(*b, *a[::-1]) == (0.5, 2)


def test_identification_counts_a_tie_with_a_wrong_model_as_wrong():
    assert identify(("A", "a1", True, 3), ("B", "a1", False, 3)) == (0, 1)


def test_identification_leaves_out_utterances_of_nobody_enrolled():
    assert identify(("A", "a1", True, 3), ("B", "a1", False, 2), ("A", "x1", False, 9)) == (1, 1)
    with pytest.raises(InputError, match="no target trial"):
        identify(("A", "x1", False, 9))
