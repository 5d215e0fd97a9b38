# The network.


def feature_files(sets):
    """The lists of these sets' features; the scp files name the arks."""
    files = ["feats.scp", "vad.scp", "utt2num_frames", "utt2num_voiced", "utt2spk"]
    return expand(f"{FEATS}/{{set}}/{{file}}", set=sets, file=files)


# `spkr`, in as many processes as there are GPUs. The shell decides: as a parameter, another number would train anew.
LAUNCH = (
    "launch=spkr; if (({resources.gpu} > 1)); then export OMP_NUM_THREADS=$((1 + ({threads} - 1) / {resources.gpu}));"
    " launch='torchrun --standalone --nproc-per-node {resources.gpu} -m spkr'; fi; exec $launch"
)


if not PRETRAINED:

    rule train:
        """Train the speaker network; a killed run goes on where it was."""
        input:
            feature_files([*TRAIN_SETS, "valid", "dev"]),
            expand(f"{EXP}/data/{{set}}/utt2spk", set=[*TRAIN_SETS, "valid", "dev"]),
            dev_trials=f"{EXP}/data/dev/trials_{config['train']['dev_trials']}",
            init_from=config["train"]["init_from"] or [],
            code=code(
                *NETWORK,
                *[f"spkr/train/{m}.py" for m in ("run", "loop", "batches", "evaluate", "novograd", "schedule")],
                *[f"spkr/feats/{m}.py" for m in ("reader", "cmvn")],
            ),
        output:
            f"{RUN}/model/final.pt",
            f"{RUN}/model/valid.json",
        log:
            f"{RUN}/log/train.log",
        threads: 8
        resources:
            gpu=1,
            mem_mb=growing(8000),
            runtime=1440,
            stop_after="inf",  # minutes; fewer than `runtime` where a cluster's limit comes without SIGTERM
        params:
            settings=as_json({s: settings(s) for s in ("model", "train", "feats")}),
            sets=TRAIN_SETS,
            data=[f"{s}={EXP}/data/{s}" for s in [*TRAIN_SETS, "valid", "dev"]],
            feats=[f"{s}={FEATS}/{s}" for s in [*TRAIN_SETS, "valid", "dev"]],
            seed=config["seed"],
        shell:
            LAUNCH + " --log {log} train {RUN}/model --checkpoints {RUN}/model/checkpoints"
            " --settings {params.settings:q} --train {params.sets} --data {params.data} --feats {params.feats}"
            " --stop-after {resources.stop_after} --dev-trials {input.dev_trials} --seed {params.seed}"
