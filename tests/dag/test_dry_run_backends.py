"""Which jobs of back-ends, calibration and results Snakemake would run, without running one."""

import json
import re

import pytest

from tests.conftest import ROOT
from tests.dag.dry_run import config_file, jobs


def test_results_are_by_what_the_data_directories_know(snakemake, tmp_path):
    standin = str(ROOT / "recipes/himia/standin.yaml")
    output = snakemake(tmp_path, "-n", "-p", "--configfile", standin)
    assert " --by utt2point utt2mic utt2speed --primary " in output
    lists = lists_of(output)
    data = "exp/himia-standin/data"
    assert lists["trials_1m_averaged"]["utt2spk"] == f"{data}/test/utt2spk"
    assert {name: files["models"] for name, files in lists.items() if "models" in files} == {
        f"{prefix}trials_{name}_averaged": f"{data}/{s}/models_{name}_averaged"
        for s, prefix in (("test", ""), ("dev", "dev_"))
        for name in ("1m", "mic")
    }
    files = ["utt2point", "utt2mic", "utt2speed", "spk2gender"]
    known = config_file(tmp_path, corpus={"files": files, "options": {"spk2gender": "genders"}})
    output = snakemake(tmp_path, "-n", "-p", "--configfile", standin, known)
    assert " --by utt2point utt2mic utt2speed spk2gender --primary " in output


def lists_of(output: str) -> dict[str, dict]:
    """The file of lists that the report rule writes for `spkr eval`."""
    return json.loads(re.search(r"'([^']*)' > exp/\S*/results/lists.json", output)[1])


def test_results_know_which_utterances_have_no_speech(snakemake, tmp_path):
    lists = lists_of(snakemake(tmp_path, "-n", "-p", "--config", "recipe=mini"))
    sets = {"trials_pairs": "test", "trials_enrol3": "test", "dev_trials_pairs": "dev", "dev_trials_enrol3": "dev"}
    assert {name: files["num_voiced"] for name, files in lists.items()} == {
        name: f"exp/mini/main/xvectors/{s}/utt2num_voiced" for name, s in sets.items()
    }


def test_lists_of_test_are_calibrated_on_lists_of_dev(snakemake, tmp_path):
    output = re.sub(" +\n", "\n", snakemake(tmp_path, "-n", "-p", "--config", "recipe=mini"))
    run, data = "exp/mini/main", "exp/mini/data"
    for name, models in (("pairs", ""), ("enrol3", " --models {data}/{set}/models_enrol3")):
        dev, test = (models.format(data=data, set=s) for s in ("dev", "test"))
        trained = f"{run}/calibration/dev_trials_{name}.plda.json"
        scores, own = f"{run}/scores/dev_trials_{name}.plda", f"--ratios {trained.replace('.json', '.llr')}"
        options = f"--prior 0.01 {own} --utt2spk {data}/dev/utt2spk{dev}"
        assert f" calibrate {data}/dev/trials_{name} {scores} {trained} {options}\n" in output
        scores = f"{run}/scores/trials_{name}.plda"
        assert (
            f" apply-calibration {trained} {data}/test/trials_{name} {scores} {scores}.llr"
            f" --utt2spk {data}/test/utt2spk{test}\n" in output
        )
    kinds, lists = ("cosine", "lda_cosine", "plda"), lists_of(output)
    assert {name: (files["dev"], files["llrs"]) for name, files in lists.items() if "llrs" in files} == {
        name: (f"dev_{name}", {b: f"{run}/scores/{name}.{b}.llr" for b in kinds})
        for name in ("trials_pairs", "trials_enrol3")
    }
    assert {name: files["calibrations"] for name, files in lists.items() if "calibrations" in files} == {
        name: {b: f"{run}/calibration/{name}.{b}.json" for b in kinds}
        for name in ("dev_trials_pairs", "dev_trials_enrol3")
    }


@pytest.mark.parametrize(
    ("settings", "of_dev", "ratios"),  # dev's lists that calibrations are trained on, and how many files of ratios
    [
        ({"calibration": {"trials": "pairs"}}, {"pairs"}, 6),
        ({"calibration": {"trials": "enrol3"}}, {"enrol3"}, 6),
        ({"calibration": {"trials": None}}, set(), 0),
        ({"trials": {"enrol3": {"sets": ["test"]}}}, {"pairs"}, 6),
        ({"trials": {"enrol3": {"sets": ["dev"]}}}, {"pairs"}, 3),
        ({"trials": {"pairs": {"sets": ["test"]}}, "train": {"dev_trials": "enrol3"}}, {"enrol3"}, 6),
        ({"trials": {name: {"sets": ["test"]} for name in ("pairs", "enrol3")}, "model": "final.pt"}, set(), 0),
    ],
)
def test_which_list_of_dev_calibrates(snakemake, tmp_path, settings, of_dev, ratios):
    if "model" in settings:
        (tmp_path / "final.pt").touch()
        settings = settings | {"model": str(tmp_path / "final.pt")}
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, recipe="mini", **settings))
    assert set(re.findall(r" calibrate \S+/trials_(\w+) ", output)) == of_dev
    assert jobs(output).get("apply_calibration", 0) == ratios


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"train": {"sets": ["train", "dev"]}}, {"train.sets"}),
        ({"backend": {"sets": ["train", "dev"]}}, {"backend.sets"}),
        ({"train": {"sets": ["train", "dev"]}, "calibration": {"trials": None}}, set()),
        ({}, set()),
    ],
)
def test_calibration_on_speakers_that_were_trained_on_is_warned_of(snakemake, tmp_path, settings, warned):
    output = snakemake(tmp_path, "-n", "--configfile", config_file(tmp_path, recipe="mini", **settings))
    assert set(re.findall(r"(\S+) holds dev, on which scores are calibrated", output)) == warned


def test_quality_measures_are_passed_on(snakemake, tmp_path):
    settings = {"recipe": "mini", "calibration": {"quality": ["duration"], "prior": 0.2}}
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, **settings))
    assert len(re.findall(r" calibrate .* --prior 0.2 .* --quality duration", output)) == 6
    assert len(re.findall(r" eval .* --priors 0.2 ", output)) == 1


def test_a_trained_back_end_is_taken(snakemake, tmp_path):
    for name in ("mean.vec", "transform.mat", "plda"):
        (tmp_path / name).touch()
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, backend={"from": "."}))
    assert "backend" not in jobs(output)
    assert "--backend-dir . " in output


def test_a_chain_of_other_steps_is_trained_in_a_folder_of_its_own(snakemake, tmp_path):
    chains = {"my": "mean | lda: 64 | length-norm | mean | adapted-plda", "same": "mean|length-norm|cosine"}
    kinds = ["cosine", "my", "my_asnorm", "same"]
    mine = config_file(tmp_path, backend={"chains": chains, "kinds": kinds, "primary": "my", "adapt_to": "dev"})
    output = snakemake(tmp_path, "-n", "-p", "--configfile", mine)
    counts = jobs(output)
    assert (counts["backend"], counts["backend_my"], counts["adapt_my"]) == (1, 1, 1)
    assert "adapt" not in counts
    run = "exp/an4/main"
    trained = "--chain 'mean | lda: 64 | length-norm | mean | plda'"
    assert re.search(rf"backend {run}/backend/my --xvectors .* {re.escape(trained)}", output)
    assert f"adapt-backend {run}/backend/my {run}/xvectors/dev/xvector.scp {run}/adapted_backend/my {trained}" in output
    assert f"--chain 'mean | length-norm | cosine' --backend-dir {run}/backend --xvectors" in output
    own = re.findall(
        rf"--chain '(mean \| lda.*)' --backend-dir {run}/adapted_backend/my --xvectors .* (--top-n 50)?", output
    )
    assert {chain for chain, _ in own} == {chains["my"], chains["my"] + " | as-norm"}


def test_a_cohort_is_of_the_sets_that_the_back_end_is_trained_on(snakemake, tmp_path):
    for name in ("mean.vec", "transform.mat", "plda"):
        (tmp_path / name).touch()
    asnorm = {"kinds": ["cosine_asnorm"], "primary": "cosine_asnorm"}
    for settings, cohort in [({}, "train"), ({"sets": ["train", "valid"]}, "train valid"), ({"from": "."}, "train")]:
        mine = config_file(tmp_path, backend=asnorm | settings)
        output = snakemake(tmp_path, "-n", "-p", "--configfile", mine)
        tables = " ".join(f"exp/an4/main/xvectors/{name}/xvector.scp" for name in cohort.split())
        models = " ".join(f"exp/an4/data/{name}/spk2utt" for name in cohort.split())
        assert f"--cohort {tables} --cohort-models {models} --utt2spk exp/an4/data/test/utt2spk --top-n 50" in output
    mine = config_file(tmp_path, backend=asnorm | {"sets": ["train", "dev"]})
    message = "score.cohort: dev has the speakers of dev_trials_pairs, and a cohort must be of others"
    assert message in snakemake(tmp_path, "-n", "--configfile", mine, ok=False)


def test_back_ends_are_fused_and_their_cohort_scores_used(snakemake, tmp_path):
    backend = {"kinds": ["cosine_asnorm", "plda_snorm"], "primary": "plda_snorm"}
    fused = {"fusion": backend["kinds"], "quality": ["cohort"]}
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, backend=backend, calibration=fused))
    scores = "exp/an4/main/scores"
    of_dev, of_test = (
        [f"{scores}/{name}.{kind}" for kind in backend["kinds"]] for name in ("dev_trials_pairs", "trials_pairs")
    )
    assert f"calibrate exp/an4/data/dev/trials_pairs {' '.join(of_dev)} exp/an4/main/calibration/" in output
    assert f"data/test/trials_pairs {' '.join(of_test)} {scores}/trials_pairs.fusion.llr " in output
    statistics = " ".join(f"{path}.cohort" for path in of_test)
    assert re.search(rf"trials_pairs.fusion.llr --utt2spk \S+ +--cohort-statistics {statistics}\n", output)
    assert f"--top-n 50 --cohort-statistics {of_test[0]}.cohort" in output
    assert '"fusion": "exp/an4/main/calibration/dev_trials_pairs.fusion.llr"' in output
