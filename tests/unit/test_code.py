"""The digest of code: what changes it, and what does not."""

import pytest

from spkr.code import code_digest
from spkr.errors import InputError

CODE = '''"""A module."""

import math


class Circle:
    """A circle."""

    pi = math.pi  # roughly 3.14

    def area(self, r: float) -> float:
        """In square metres."""
        return self.pi * r**2  # Eq. 1


def nothing():
    """Do nothing."""
'''


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "package/circle.py"
    path.parent.mkdir()
    path.write_text(CODE)
    return path


def digest_after(module, old, new):
    text = module.read_text()
    assert old in text
    changed = module.with_name(f"changed_{len(list(module.parent.iterdir()))}.py")
    changed.write_text(text.replace(old, new))
    return code_digest(changed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # Eq. 1", "  # Eq. 2"),
        ("In square metres.", "In m^2."),
        ('    """Do nothing."""', "    pass"),
        ('    """A circle."""\n\n', ""),
        ("\n\n\nclass", "\n\nclass"),
        ("self.pi * r**2", "(self.pi * r ** 2)"),
        ('"""A module."""\n\n', ""),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(module, old, new):
    assert digest_after(module, old, new) == code_digest(module)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("r**2", "r**3"),
        ("import math", "import cmath as math"),
        ("def area", "def surface"),
        ("return self.pi", "return 'In square metres.' and self.pi"),
        ("r: float)", "r: float = 1.0)"),
    ],
)
def test_code_counts(module, old, new):
    assert digest_after(module, old, new) != code_digest(module)


def test_a_folder_is_all_its_modules_wherever_it_lies(module, tmp_path):
    other = module.parent / "below/square.py"
    other.parent.mkdir()
    other.write_text("side = 2\n")
    (other.parent / "notes.txt").write_text("no code")
    digest = code_digest(module.parent)
    assert digest == code_digest(other, module, other) == code_digest(module.parent, other)
    assert digest not in {code_digest(module), code_digest(other)}
    module.parent.rename(tmp_path / "moved")
    assert code_digest(tmp_path / "moved") == digest


def test_what_is_no_code_is_an_error(module, tmp_path):
    with pytest.raises(InputError, match="no_such.py: cannot be read"):
        code_digest(module, tmp_path / "no_such.py")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no Python module in this folder"):
        code_digest(tmp_path / "empty")
    (tmp_path / "no_code.py").write_text("def (:\n")
    with pytest.raises(InputError, match="no_code.py: not a Python module"):
        code_digest(tmp_path / "no_code.py")
