# A score for every trial of every list, by every back-end.


def trials_file(kind):
    """The file trials_<list> or models_<list> of the list that the results call `wildcards.list`."""

    def path(wildcards):
        s, name = LISTS[wildcards.list]
        exists = kind == "trials" or settings.trials[name].models
        return [f"{EXP}/data/{s}/{kind}_{name}"] if exists else []

    return path


SCORE = settings.backend.score
COHORT = settings.backend.cohort_sets()


def cohort(kind, pattern):
    """A file of each set of the cohort, for back-ends that normalise scores."""
    return expand(pattern, set=COHORT) if CHAINS[kind].norm else []


def score_options(wildcards):
    """The options of `spkr score` for a list and a back-end, apart from its files."""
    norm = CHAINS[wildcards.backend].norm
    options = {"smoothing": SCORE.smoothing, "ignore_num_utts": SCORE.ignore_num_utts, "silent": settings.embed.silent}
    if models := trials_file("models")(wildcards):
        options["models"] = models
    if norm:
        options["cohort"] = cohort(wildcards.backend, f"{RUN}/xvectors/{{set}}/xvector.scp")
        options["cohort_models"] = cohort(wildcards.backend, f"{EXP}/data/{{set}}/spk2utt")
        options["utt2spk"] = utt2spk_of(wildcards)
        options |= {"top_n": SCORE.top_n} if norm.name == "as-norm" and not norm.number else {}
    return as_options(options)


def utt2spk_of(wildcards):
    """The speakers of a list's set."""
    return f"{EXP}/data/{LISTS[wildcards.list][0]}/utt2spk"


rule score:
    """Score one trial list by one back-end."""
    input:
        trials=trials_file("trials"),
        models=trials_file("models"),
        xvectors=lambda w: f"{RUN}/xvectors/{LISTS[w.list][0]}/xvector.scp",
        embeddings=lambda w: xvector_files([LISTS[w.list][0], *(COHORT if CHAINS[w.backend].norm else [])]),
        backend=lambda w: [] if UNTRAINED else [below(backend_dir(w.backend), file) for file in CHAINS[w.backend].files],
        cohort=lambda w: cohort(w.backend, f"{RUN}/xvectors/{{set}}/xvector.scp"),
        cohort_models=lambda w: cohort(w.backend, f"{EXP}/data/{{set}}/spk2utt"),
        utt2spk=lambda w: utt2spk_of(w) if CHAINS[w.backend].norm else [],
    output:
        scores=f"{RUN}/scores/{{list}}.{{backend}}",
        manifest=f"{RUN}/scores/manifest.{{list}}.{{backend}}.json",
        cohort=f"{RUN}/scores/{{list}}.{{backend}}.cohort" if "cohort" in settings.calibration.quality else [],
    log:
        f"{RUN}/log/score.{{list}}.{{backend}}.log",
    benchmark:
        f"{RUN}/benchmark/score.{{list}}.{{backend}}.tsv"
    wildcard_constraints:
        backend="|".join(KINDS),
    params:
        chain=lambda w: str(CHAINS[w.backend]),
        backend_dir=lambda w: [] if UNTRAINED else ["--backend-dir", backend_dir(w.backend)],
        options=score_options,
        statistics=lambda w, output: f"--cohort-statistics {output.cohort}" if output.cohort else "",
        code=lambda w: code("spkr.backend.score", SCORERS[CHAINS[w.backend].scorer]),
    message:
        "score: {wildcards.list} by {wildcards.backend}"
    shell:
        "spkr --log {log} score {input.trials} {output.scores} --chain {params.chain:q}"
        " {params.backend_dir} --xvectors {input.xvectors} {params.options} {params.statistics}"
