# The network.


def feature_files(sets):
    """The lists of these sets' features, and the shards' manifests, which say what is in the arks."""
    files = FEATURE_LISTS + [f"manifest.{i + 1}.json" for i in range(SHARDS)]
    return expand(f"{FEATS}/{{set}}/{{file}}", set=sets, file=files)


# `spkr`, in as many processes as there are GPUs. The shell decides: as a parameter, another number would train anew.
LAUNCH = (
    "launch=spkr; if (({resources.gpu} > 1)); then export OMP_NUM_THREADS=$((1 + ({threads} - 1) / {resources.gpu}));"
    " launch='torchrun --standalone --nproc-per-node {resources.gpu} -m spkr'; fi; exec $launch"
)


TRAINED_FILES = ["final.pt", "valid.json", "train_log.tsv", "manifest.json"]


def of_sets(sets, folder):
    """A folder of each set that a training reads, by its name."""
    return [f"{s}={folder}/{s}" for s in [*sets, "valid", "dev"]]


def training_files(sets):
    """What says which utterances a training reads, and of whom."""
    sets = [*sets, "valid", "dev"]
    return feature_files(sets) + expand(f"{EXP}/data/{{set}}/utt2spk", set=sets)


if not PRETRAINED:

    rule train:
        """Train the speaker network; a killed run goes on where it was."""
        input:
            training_files(TRAIN_SETS),
            dev_trials=f"{EXP}/data/dev/trials_{config['train']['dev_trials']}",
            init_from=config["train"]["init_from"] or [],
            code=code(
                *NETWORK,
                *[f"spkr/train/{m}.py" for m in ("run", "loop", "batches", "order", "arks", "waveforms", "on_device")],
                *[f"spkr/train/{m}.py" for m in ("evaluate", "novograd", "schedule")],
                *[f"spkr/feats/{m}.py" for m in ("reader", "cmvn")],
            ),
        output:
            expand(f"{RUN}/model/{{file}}", file=TRAINED_FILES),
        log:
            f"{RUN}/log/train.log",
        threads: 8
        resources:
            gpu=1,
            mem_mb=growing(12000),
            runtime=1440,
            stop_after="inf",  # minutes; fewer than `runtime` where a cluster's limit comes without SIGTERM
        params:
            out=f"{RUN}/model",
            settings=as_json({s: settings(s) for s in ("model", "train", "feats")}),
            sets=TRAIN_SETS,
            data=of_sets(TRAIN_SETS, f"{EXP}/data"),
            feats=of_sets(TRAIN_SETS, FEATS),
            seed=config["seed"],
        shell:
            LAUNCH + " --log {log} train {params.out} --checkpoints {params.out}/checkpoints"
            " --settings {params.settings:q} --train {params.sets} --data {params.data} --feats {params.feats}"
            " --stop-after {resources.stop_after} --dev-trials {input.dev_trials} --seed {params.seed}"


if FINETUNE:
    CHANGES = FINETUNE["train"]
    TUNING_SETS = learnt_from("train", CHANGES)
    if "margin" in FINETUNE["head"] and config["model"]["head"]["type"] == "softmax":
        raise InputError("config: finetune.head.margin: model.head.type softmax has no margin; expected another head")

    use rule train as finetune with:
        input:
            training_files(TUNING_SETS),
            dev_trials=f"{EXP}/data/dev/trials_{changed('train', CHANGES)['dev_trials']}",
            init_from=f"{RUN}/model/final.pt",
            code=rules.train.input.code,
        output:
            expand(f"{RUN}/finetuned/{{file}}", file=TRAINED_FILES),
        log:
            f"{RUN}/log/finetune.log",
        params:
            out=f"{RUN}/finetuned",
            settings=as_json(
                {
                    "model": settings("model", {"head": FINETUNE["head"]}),
                    "train": settings("train", CHANGES | {"init_from": f"{RUN}/model/final.pt"}),
                    "feats": settings("feats"),
                }
            ),
            sets=TUNING_SETS,
            data=of_sets(TUNING_SETS, f"{EXP}/data"),
            feats=of_sets(TUNING_SETS, FEATS),
