# A score for every trial of every list, by every back-end.


def trials_file(kind):
    """The data directory's trials_<list> or models_<list> behind a list's name in the results."""

    def path(wildcards):
        s, name = LISTS[wildcards.list]
        exists = kind == "trials" or config["trials"][name]["models"]
        return [f"{EXP}/data/{s}/{kind}_{name}"] if exists else []

    return path


SCORE = config["backend"]["score"]
COHORT = SCORE["cohort"] if SCORE["score_norm"] != "none" else None
if SCORE["score_norm"] != "none" and not COHORT:
    raise InputError("config: backend.score.cohort: none; expected a set whose speakers are the cohort of score_norm")


def score_options(wildcards):
    """What `spkr score` is to do beside the back-end's steps; changes of what is made from `input` go unseen."""
    options = {name: SCORE[name] for name in ("smoothing", "ignore_num_utts", "score_norm")}
    if models := trials_file("models")(wildcards):
        options["models"] = models
    if COHORT:
        options |= {"cohort": f"{RUN}/xvectors/{COHORT}/xvector.scp", "cohort_models": f"{EXP}/data/{COHORT}/spk2utt"}
        options |= {"top_n": SCORE["top_n"]} if SCORE["score_norm"] == "as-norm" else {}
    return as_options(options)


rule score:
    """Score one trial list by one back-end."""
    input:
        trials=trials_file("trials"),
        models=trials_file("models"),
        xvectors=lambda w: f"{RUN}/xvectors/{LISTS[w.list][0]}/xvector.scp",
        manifests=lambda w: [f"{RUN}/xvectors/{s}/manifest.json" for s in (LISTS[w.list][0], COHORT) if s],
        backend=expand(f"{BACKEND_DIR}/{{file}}", file=BACKEND_FILES),
        cohort=[f"{RUN}/xvectors/{COHORT}/xvector.scp"] if COHORT else [],
        cohort_models=[f"{EXP}/data/{COHORT}/spk2utt"] if COHORT else [],
        code=code(
            *[f"spkr/backend/{m}.py" for m in ("score", "steps", "embeddings", "score_norm", "plda", "vectors")],
        ),
    output:
        scores=f"{RUN}/scores/{{list}}.{{backend}}",
        manifest=f"{RUN}/scores/manifest.{{list}}.{{backend}}.json",
    log:
        f"{RUN}/log/score.{{list}}.{{backend}}.log",
    params:
        options=score_options,
    shell:
        "spkr --log {log} score {input.trials} {output.scores} --backend {wildcards.backend}"
        " --backend-dir {BACKEND_DIR} --xvectors {input.xvectors} {params.options}"
