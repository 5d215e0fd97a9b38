# A score for every trial of every list, by every back-end.


def trials_file(kind):
    """The file trials_<list> or models_<list> of the list that the results call `wildcards.list`."""

    def path(wildcards):
        s, name = LISTS[wildcards.list]
        exists = kind == "trials" or settings.trials[name].models
        return [f"{EXP}/data/{s}/{kind}_{name}"] if exists else []

    return path


SCORE = settings.backend.score
COHORT = SCORE.cohort if SCORE.score_norm != "none" else None


def score_options(wildcards):
    """The options of `spkr score` for a list, apart from the back-end."""
    options = {"smoothing": SCORE.smoothing, "ignore_num_utts": SCORE.ignore_num_utts, "score_norm": SCORE.score_norm}
    options["silent"] = settings.embed.silent
    if models := trials_file("models")(wildcards):
        options["models"] = models
    if COHORT:
        options |= {"cohort": f"{RUN}/xvectors/{COHORT}/xvector.scp", "cohort_models": f"{EXP}/data/{COHORT}/spk2utt"}
        options |= {"top_n": SCORE.top_n} if SCORE.score_norm == "as-norm" else {}
    return as_options(options)


rule score:
    """Score one trial list by one back-end."""
    input:
        trials=trials_file("trials"),
        models=trials_file("models"),
        xvectors=lambda w: f"{RUN}/xvectors/{LISTS[w.list][0]}/xvector.scp",
        embeddings=lambda w: xvector_files(filter(None, [LISTS[w.list][0], COHORT])),
        backend=[] if UNTRAINED else expand(f"{BACKEND_DIR}/{{file}}", file=BACKEND_FILES),
        cohort=[f"{RUN}/xvectors/{COHORT}/xvector.scp"] if COHORT else [],
        cohort_models=[f"{EXP}/data/{COHORT}/spk2utt"] if COHORT else [],
    output:
        scores=f"{RUN}/scores/{{list}}.{{backend}}",
        manifest=f"{RUN}/scores/manifest.{{list}}.{{backend}}.json",
    log:
        f"{RUN}/log/score.{{list}}.{{backend}}.log",
    benchmark:
        f"{RUN}/benchmark/score.{{list}}.{{backend}}.tsv"
    params:
        backend="{backend}",
        backend_dir=[] if UNTRAINED else ["--backend-dir", BACKEND_DIR],
        options=score_options,
        code=lambda w: code("spkr.backend.score", BACKENDS[w.backend]),
    message:
        "score: {wildcards.list} by {wildcards.backend}"
    shell:
        "spkr --log {log} score {input.trials} {output.scores} --backend {params.backend}"
        " {params.backend_dir} --xvectors {input.xvectors} {params.options}"
