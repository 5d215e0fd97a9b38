# EER with its interval, minDCF, identification accuracy, results by attribute, DET plots.

# What the data rule says of utterances and speakers: microphones, distances, sex.
ATTRIBUTES = [name for name in DATA_FILES if re.match("(utt|spk)2(?!spk|utt|dur)", name)]


rule report:
    """Measure all lists and back-ends."""
    input:
        trials=TRIAL_FILES,
        speakers=expand(
            f"{EXP}/data/{{set}}/{{file}}", set=sorted({s for s, _ in LISTS.values()}), file=["utt2spk", *ATTRIBUTES]
        ),
        scores=expand(f"{RUN}/scores/{{list}}.{{backend}}", list=LISTS, backend=KINDS),
        valid=[] if PRETRAINED else f"{TRAINED[-1]}/valid.json",
        train_logs=[] if PRETRAINED else expand("{folder}/train_log.tsv", folder=TRAINED),
    output:
        tables=expand(f"{RUN}/results/{{file}}", file=["results.tsv", "results.json", "table.txt", "manifest.json"]),
        slices=[f"{RUN}/results/slices.tsv"] if ATTRIBUTES else [],
        det=expand(f"{RUN}/results/det_{{list}}.{{end}}", list=LISTS, end=["png", "svg"]),
        training=[] if PRETRAINED else expand(f"{RUN}/results/training.{{end}}", end=["png", "svg"]),
    log:
        f"{RUN}/log/report.log",
    benchmark:
        f"{RUN}/benchmark/report.tsv"
    params:
        out=f"{RUN}/results",
        lists=[f"{name}={EXP}/data/{s}/trials_{of}" for name, (s, of) in LISTS.items()],
        scores=[f"{name}.{b}={RUN}/scores/{name}.{b}" for name in LISTS for b in KINDS],
        utt2spk=[f"{name}={EXP}/data/{s}/utt2spk" for name, (s, _) in LISTS.items()],
        models=[f"{name}={EXP}/data/{s}/models_{of}" for name, (s, of) in LISTS.items() if settings.trials[of].models],
        by=ATTRIBUTES,
        primary=settings.backend.primary,
        name=settings.experiment,
        run=settings.run,
        model=PRETRAINED or settings.network.name(),
        seed=settings.seed,
        valid=lambda w, input: f"--valid {input.valid}" if input.valid else "",
        code=code("spkr.report.results"),
    message:
        "report: results of all lists"
    shell:
        "spkr --log {log} eval {params.out} --list {params.lists} --scores {params.scores}"
        " --utt2spk {params.utt2spk} --models {params.models} --by {params.by}"
        " --primary {params.primary} {params.valid} --train-logs {input.train_logs}"
        " --name {params.name} --run {params.run} --model {params.model} --seed {params.seed} > /dev/null"
