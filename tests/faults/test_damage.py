"""Files damaged, lost or edited behind the workflow's back."""

import os
import shutil
from pathlib import Path

import pytest

from tests.faults.conftest import EXP, REPAIR, from_on

pytestmark = pytest.mark.faults


def lose_last_byte(content: bytes) -> bytes:
    return content[:-1]


def lose_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip_one_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def lose_last_line(content: bytes) -> bytes:
    return content[: content.rindex(b"\n", 0, -1) + 1]


def rewrite(path: Path, change) -> None:
    """Damage a file as a disk does: its times stay what they are."""
    times = path.stat()
    path.write_bytes(change(path.read_bytes()))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


FEATURES = {"feats": 1, "merge_feats": 1}
STAGE = {
    "merge_xvectors": "embed",
    "apply_calibration": "calibrate",
    "html": "report",
}  # of a rule, where it is not the rule itself
EMBEDDINGS = {"embed": 1, "merge_xvectors": 1}
DAMAGES = {  # the next stage of the run, the file, what happened to it; the jobs that make that again
    "features cut by a byte": ("embed", "feats/*/test/feats.1.ark", lose_last_byte, FEATURES),
    "one bit flipped in features": ("train", "feats/*/valid/feats.1.ark", flip_one_bit, FEATURES),
    "a model cut short": ("embed", "main/model/final.pt", lose_half, {"train": 1}),
    "one bit flipped in embeddings": ("score", "main/xvectors/test/xvector.1.ark", flip_one_bit, EMBEDDINGS),
    "a PLDA cut short": ("score", "main/backend/plda", lose_half, {"backend": 1}),
    "scores that lost a line": (
        "report",
        "main/scores/trials_pairs.plda",
        lose_last_line,
        {"score": 1, "apply_calibration": 1},
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_by_the_next_reader_and_exactly_that_is_made_again(run, finish, damage):
    stage, pattern, change, again = DAMAGES[damage]
    path = run.one(pattern)
    named = str(path.relative_to(run.folder))
    run.back_to(stage)
    rewrite(path, change)
    output = run.snakemake(ok=False)
    assert f"error: {named}: " in output and REPAIR in output
    assert named in run.check("--remove")
    assert not path.exists()
    assert {rule: n for rule, n in finish(run).items() if STAGE.get(rule, rule) not in from_on(stage)} == again


def test_damage_in_a_finished_run_is_found_by_a_check_which_says_what_to_type(run, finish):
    for pattern in ("feats/*/test/feats.1.ark", "main/xvectors/train/xvector.1.ark", "main/model/final.pt"):
        rewrite(run.one(pattern), flip_one_bit)
    (run.exp / "main/backend/plda").unlink()
    run.check(ok=False)
    assert run.mend() == {"feats": 1, "train": 1, "embed": 1, "backend": 1}
    assert finish(run) == {}


def test_results_edited_by_hand_are_not_taken_for_measured_ones(run, finish):
    rewrite(run.exp / "main/results/results.tsv", lambda content: content.replace(b"plda", b"PLDA"))
    run.check(ok=False)
    assert run.mend() == {"report": 1}
    assert finish(run) == {}


@pytest.mark.parametrize("fault", ["deleted", "replaced"])
def test_a_recording_lost_after_preparation_is_named_and_reruns_nothing_by_itself(run, finish, fault):
    wav = Path((run.exp / "data/test/wav.scp").read_text().split()[1])
    kept = (run.folder / wav).rename(run.folder / "kept.wav")
    if fault == "replaced":
        another = next(f for f in (run.folder / wav).parent.iterdir() if f.name != wav.name)
        shutil.copyfile(another, run.folder / wav)
    assert f"{wav}: " in run.check(ok=False)
    assert "Nothing to be done" in run.snakemake()
    run.back_to_test_features()
    assert f"{wav}: " in run.snakemake(ok=False)
    kept.replace(run.folder / wav)
    assert finish(run).items() >= FEATURES.items()


def test_a_recording_lost_before_preparation_is_named_and_comes_with_the_corpus_again(run, finish):
    run.back_to("data")
    lost = next((run.folder / "exp/corpora/mini/an4/wav").rglob("*.wav"))
    lost.unlink()
    assert f"{lost.stem} has no audio under " in run.snakemake(ok=False)
    assert not list(run.exp.glob("data/*/wav.scp"))
    finish(run, "-R", "corpus")


def test_a_trial_of_an_unknown_utterance_is_named(run, finish):
    trials = run.exp / "data/test/trials_pairs"
    whole = trials.read_text()
    trials.write_text(whole + "nobody-an1-b nobody-an2-b nontarget\n")
    output = run.snakemake(ok=False)
    assert f"error: {EXP}/data/test/trials_pairs" in output
    assert not (run.exp / "main/scores/trials_pairs.plda").exists()
    trials.write_text(whole)
    finish(run)


def test_an_utt2spk_edited_by_hand_is_refused(run, finish):
    utt2spk = run.exp / "data/test/utt2spk"
    (first, spk), *others = (line.split() for line in utt2spk.read_text().splitlines())
    other = next(of for _, of in others if of != spk)
    utt2spk.write_text("".join(f"{u} {s}\n" for u, s in [(first, other), *others]))
    output = run.snakemake(ok=False)
    assert f"error: {EXP}/data/test/utt2spk: " in output and REPAIR in output
    assert run.mend() == {"data": 1, "feats": 1}  # Snakemake took the features away, to make them from the new file
    finish(run)


def test_without_a_manifest_the_run_goes_on_and_its_place_is_taken_by_the_next(run, finish):
    run.back_to("score")
    (run.exp / "main/backend/manifest.json").unlink()
    assert finish(run) == {"score": 3, "calibrate": 1, "apply_calibration": 2, "report": 1, "html": 1}
    run.snakemake(str(EXP / "main/backend/manifest.json"))
    assert (run.exp / "main/backend/manifest.json").exists()
    assert finish(run) == {}
