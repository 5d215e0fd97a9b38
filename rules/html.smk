# One page of everything that a person looks at after a run.


def command_again():
    """The command that makes this run. Files below the checkout are named from there."""
    files = [Path(file).resolve() for file in [workflow.main_snakefile, *workflow.overwrite_configfiles]]
    files = [str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file) for file in files]
    configs = ["--configfile", *files[1:]] if files[1:] else []
    given = resolved.command_line.items()
    values = [f"{key}={value if isinstance(value, str) else as_json(value)}" for key, value in given]
    targets = [f"{RUN}/results/report.html"] if MAKES == "run" else []  # of one run of a grid
    return shlex.join(
        ["snakemake", "--cores", "8", "-s", files[0], *targets, *configs, *(["--config", *values] if values else [])]
    )


def citation(wildcards, input):
    """The option that names what to cite; a copy of the code may be without it."""
    path = ROOT / "CITATION.cff"
    return ["--citation", os.path.relpath(path)] if path.exists() else []


SHOWN_SETS = list(dict.fromkeys(s for s, _ in LISTS.values()))  # test first


rule html:
    """Make one page of the results, which opens without network."""
    input:
        json=rules.report.output.json,
        lists=rules.report.output.lists,
        config=rules.report.output.config,
        slices=rules.report.output.slices,
        trials=rules.report.input.trials,
        speakers=rules.report.input.speakers,
        lengths=expand(f"{EXP}/data/{{set}}/utt2dur", set=TEST_SETS),
        num_voiced=rules.report.input.num_voiced,
        scores=rules.report.input.scores,
        llrs=rules.report.input.llrs,
        fused=rules.report.input.fused,
        train_logs=rules.report.input.train_logs,
        xvectors=expand(f"{RUN}/xvectors/{{set}}/xvector.scp", set=SHOWN_SETS) if settings.report.map else [],
        embeddings=xvector_files(SHOWN_SETS) if settings.report.map else [],
        audio=expand(f"{EXP}/data/{{set}}/wav.scp", set=TEST_SETS) if settings.report.audio else [],
    output:
        page=in_report(f"{RUN}/results/report.html", "html", "Results"),
        manifest=f"{RUN}/results/manifest.report.html.json",
    log:
        f"{RUN}/log/html.log",
    benchmark:
        f"{RUN}/benchmark/html.tsv"
    params:
        results=f"{RUN}/results",
        options=as_options(
            {"no_map": not settings.report.map, "audio": settings.report.audio, "worst": settings.report.worst}
        ),
        # Logs and benchmarks are no inputs: they change without a change of the results
        jobs=[EXP, FEATS, RUN],
        bad_files=f"{EXP}/data/bad_files",
        citation=citation,
        # As a function of `input` it is a derived parameter: other words for the same config do not cause a rerun
        command=lambda wildcards, input: command_again(),
        code=code("spkr.report.html.page"),
    message:
        "html: results/report.html"
    shell:
        "spkr --log {log} report {params.results} {output.page} {params.options} --xvectors {input.xvectors}"
        " --train-logs {input.train_logs} --jobs {params.jobs} --bad-files {params.bad_files}"
        " {params.citation:q} --command {params.command:q}"
