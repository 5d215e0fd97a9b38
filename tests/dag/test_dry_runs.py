"""Which jobs Snakemake would run, without running one."""

import json
import os
import re
import time

import pytest
import yaml

from tests.conftest import ROOT
from tests.dag.dry_run import jobs

STAGES = {
    "corpus": 1,
    "data": 1,
    "train": 1,
    "embed": 3,
    "backend": 1,
    "score": 12,
    "calibrate": 6,
    "apply_calibration": 6,
    "report": 1,
    "html": 1,
}


def config_file(folder, **settings) -> str:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return str(path)


@pytest.mark.parametrize("recipe", ["an4", "mini"])
def test_a_recipe_runs_every_stage(snakemake, tmp_path, recipe):
    found = jobs(snakemake(tmp_path, "-n", "--config", f"recipe={recipe}"))
    assert found.items() >= STAGES.items()
    sets = {"an4": 4, "mini": 5}[recipe]  # valid, dev, test, train's copies; and train itself for mini's back-end
    assert found["feats"] == 2 * found["merge_feats"] == 2 * sets


def test_a_recipe_of_its_own_snakefile_is_the_same_graph(snakemake, tmp_path):
    by_config = snakemake(tmp_path, "-n", "--config", "recipe=mini")
    by_snakefile = snakemake(tmp_path, "-n", snakefile="recipes/mini/Snakefile")
    counts = jobs(by_snakefile)
    assert counts.pop("mini") == 1
    assert counts == {k: v for k, v in jobs(by_config).items() if k != "all"}
    assert "an4" not in jobs(snakemake(tmp_path, "-n"))  # the root's target is `all`


def test_the_standin_of_himia_is_himia_with_other_archives_and_folders(snakemake, tmp_path):
    standin = str(ROOT / "recipes/himia/standin.yaml")
    output = snakemake(tmp_path, "-n", "-p", "--configfile", standin)
    found = jobs(output)
    assert found.items() >= {"corpus": 3, "data": 1, "train": 1, "report": 1}.items()
    assert found["score"] == 3 * 9  # four lists of test, five of dev
    assert (
        "fetch himia-standin/test_v2.tar.gz exp/corpora/himia-standin/test --withdrawn himia-standin/test.tar.gz"
        in output
    )
    assert "--url" not in output
    (options,) = (json.loads(text) for text in re.findall(r"himia.py .* --options '(.*?)'", output))
    assert options.items() >= {"allow_partial": True, "dev_points": ["2", "5", "6"], "max_bad_share": 0.001}.items()
    assert "exp/himia-standin/main/results/results.tsv" in output
    assert " exp/himia/" not in output


def test_the_graph_of_a_million_files_is_small(snakemake, tmp_path):
    begun = time.monotonic()
    output = snakemake(tmp_path, "-n", "-p", snakefile="recipes/himia/Snakefile")
    assert time.monotonic() - begun < 30
    found = jobs(output)
    assert found["data"] == 1 and found["feats"] == 100 * found["merge_feats"]
    assert (
        "fetch himia/train.tar.gz exp/corpora/himia/train --url https://www.openslr.org/resources/85/train.tar.gz"
        in output
    )
    assert "allow_partial" not in output


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


def test_without_augmentation_the_clean_set_is_trained_on(snakemake, tmp_path):
    output = snakemake(
        tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, train={"augment": None}, backend={"augment": None})
    )
    assert "augment" not in jobs(output)
    assert re.search(r" train .*--train train --data", output)


def test_the_tutorials_configuration_names_its_own_front_end_and_run(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", str(ROOT / "recipes/an4/nemo2020.yaml"))
    assert "feats exp/an4/data/train exp/an4/feats/nemo2020/train " in output
    assert "embed exp/an4/nemo2020/model/final.pt " in output


def test_results_name_how_many_networks_there_are(snakemake, tmp_path):
    assert " --model quartznet3x1_small-x4 " in snakemake(tmp_path, "-n", "-p")
    one = config_file(tmp_path, model={"preset": "tdnn", "ensemble": 1})
    assert " --model tdnn --" in snakemake(tmp_path, "-n", "-p", "--configfile", one)


def test_a_fine_tuning_starts_from_the_trained_network_with_a_wider_margin(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, finetune={"preset": "large_margin"}))
    assert jobs(output).items() >= {"train": 1, "finetune": 1}.items()
    first, second = (json.loads(found) for found in re.findall(r"--settings '(.*?)' --train", output))
    assert (first["train"]["init_from"], first["model"]["head"]["margin"]) == (None, 0.2)
    assert (second["train"]["init_from"], second["model"]["head"]["margin"]) == ("exp/an4/main/model/final.pt", 0.5)
    assert (second["train"]["batches"]["crop"], second["model"]["ensemble"]) == ([6, 6], 4)
    assert "exp/an4/main/finetuned/final.pt" in re.search(r" embed .*", output)[0]


def test_a_changed_front_end_has_a_folder_of_its_own(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, feats={"num_mel_bins": 64}))
    assert re.search(r"feats exp/an4/data/test exp/an4/feats/fbank80_utt-[0-9a-f]{6}/test ", output)
    assert "exp/an4/feats/fbank80_utt/" not in output


def test_a_trained_network_trains_nothing(snakemake, tmp_path):
    (tmp_path / "final.pt").touch()
    output = snakemake(tmp_path, "-n", "-p", "--config", "recipe=mini", "model=final.pt")
    assert jobs(output).keys() >= {"feats", "embed", "backend", "score", "report"}
    assert not jobs(output).keys() & {"train", "augment"}
    assert re.search(r"spkr --log exp/mini/feats/of-final-pt/log/test\.1\.log feats .*--model final\.pt", output)


def test_a_trained_back_end_is_taken(snakemake, tmp_path):
    for name in ("mean.vec", "transform.mat", "plda"):
        (tmp_path / name).touch()
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, backend={"from": "."}))
    assert "backend" not in jobs(output)
    assert "--backend-dir . " in output


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("feats:\n  num_mel_bin: 40", "mine.yaml:2: feats.num_mel_bin: no such key; did you mean num_mel_bins?"),
        ("train: {batches: {batchsize: 3}}", ":1: train.batches.batchsize: no such key; did you mean batch_size?"),
        ("train:", "mine.yaml:1: train: nothing; expected settings: keys with values"),
        ("feats: {allow_downsample: true}", "mine.yaml:1: feats.allow_downsample: no such key; it is `resample`"),
        ("model: {pooling: mean}", "mine.yaml:1: model.pooling: 'mean'; expected xvector, gram, super, "),
        ("model: {type: ecapa}", "model.kernels: no such key; "),
        ("model: final.txt", "mine.yaml:1: model: 'final.txt'; expected the path of a trained network, *.pt"),
        ("model: {preset: tdn}", "mine.yaml:1: model.preset: no such preset 'tdn'; did you mean tdnn?"),
        ("train: {augment: speed9}", "mine.yaml:1: train.augment: no such augmentation 'speed9'; did you mean speed5?"),
        (
            "train: {dev_trials: pair}",
            "mine.yaml:1: train.dev_trials: no such trial list of dev 'pair'; did you",
        ),
        ("train: {init_from: nosuch.pt}", "mine.yaml:1: train.init_from: no such file 'nosuch.pt' in "),
        ("model: nosuch.pt", "mine.yaml:1: model: no such file 'nosuch.pt' in "),
        ("backend: {from: nosuch}", "mine.yaml:1: backend.from: no such file 'nosuch/mean.vec' in "),
        (
            "backend: {adapt_to: foo, kinds: [plda_adapted], primary: plda_adapted}",
            "mine.yaml:1: backend.adapt_to: no such set 'foo'; expected one of train, valid, ",
        ),
        (
            "backend: {kinds: [cosine_snorm], primary: cosine_snorm, score: {cohort: train_speed9}}",
            "mine.yaml:1: backend.score.cohort: no such set 'train_speed9'; did you mean train_speed5?",
        ),
        (
            "calibration: {trials: pair}",
            "mine.yaml:1: calibration.trials: no such trial list of dev 'pair'; did you mean pairs?",
        ),
        (
            "calibration: {prior: 1}",
            "mine.yaml:1: calibration.prior: 1; expected less than 1",
        ),
        (
            "backend: {score: {score_norm: s-norm}}",
            "mine.yaml:1: backend.score.score_norm: no such key; it is `backend.kinds` and `backend.primary`,",
        ),
        (
            "backend: {kinds: [plda, plda_asnorm], score: {cohort: dev}}",
            "mine.yaml:1: backend.score.cohort: dev has the speakers of dev_trials_pairs, and a cohort must be",
        ),
        (
            "backend: {score: {cohort: train}}",
            "mine.yaml:1: backend.score.cohort: no back-end of kinds (cosine, lda_cosine, plda) uses a cohort; add one",
        ),
        (
            "backend: {kinds: [plda, cosin]}",
            "mine.yaml:1: backend.kinds: no such back-end 'cosin'; did you mean cosine?",
        ),
        (
            "backend: {adapt_to: dev}",
            "mine.yaml:1: backend.adapt_to: no back-end of kinds (cosine, lda_cosine, plda) is adapted; add",
        ),
        (
            "backend: {kinds: [plda, plda_adapted]}",
            "backend.adapt_to: missing; plda_adapted needs the set that PLDA is adapted to",
        ),
        (
            "backend: {chains: {my: mean | pca | cosine}}",
            "mine.yaml:1: backend.chains.my: chain 'mean | pca | cosine': no such step 'pca'; expected one of",
        ),
        (
            "backend: {chains: {plda_snorm: mean | cosine}}",
            "mine.yaml:1: backend.chains: plda_snorm is the name of another back-end; expected another name",
        ),
        (
            "calibration: {quality: [duration], trials: null}",
            "mine.yaml:1: calibration.quality: duration; expected a list of dev that calibration is trained on",
        ),
        (
            "calibration: {quality: [cohort]}",
            "mine.yaml:1: calibration.quality: cohort: cosine has no cohort; expected back-ends with one in",
        ),
        (
            "calibration: {fusion: [cosine, pldas]}",
            "mine.yaml:1: calibration.fusion: no such back-end in backend.kinds 'pldas'; did you mean plda?",
        ),
        ("calibration: {fusion: [cosine]}", "mine.yaml:1: calibration.fusion: cosine; expected two back-ends or more"),
        (
            "backend: {kinds: [cosine], primary: plda}",
            "backend.primary: plda; expected one of kinds, cosine",
        ),
        ("corpus: {options: {spk2gender: genders}}", "mine.yaml:1: corpus.options.spk2gender: no such key; "),
        (
            "corpus: {script: local/an5.py}",
            "mine.yaml:1: corpus.script: no such file 'local/an5.py'; did you",
        ),
        ("corpus: {script: /x/an4.py}", "mine.yaml:1: corpus.script: /x/an4.py; expected a path below the folder"),
        ("corpora: /nowhere", "mine.yaml:1: corpora: no such folder '/nowhere'"),
        ("embed: {shards: 100000}", "mine.yaml:1: embed.shards: 100000; expected at most 10000"),
        ("model: {ensemble: 100000}", "mine.yaml:1: model.ensemble: 100000; expected at most 65536"),
        ("seed: -3000000000", "mine.yaml:1: seed: -3000000000; expected at least -2147483647"),
        ("train: {batches: {crop: [3, 4000]}}", "mine.yaml:1: train.batches.crop.1: 4000; expected at most 3600"),
        ("seed: one", "mine.yaml:1: seed: 'one'; expected a whole number"),
        ("seed: 1e3", "mine.yaml:1: seed: '1e3'; expected a whole number, such as 1000"),
        ("seed: 1\nrun: a\nseed: 2", "mine.yaml:3: seed: is set in line 1, too; keep one of them"),
        ("recipie: an4", "mine.yaml:1: recipie: no such key; did you mean recipe?"),
        ("recipe: an5", "mine.yaml:1: recipe: no such recipe 'an5'; did you mean an4?"),
        ("feats: {preset: }", "mine.yaml:1: feats.preset: nothing; expected the name of a preset"),
        ("feats: {preset: fbank800}", "mine.yaml:1: feats.preset: no such preset 'fbank800'; did you mean fbank80"),
        ("feats: {preset: seed}", "mine.yaml:1: feats.preset: no such preset 'seed'; it is nemo2020 now"),
        ("train: {preset: seed_himia}", "mine.yaml:1: train.preset: no such preset 'seed_himia'; it is nemo2020_himia"),
        ("model: {affine: [128]}", "mine.yaml:1: model.affine: no such key; it is `embedding_layers` now"),
    ],
)
def test_a_typo_in_the_config_is_named_with_its_line(snakemake, tmp_path, lines, message):
    (tmp_path / "mine.yaml").write_text(f"{lines}\n")
    output = snakemake(tmp_path, "-n", "--configfile", str(tmp_path / "mine.yaml"), ok=False)
    assert message in output


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sede=2", "command line: sede: no such key; did you mean seed?"),
        ("seed=-1", "command line: seed: -1; expected at least 0"),
        ("train={epochs: 3.5}", "command line: train.epochs: 3.5; expected a whole number"),
        ("recipe=an5", "command line: recipe: no such recipe 'an5'; did you mean an4?"),
        ("model=ecapa512", "command line: model: 'ecapa512'; expected the path of a trained network, *.pt"),
        ("train={preset: mimi}", "command line: train.preset: no such preset 'mimi'; did you mean mini?"),
    ],
)
def test_a_typo_on_the_command_line_is_named(snakemake, tmp_path, setting, message):
    assert message in snakemake(tmp_path, "-n", "--config", setting, ok=False)


def test_nested_settings_on_the_command_line(snakemake, tmp_path):
    settings = ["train={epochs: 7, waveforms: false}", "backend={lda_dim: 64}", "seed=1e1"]
    output = snakemake(tmp_path, "-n", "-p", "--config", *settings)
    (trained,) = (json.loads(found) for found in re.findall(r"--settings '(.*?)' --train", output))
    assert (trained["train"]["epochs"], trained["train"]["batches"]["crop"]) == (7, [1.5, 2.5])
    assert '"lda_dim": 64' in output and " --seed 10" in output


def test_a_file_of_ones_own_in_an_outputs_place_is_an_error(snakemake, tmp_path):
    own = tmp_path / "exp/mini/data/test/utt2spk"
    own.parent.mkdir(parents=True)
    own.write_text("a a\n")
    message = "exp/mini/data/test/utt2spk: the stage data writes this file, and no run made the one that is there"
    assert message in snakemake(tmp_path, "-n", "--config", "recipe=mini", ok=False)
    assert own.read_text() == "a a\n"
    assert jobs(snakemake(tmp_path, "-n", "--config", "recipe=mini", "name=another"))["data"] == 1


def test_a_model_that_is_going_to_be_replaced_is_named(snakemake, tmp_path):
    commands = snakemake(tmp_path, "-n", "-p", "--config", "recipe=mini")
    found, sets, dev_trials = re.search(
        r"--settings '(.*?)' --train (.*?) --data .* --dev-trials (\S+)", commands
    ).groups()
    trained = {"settings": json.loads(found), "train": sets.split(), "dev_trials": dev_trials, "seed": 1}
    model = tmp_path / "exp/mini/main/model"
    model.mkdir(parents=True)
    for name in ("final.pt", "valid.json", "train_log.tsv"):
        (model / name).write_text("made\n")
    made_by = {"stage": "train", "options": trained}
    files = {name: {"bytes": 5, "sha256": "0"} for name in ("final.pt", "valid.json", "train_log.tsv")}
    (model / "manifest.json").write_text(json.dumps({"made_by": made_by, "files": files}))
    again = ("-n", "--config", "recipe=mini")
    assert "is going to be replaced" not in snakemake(tmp_path, *again)
    assert re.search(
        r"exp/mini/main/model/final.pt of \d{4}-\d\d-\d\d \d\d:\d\d is going to be replaced: "
        r"train.epochs was 8 and is 9 and 1 more; `--config run=NAME`",
        snakemake(tmp_path, *again, "seed=2", "train={epochs: 9}"),
    )
    assert f"replaced: sets was {trained['train']} and is ['train'];" in snakemake(
        tmp_path, *again, "train={augment: null}"
    )
    assert "is going to be replaced" not in snakemake(tmp_path, *again, "seed=2", "run=other")


def test_a_model_that_is_replaced_since_its_data_is_made_in_another_way_is_named(snakemake, tmp_path):
    commands = snakemake(tmp_path, "-n", "-p")
    trained, sets, dev_trials = re.search(
        r"--settings '(.*?)' --train (.*?) --data .* --dev-trials (\S+)", commands
    ).groups()
    options = {"settings": json.loads(trained), "train": sets.split(), "dev_trials": dev_trials, "seed": 1}
    copies = re.search(r"augment exp/an4/data/train exp/an4/data/train_speed3 --options '(.*?)'", commands)[1]
    corpus = re.search(r"an4.py \S+ \S+ --options '(.*?)'", commands)[1]
    for folder, made_by in {
        "main/model": options,
        "data": {"options": json.loads(corpus)},
        "data/train_speed3": {"options": json.loads(copies)},
    }.items():
        (tmp_path / "exp/an4" / folder).mkdir(parents=True)
        content = json.dumps({"made_by": {"options": made_by}, "files": {"final.pt": {"bytes": 0, "sha256": "0"}}})
        (tmp_path / "exp/an4" / folder / "manifest.json").write_text(content)
    (tmp_path / "exp/an4/main/model/final.pt").touch()
    assert "is going to be replaced" not in snakemake(tmp_path, "-n")
    speeds = snakemake(tmp_path, "-n", "--config", "augment={speed3: {speeds: [0.9, 1.0]}}")
    assert "replaced: augment.speed3.speeds was [0.9, 1.0, 1.1] and is [0.9, 1.0];" in speeds
    other = snakemake(tmp_path, "-n", "--config", "corpus={options: {seed: 2}}")
    assert "replaced: corpus.options.seed was None and is 2; `--config name=NAME`" in other
    assert "is going to be replaced" not in snakemake(tmp_path, "-n", "--until", "feats", "--config", "seed=2")
    later = (tmp_path / "exp/an4/main/model/final.pt").stat().st_mtime + 60
    os.utime(tmp_path / "exp/an4/data/manifest.json", (later, later))  # the data stage alone ran in the meantime
    assert "is going to be replaced: exp/an4/data was made again after it; " in snakemake(tmp_path, "-n")


def test_folders_of_augmentations_that_are_not_used_are_not_looked_for(snakemake, tmp_path):
    loud = {"copies": ["noise"], "noise_folders": ["musan/noise"]}
    (tmp_path / "trained.pt").touch()
    unused = {"augment": {"loud": loud}, "train": {"augment": "loud"}, "model": str(tmp_path / "trained.pt")}
    snakemake(tmp_path, "-n", "--configfile", config_file(tmp_path, **unused))
    cohort = {"kinds": ["cosine_snorm"], "primary": "cosine_snorm", "score": {"cohort": "train_loud"}}
    used = config_file(tmp_path, augment={"loud": loud}, backend=cohort)
    assert "augment.loud.noise_folders: no such folder" in snakemake(tmp_path, "-n", "--configfile", used, ok=False)
    up = config_file(tmp_path, augment={"loud": loud | {"noise_folders": ["../x"]}}, backend={"augment": "loud"})
    assert re.search(
        r"config.yaml:\d+: augment.loud.noise_folders: ../x: expected the name",
        snakemake(tmp_path, "-n", "--configfile", up, ok=False),
    )


def test_folders_of_noise_are_looked_for_when_the_config_is_read(snakemake, tmp_path):
    used = {"train": {"augment": None}, "backend": {"augment": "loud"}}
    folders = {"copies": ["noise"], "noise_folders": ["musan/noise"]}
    mine = config_file(tmp_path, augment={"loud": folders}, **used)
    message = "augment.loud.noise_folders: no such folder 'musan/noise', nor an archive of it, under "
    assert message + "`corpora`" in snakemake(tmp_path, "-n", "--configfile", mine, ok=False)
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    place = {"SPKR_CORPORA": str(corpora)}
    assert message + f"{corpora};" in snakemake(tmp_path, "-n", "--configfile", mine, ok=False, **place)
    (corpora / "musan.tar.gz").touch()
    assert jobs(snakemake(tmp_path, "-n", "--configfile", mine, **place))["augment"] == 1
    (corpora / "musan.tar.gz").unlink()
    fallback = config_file(tmp_path, augment={"loud": folders | {"fallback": True}}, **used)
    assert jobs(snakemake(tmp_path, "-n", "--configfile", fallback))["augment"] == 1
    crops = {"waveforms": True, "on_the_fly": {"copies": 1, "rir_folders": ["/nowhere"]}}
    output = snakemake(tmp_path, "-n", "--configfile", config_file(tmp_path, train=crops), ok=False)
    assert "train.on_the_fly.rir_folders: no such folder '/nowhere', nor" in output


def test_training_on_waveforms_reads_what_it_is_declared_to_read(snakemake, tmp_path):
    config = {"waveforms": True, "on_the_fly": {"copies": 1, "noise_folders": ["musan/noise"]}}
    (tmp_path / "musan/noise").mkdir(parents=True)
    place = {"SPKR_CORPORA": str(tmp_path)}
    mine = config_file(tmp_path, train=config)
    output = snakemake(tmp_path, "-n", "-p", "--configfile", mine, **place)
    assert jobs(output)["sounds"] == 1
    sounds = re.search(r" --sounds exp/an4/data/(sounds.\w+.json) ", output)[1]
    table = snakemake(tmp_path, "-n", "--configfile", mine, "--workflow-profile", "none", **place)
    reason = re.search(r"Job \d+: train: .*\nReason: (.*)", table)[1]
    for name in (sounds, "train_speed3/wav.scp", "train_speed3/reco2sum", "train_speed3/utt2aug"):
        assert f"exp/an4/data/{name}" in reason, name


def test_training_on_test_is_said(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "--configfile", config_file(tmp_path, train={"sets": ["train", "test"]}))
    assert "train.sets holds test" in output


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
