# A score for every trial of every list, by every back-end.


def trials_file(kind):
    """The data directory's trials_<list> or models_<list> behind a list's name in the results."""

    def path(wildcards):
        s, name = LISTS[wildcards.list]
        exists = kind == "trials" or config["trials"][name]["models"]
        return [f"{EXP}/data/{s}/{kind}_{name}"] if exists else []

    return path


rule score:
    """Score one trial list by one back-end."""
    input:
        trials=trials_file("trials"),
        models=trials_file("models"),
        xvectors=lambda w: f"{RUN}/xvectors/{LISTS[w.list][0]}/xvector.scp",
        backend=expand(f"{BACKEND_DIR}/{{file}}", file=BACKEND_FILES),
        code=code(*[f"spkr/backend/{m}.py" for m in ("score", "plda", "vectors")]),
    output:
        f"{RUN}/scores/{{list}}.{{backend}}",
    log:
        f"{RUN}/log/score.{{list}}.{{backend}}.log",
    params:
        models=lambda w, input: f"--models {input.models}" if input.models else "",
    shell:
        "spkr --log {log} score {input.trials} {output} --backend {wildcards.backend}"
        " --backend-dir {BACKEND_DIR} --xvectors {input.xvectors} {params.models}"
