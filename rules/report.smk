# EER, minDCF, identification accuracy, DET plots.


rule report:
    """Measure all lists and back-ends."""
    input:
        trials=[f"{EXP}/data/{s}/trials_{name}" for s, name in LISTS.values()],
        scores=expand(f"{RUN}/scores/{{list}}.{{backend}}", list=LISTS, backend=BACKENDS),
        valid=[] if PRETRAINED else f"{RUN}/model/valid.json",
        code=code(
            *[f"spkr/metrics/{m}.py" for m in ("eer", "dcf", "identification", "scores")],
            *[f"spkr/report/{m}.py" for m in ("results", "det")],
        ),
    output:
        expand(f"{RUN}/results/{{file}}", file=["results.tsv", "results.json", "table.txt"]),
        expand(f"{RUN}/results/det_{{list}}.{{end}}", list=LISTS, end=["png", "svg"]),
    log:
        f"{RUN}/log/report.log",
    params:
        lists=[f"{name}={EXP}/data/{s}/trials_{of}" for name, (s, of) in LISTS.items()],
        scores=[f"{name}.{b}={RUN}/scores/{name}.{b}" for name in LISTS for b in BACKENDS],
        models=[name for name, (_, of) in LISTS.items() if config["trials"][of]["models"]],
        primary=config["backend"]["primary"],
        name=config["name"] or RECIPE,
        run=config["run"],
        model=PRETRAINED or config["model"]["preset"],
        seed=config["seed"],
        valid=lambda w, input: f"--valid {input.valid}" if input.valid else "",
    shell:
        "spkr --log {log} eval {RUN}/results --list {params.lists} --scores {params.scores}"
        " --with-models {params.models} --primary {params.primary} {params.valid}"
        " --name {params.name} --run {params.run} --model {params.model} --seed {params.seed} > /dev/null"
