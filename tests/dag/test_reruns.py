"""What runs again after a change: the tables of reruns.md, each row a dry run in a finished folder."""

import functools
import os
import re
import shlex
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.dag.dry_run import jobs

ORDER = (
    *("corpus", "data", "augment", "feats", "merge_feats", "train", "finetune"),
    *("embed", "merge_xvectors", "backend", "adapt", "score", "calibrate", "apply_calibration", "report", "html"),
)
WORKFLOW = ("Snakefile", "report", "rules", "recipes", "conf", "profiles", "spkr", "local")


def read_tables() -> dict[str, list[tuple[str, str]]]:
    """The page's tables by their first header: what is changed, and what then runs."""
    found = {}
    for block in re.findall(r"(?:^\|.*\n)+", Path(__file__).with_name("reruns.md").read_text(), re.M):
        head, _, *rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in block.splitlines()]
        found[head[0].strip("`")] = rows
    return found


TABLES = read_tables()
TUNED, HIMIA = (head for head in TABLES if head.startswith("{"))
RUNS = {"mini": "{recipe: mini}", "tuned": TUNED, "himia": HIMIA}


def rows(head: str):
    """A table as a test's parameters."""
    return pytest.mark.parametrize(("change", "stages"), TABLES[head], ids=[change for change, _ in TABLES[head]])


def in_code_type(cell: str) -> list[str]:
    return re.findall("`(.*?)`", cell)


def files_of(cell: str) -> list[str]:
    """The files that a cell names as a shell would read it: `spkr/{a,b}.py`, `spkr/*.py`."""
    found = []
    for pattern in in_code_type(cell):
        head, names, tail = re.fullmatch(r"([^{]*)\{?([^}]*)\}?(.*)", pattern).groups()
        for name in names.split(","):
            files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(head + name + tail))
            assert files, f"reruns.md: {head + name + tail}: no such file"
            found += [file for file in files if not file.endswith("__init__.py")]
    return found


def expected(cell: str, whole: dict[str, int]) -> dict[str, int]:
    """The jobs by rule that a cell tells, given `whole`, those of the whole workflow."""
    counts = {}
    for first, stage, n, of in re.findall(r"from `(\w+)` on|`(\w+)`(?: \((\d+)(?: of (\d+))?\))?", cell):
        if first:
            counts |= {rule: whole[rule] for rule in ORDER[ORDER.index(first) :] if rule in whole}
        else:
            assert not of or int(of) == whole[stage], cell
            counts[stage] = int(n or whole.get(stage, 1))
    assert counts or cell == "nothing", cell
    return counts


def of_run(folder: Path, run: str, *more: Path) -> tuple[str, ...]:
    return "--configfile", str(folder / f"{run}.yaml"), *map(str, more)


def copy_workflow(folder: Path) -> None:
    for name in WORKFLOW:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)


@pytest.fixture(scope="module")
def finished(snakemake, tmp_path_factory):
    """A checkout with finished runs: files of a word, and Snakemake's belief that its jobs made them."""
    folder = tmp_path_factory.mktemp("finished")
    copy_workflow(folder)
    date = time.time()  # of all files, as none is older than what it was made from
    for run, config in RUNS.items():
        (folder / f"{run}.yaml").write_text(config)
        for line in snakemake(folder, "-n", "--summary", *of_run(folder, run), at=folder).splitlines():
            if line.startswith("exp/"):
                path = folder / line.split("\t")[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("made\n")
                os.utime(path, (date, date))
        first = "train" if run == "tuned" else "corpus"  # it shares data and features with mini
        snakemake(folder, "--touch", "-R", first, *of_run(folder, run), at=folder)
    return folder


@pytest.fixture
def checkout(finished, tmp_path):
    """A copy of it, to change."""
    ignore = shutil.ignore_patterns("himia-few", "tuned", "log")
    return shutil.copytree(finished, tmp_path / "checkout", ignore=ignore)


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory):
    """A checkout in which nothing ever ran."""
    folder = tmp_path_factory.mktemp("new")
    copy_workflow(folder)
    return folder


@pytest.fixture(scope="module")
def run_again(snakemake):
    """The jobs by rule that Snakemake would run in a checkout; `all` only collects, and is none."""

    def dry_run(folder: Path, *args: str) -> dict[str, int]:
        output = snakemake(folder, "-n", *args, at=folder)
        found = {rule: n for rule, n in jobs(output).items() if rule != "all"}
        assert found or "Nothing to be done" in output, output[-2000:]
        return found

    return dry_run


@pytest.fixture(scope="module")
def whole(run_again, finished):
    """The jobs by rule of a whole run."""
    return functools.cache(lambda run: run_again(finished, "--forceall", *of_run(finished, run)))


@rows("a setting")
def test_a_setting(run_again, finished, whole, tmp_path, change, stages):
    (tmp_path / "change.yaml").write_text("{" + in_code_type(change)[0] + "}")
    assert run_again(finished, *of_run(finished, "mini", tmp_path / "change.yaml")) == expected(stages, whole("mini"))


@contextmanager
def a_line_more(files: list[Path]):
    for file in files:
        shutil.copy2(file, f"{file}.old")
        with file.open("a") as f:
            f.write("# a line more\n")
    yield
    for file in files:
        Path(f"{file}.old").replace(file)


@rows("a line more in")
def test_a_line_more_in_a_file(run_again, finished, whole, change, stages):
    counts = expected(stages, whole("mini"))
    with a_line_more([finished / file for file in files_of(change)]):
        found = run_again(finished, *of_run(finished, "mini"))
    assert found == counts


@contextmanager
def other_code(files: list[Path]):
    for file in files:
        shutil.copy2(file, f"{file}.old")
        with file.open("a") as f:
            f.write("CHANGED = True\n")
    yield
    for file in files:
        Path(f"{file}.old").replace(file)


@rows("code that changes in")
def test_code_that_changes(run_again, finished, whole, change, stages):
    counts = expected(stages, whole("mini"))
    with other_code([finished / file for file in files_of(change)]):
        found = run_again(finished, *of_run(finished, "mini"))
    assert found == counts


@rows("a command line")
def test_a_command_line(run_again, finished, whole, change, stages):
    words = shlex.split(in_code_type(change)[0])
    assert run_again(finished, *words, *of_run(finished, "mini")) == expected(stages, whole("mini"))


@rows(TUNED)
def test_a_command_line_with_fine_tuning_and_adaptation(run_again, finished, whole, change, stages):
    words = shlex.split(in_code_type(change)[0])
    assert run_again(finished, *words, *of_run(finished, "tuned")) == expected(stages, whole("tuned"))


@rows(HIMIA)
def test_a_command_line_of_himia(run_again, finished, whole, change, stages):
    words = shlex.split(in_code_type(change)[0])
    assert run_again(finished, *words, *of_run(finished, "himia")) == expected(stages, whole("himia"))


@rows("a new folder")
def test_a_command_line_in_a_new_folder(run_again, finished, new_folder, whole, change, stages):
    words = shlex.split(in_code_type(change)[0])
    assert run_again(new_folder, *words, *of_run(finished, "mini")) == expected(stages, whole("mini"))


def test_every_stage_is_redone_by_its_name(whole):
    lines = [in_code_type(change)[0].split() for head in ("a command line", TUNED, HIMIA) for change, _ in TABLES[head]]
    redone = {line[1] for line in lines if line[0] == "-R"}
    assert redone >= {*whole("mini"), *whole("tuned"), *whole("himia")} == set(ORDER)


def replace(file: str, old: str, new: str):
    def change(checkout: Path) -> None:
        text = (checkout / file).read_text()
        assert old in text
        (checkout / file).write_text(text.replace(old, new))

    return change


def edit(*names: str, line: str = "# a line more"):
    def change(checkout: Path) -> None:
        for name in names:
            with (checkout / name).open("a") as f:
                f.write(f"{line}\n")

    return change


def delete(*names: str):
    def change(checkout: Path) -> None:
        for name in names:
            shutil.rmtree(checkout / name) if (checkout / name).is_dir() else (checkout / name).unlink()

    return change


def lose_dates(checkout: Path) -> None:
    """What later stages made is now older than what earlier ones did."""
    for age, path in enumerate(sorted(path for path in checkout.rglob("*") if path.is_file())):
        os.utime(path, (time.time() - age,) * 2)


def check_out_anew(checkout: Path) -> None:
    shutil.rmtree(checkout / ".snakemake")
    for name in WORKFLOW:
        for path in (checkout / name, *(checkout / name).rglob("*")):
            path.touch()


def leave(checkout: Path) -> None:
    """The checkout of each test is a copy of another, dates and all."""


HAPPENS = {  # by the page's words, up to a comma
    "a value in a preset": replace("conf/train/mini.yaml", "epochs: 8", "epochs: 9"),
    "`data/test/trials_pairs` is edited": edit("exp/mini/data/test/trials_pairs"),
    "`data/test/models_enrol3` is edited": edit("exp/mini/data/test/models_enrol3"),
    "`data/dev/trials_enrol3` is edited": edit("exp/mini/data/dev/trials_enrol3"),
    "`data/dev/trials_pairs` is edited": edit("exp/mini/data/dev/trials_pairs"),
    "`data/test/trials_pairs` gets a newer date": lambda checkout: (
        checkout / "exp/mini/data/test/trials_pairs"
    ).touch(),
    "`exp` and `.snakemake` are copied elsewhere": leave,
    "dates are lost in copying": lose_dates,
    "`.snakemake` is lost": delete(".snakemake"),
    "`.snakemake` is lost and the code checked out anew": check_out_anew,
    "the code of `local/an4.py` changes": edit("local/an4.py", line="CHANGED = True"),
    "the code of `spkr/report/det.py` changes": edit("spkr/report/det.py", line="CHANGED = True"),
    "`main/results` is deleted": delete("exp/mini/main/results"),
    "corpus and features are deleted": delete("exp/corpora/mini", "exp/mini/feats"),
    "features and embeddings are deleted": delete("exp/mini/feats", "exp/mini/main/xvectors"),
    "`main/scores/trials_pairs.plda` is deleted": delete("exp/mini/main/scores/trials_pairs.plda"),
}


@rows("what happens")
def test_what_happens_to_files(snakemake, run_again, checkout, whole, change, stages):
    HAPPENS[change.split(",")[0]](checkout)
    options = []
    for words in map(shlex.split, in_code_type(change)):
        if words[0] == "snakemake":  # whose jobs leave the files as they are: so they need not be run
            snakemake(checkout, "--touch", *words[1:], *of_run(checkout, "mini"), at=checkout)
        elif words[0].startswith("-"):
            options += words
    assert run_again(checkout, *options, *of_run(checkout, "mini")) == expected(stages, whole("mini"))
