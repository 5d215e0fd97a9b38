"""What a wrong config is told, and which models a change would replace, before any job runs."""

import json
import os
import re

import pytest

from tests.dag.dry_run import jobs


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
