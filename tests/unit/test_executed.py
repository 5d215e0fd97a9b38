"""Pages whose commands are run: how they are read, compared and written, and what the tutorial may hold."""

import json
import re

import nbformat
import pytest
from PIL import Image

from docs.executed.cells import ROOT, cells_of, pages
from docs.executed.notebook import NOTEBOOK, notebook_text
from docs.executed.outputs import How, differences, shorten
from docs.executed.running import environment, run, run_all
from docs.executed.writing import MOST_BYTES, store_picture, write_page
from spkr.errors import InputError

PAGE = """\
# A page

```sh
echo one; echo two; echo three 3.14
```

<!-- output: first=1 last=1 within=1,0 -->
```text
one
...
three 3.14
```

It has 3.14. Then:

```python
from PIL import Image

Image.new("RGB", (1800, 90), "white").save("white.png")
```

<!-- drawn: white.png -->
![white](pictures/small.png)

```sh
false || true
```
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def how(words: str) -> How:
    return How.read(words, "page.md:1")


def test_cells_have_their_commands_outputs_and_pictures(page):
    first, second, third = cells_of(page)
    assert (first.line, first.language, first.code) == (3, "sh", "echo one; echo two; echo three 3.14\n")
    assert first.shown == "one\n...\nthree 3.14\n" and first.how == How(1, 1, within=(0.01, 0.0))
    assert (second.drawn, second.stored) == ("white.png", page.parent / "pictures/small.png")
    assert third.shown == "" and third.stored is None


def test_a_mark_without_a_command_is_refused(page):
    page.write_text(PAGE.replace("```sh\necho", "```bash\necho"))
    with pytest.raises(InputError, match=r"page\.md:7: no command before this mark"):
        cells_of(page)


@pytest.mark.parametrize("words", ["frist=1", "first=x", "within=3", "only", "only=(", "whole=1"])
def test_words_that_a_mark_does_not_have_are_refused(words):
    with pytest.raises(InputError, match=re.escape(f"page.md:1: output: {words}: expected first=N")):
        how(words)


def test_outputs_are_shortened():
    text = "a 1 \nb 2\nc 3\nd 4\n"
    assert shorten(text, how("")) == "a 1\nb 2\nc 3\nd 4\n"
    assert shorten(text, how("first=1")) == "a 1\n...\n"
    assert shorten(text, how("first=1 last=1")) == "a 1\n...\nd 4\n"
    assert shorten(text, how("only='[bd]'")) == "...\nb 2\n...\nd 4\n"
    assert shorten(text, how("only='[abd]' last=1")) == "...\nd 4\n"


AGREE = [
    ("", "22:17:05 feats: 3 parts, 1.5 s", "09:00:11 feats: 3 parts, 21.5 s"),
    ("", "EER  9.70 (3.9-13.8)", "EER 9.70 (3.9-13.8)"),
    ("within=10,0", "EER 9.70 (3.9-13.8)", "EER 10.1 (4.1-13.1)"),
    ("within=0,0.5", "score -0.2, 7,140 trials", "score 0.2, 7,140 trials"),
    ("within=10,0 whole", "100 right", "95 right"),
    ("unordered", "b 2\na 1", "a 1\nb 2"),
    ("unordered", "a 2\na 1", "a 1\na 2"),
    ("unordered", "...\nb 2\n...\na 1", "a 1\nb 2\n..."),
]
DIFFER = [
    ("", "EER 9.70", "EER 9.71"),
    ("", "7,140 trials", "7,141 trials"),
    ("", "one\ntwo", "one"),
    ("", "b\na", "a\nb"),
    ("unordered", "b 2\na 1", "b 2\na 3"),
    ("within=10,0", "EER 9.70", "EER 11.70"),
    ("within=10,0", "EER 9.70", "FER 9.70"),
    ("within=10,0", "100 right of 9.70", "99 right of 9.70"),
    ("within=0,0.5", "x nan", "x 0.1"),
]


@pytest.mark.parametrize(("words", "shown", "printed"), AGREE)
def test_outputs_agree(words, shown, printed):
    assert differences(shown, printed, how(words)) == ""


@pytest.mark.parametrize(("words", "shown", "printed"), DIFFER)
def test_outputs_differ(words, shown, printed):
    assert "-" + shown.splitlines()[-1] in differences(shown, printed, how(words))


def test_a_command_that_fails_or_draws_nothing_is_named(page, tmp_path):
    page.write_text(PAGE.replace("|| true", "").replace("white.png", "black.png", 1))
    first, second, third = cells_of(page)
    assert run(first, tmp_path, environment(False)) == "one\ntwo\nthree 3.14\n"
    with pytest.raises(InputError, match=r"page\.md:16: no picture white\.png"):
        run(second, tmp_path, environment(False))
    with pytest.raises(InputError, match=r"page\.md:25: exit status 1"):
        run(third, tmp_path, environment(False))


def test_a_page_gets_what_comes_and_small_pictures(page, tmp_path):
    changed = PAGE.replace("echo one", "echo 22:11:05 one").replace("echo three 3.14", "echo three 3.15")
    page.write_text(changed)
    printed = list(run_all(cells_of(page), tmp_path, real=False))
    write_page(page, printed)
    assert page.read_text() == changed.replace("one\n...\nthree 3.14", "22:11:05 one\n...\nthree 3.15")
    store_picture(printed[1][0], tmp_path)
    with Image.open(tmp_path / "pictures/small.png") as small:
        assert small.size == (900, 45)
    again = [output.replace("22:", "23:") for _, output in printed]
    write_page(page, zip(cells_of(page), again, strict=True))
    assert "22:11:05 one\n...\nthree 3.15" in page.read_text()  # only a time differs


def test_a_command_without_a_mark_gets_its_output(page, tmp_path):
    page.write_text("```sh\necho one\n```\n")
    write_page(page, list(run_all(cells_of(page), tmp_path, real=False)))
    assert page.read_text() == "```sh\necho one\n```\n\n<!-- output -->\n```text\none\n```\n"


def test_commands_see_no_corpora_but_on_pages_that_need_them(monkeypatch):
    monkeypatch.setenv("SPKR_CORPORA", "here")
    assert "SPKR_CORPORA" not in environment(False)
    assert environment(True)["SPKR_CORPORA"] == "here"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_pictures_of_the_tutorial_are_there_and_small(page):
    stored = [cell.stored for cell in cells_of(page) if cell.stored]
    assert all(path.stat().st_size < MOST_BYTES for path in stored)


def test_no_picture_is_left_over():
    stored = {cell.stored.name for page in pages() for cell in cells_of(page) if cell.stored}
    assert {path.name for path in (ROOT / "docs/tutorial/pictures").iterdir()} == stored


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_numbers_in_the_tutorials_text_are_in_its_outputs_or_commands(page):
    """So that no sentence is left behind when the outputs are written anew. Whole numbers are not looked at."""
    text = page.read_text()
    blocks = re.findall(r"^```.*?^```$", text, re.M | re.S)
    said = re.sub(r"^```.*?^```$|^ {4}.*?$|<!--.*?-->|`[^`]*`", "", text, flags=re.M | re.S)
    known = set(re.findall(r"\d+\.\d+", "".join(blocks))) | {"3.11"}  # Python
    assert set(re.findall(r"\d+\.\d+", said)) <= known


def test_the_notebook_is_made_from_the_pages():
    made = notebook_text()
    assert NOTEBOOK.read_text() == made, "run: python -m docs.executed --notebook"
    nbformat.validate(nbformat.from_dict(json.loads(made)))


def test_the_notebook_has_all_commands_and_links_that_lead_to_files():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    commands = [
        cell for cell in cells if cell["cell_type"] == "code" and not cell["id"].endswith(("start", "-picture"))
    ]
    assert len(commands) == sum(len(cells_of(page)) for page in pages())
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    targets = {target for target in re.findall(r"\]\(([^)\s#]+)", text) if ":" not in target}
    assert len(targets) > 10
    assert [target for target in targets if not (NOTEBOOK.parent / target).exists()] == []
