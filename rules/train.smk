# The network.

# Starts `spkr`, one process per GPU. On several nodes of SLURM, it starts one torchrun on each node.
# The shell works this out: as a parameter, another number of GPUs would cause a rerun.
LAUNCH = (
    "launch=spkr; processes=$((1 + ({resources.gpu} - 1) / {resources.nodes}));"  # of each node
    " if (({resources.gpu} > 1)); then export OMP_NUM_THREADS=$((1 + ({threads} - 1) / processes));"
    " launch='torchrun --standalone --nproc-per-node {resources.gpu} -m -- spkr'; fi;"
    " if (({resources.nodes} > 1)); then job=${{SLURM_JOB_ID:?several nodes need profiles/slurm}};"
    ' launch="srun --nodes {resources.nodes} --ntasks-per-node 1 --cpus-per-task {threads} --kill-on-bad-exit'
    " torchrun --nnodes {resources.nodes} --nproc-per-node $processes --rdzv-backend c10d --rdzv-id $job"
    ' --rdzv-endpoint $(hostname):$((29400 + job % 1000)) -m -- spkr"; fi; exec $launch'
)
TRAINED_FILES = ["final.pt", "valid.json", "train_log.tsv", "manifest.json"]


def of_sets(sets, folder):
    """A folder of each set that a training reads, by its name."""
    return [f"{s}={folder}/{s}" for s in [*sets, "valid", "dev"]]


def training_files(sets, options):
    """What says which utterances a training reads, and of whom; with waveforms, which recordings, too."""
    copies = [s for s in sets if is_copy(s)]
    files = feature_files([*(s for s in sets if not is_copy(s)), "valid", "dev"]) + features_of_copies(copies)
    files += expand(f"{EXP}/data/{{set}}/utt2spk", set=[*sets, "valid", "dev"])
    if options.waveforms:
        files += expand(f"{EXP}/data/{{set}}/{{file}}", set=sets, file=["wav.scp", "reco2sum"])
        # The manifest of a copy lists its utt2aug
        files += [f"{EXP}/data/{s}/{'manifest.json' if is_copy(s) else 'utt2aug'}" for s in sets if is_augmented(s)]
        files += sounds_file(options)
    return files


def training_settings(train, network):
    """What the trainer takes."""
    return as_json(
        {
            "model": network.to_dict(),
            "train": train.only(TrainOptions),
            "feats": settings.feats.to_dict(),
        }
    )


def of_several_nodes(value):
    """A resource that a job of several nodes has, made of their number; a job of one node does not have it."""

    def resource(wildcards, rulename):
        nodes = workflow.get_rule(rulename).resources["nodes"].value
        return value(nodes) if nodes > 1 else None

    return resource


if not PRETRAINED:

    rule train:
        """Train the speaker network. A killed run resumes from its last checkpoint."""
        input:
            training_files(TRAIN_SETS, settings.train),
            dev_trials=f"{EXP}/data/dev/trials_{settings.train.dev_trials}",
            init_from=settings.train.init_from or [],
            teacher=settings.train.teacher or [],
        output:
            expand(f"{RUN}/model/{{file}}", file=TRAINED_FILES),
        log:
            f"{RUN}/log/train.log",
        benchmark:
            f"{RUN}/benchmark/train.tsv"
        threads: 8
        resources:
            gpu=1,  # of all nodes together; memory and threads are for each node
            nodes=1,
            mpi=of_several_nodes(lambda nodes: "srun"),  # the SLURM plugin then leaves srun to the command
            tasks=of_several_nodes(lambda nodes: nodes),
            tasks_per_gpu=of_several_nodes(lambda nodes: 0),  # otherwise the plugin uses `tasks` for it
            mem_mb=growing(12000),
            runtime=1440,
            stop_after="inf",  # minutes; set it below `runtime` if a cluster sends no SIGTERM at its limit
        params:
            out=f"{RUN}/model",
            settings=training_settings(settings.train, settings.network),
            sets=TRAIN_SETS,
            data=of_sets(TRAIN_SETS, f"{EXP}/data"),
            feats=of_sets(TRAIN_SETS, FEATS),
            sounds=sounds_option(settings.train),
            seed=settings.seed,
            code=code("spkr.train.run", ENCODERS[settings.network.type][1]),
        message:
            f"train: {settings.network.name()} on {', '.join(TRAIN_SETS)}; log in {{log}}"
        shell:
            f"{LAUNCH} --log {{log}} train {{params.out}} --checkpoints {{params.out}}/checkpoints"
            " --settings {params.settings:q} --train {params.sets} --data {params.data} --feats {params.feats}"
            " {params.sounds} --stop-after {resources.stop_after} --dev-trials {input.dev_trials} --seed {params.seed}"


if FINETUNE:
    TUNED_TRAIN, TUNED_NETWORK = settings.tuned(f"{RUN}/model/final.pt")
    TUNING_SETS = resolved.training_sets(TUNED_TRAIN)

    use rule train as finetune with:
        input:
            training_files(TUNING_SETS, TUNED_TRAIN),
            dev_trials=f"{EXP}/data/dev/trials_{TUNED_TRAIN.dev_trials}",
            init_from=f"{RUN}/model/final.pt",
            teacher=TUNED_TRAIN.teacher or [],
        output:
            expand(f"{RUN}/finetuned/{{file}}", file=TRAINED_FILES),
        log:
            f"{RUN}/log/finetune.log",
        benchmark:
            f"{RUN}/benchmark/finetune.tsv"
        params:
            out=f"{RUN}/finetuned",
            settings=training_settings(TUNED_TRAIN, TUNED_NETWORK),
            sets=TUNING_SETS,
            data=of_sets(TUNING_SETS, f"{EXP}/data"),
            feats=of_sets(TUNING_SETS, FEATS),
            sounds=sounds_option(TUNED_TRAIN),
            seed=settings.seed,
            code=rules.train.params.code,
        message:
            f"finetune: {TUNED_NETWORK.name()} on {', '.join(TUNING_SETS)}; log in {{log}}"
