# EER, minDCF, Cllr and their intervals, thresholds, identification, results by attribute, DET plots.

# Files of the data rule that describe utterances and speakers: microphone, distance, sex.
ATTRIBUTES = [name for name in DATA_FILES if re.match("(utt|spk)2(?!spk|utt|dur|file|session)", name)]
TEST_SETS = sorted({s for s, _ in LISTS.values()})
WITH_MODELS = [name for name, (_, of) in LISTS.items() if settings.trials[of].models]


def list_files(name):
    """The files of a list that `spkr eval` reads: trials, scores, ratios, models, speakers, voiced frames."""
    s, of = LISTS[name]
    files = {
        "trials": f"{EXP}/data/{s}/trials_{of}",
        "scores": {b: f"{RUN}/scores/{name}.{b}" for b in KINDS},
        "utt2spk": f"{EXP}/data/{s}/utt2spk",
        "num_voiced": f"{RUN}/xvectors/{s}/utt2num_voiced",
    }
    if name in CALIBRATED:
        files["llrs"] = {b: f"{RUN}/scores/{name}.{b}.llr" for b in CALIBRATED_KINDS}
        files["scores"] |= {b: files["llrs"][b] for b in FUSED}
        files["dev"] = CALIBRATED[name]
    if name in CALIBRATED.values():
        files["calibrations"] = {b: f"{RUN}/calibration/{name}.{b}.json" for b in KINDS}
        files["scores"] |= {b: f"{RUN}/calibration/{name}.{b}.llr" for b in FUSED}
    return files | ({"models": f"{EXP}/data/{s}/models_{of}"} if name in WITH_MODELS else {})


def in_report(files, caption, category):
    """Files that `snakemake --report` shows, with report/<caption>.rst as their caption."""
    return report(files, caption=f"../report/{caption}.rst", category=category) if files else []


rule report:
    """Measure the error rates of all lists and back-ends, and draw the plots."""
    input:
        trials=TRIAL_FILES,
        speakers=expand(f"{EXP}/data/{{set}}/{{file}}", set=TEST_SETS, file=["utt2spk", *ATTRIBUTES]),
        num_voiced=expand(f"{RUN}/xvectors/{{set}}/utt2num_voiced", set=TEST_SETS),
        scores=expand(f"{RUN}/scores/{{list}}.{{backend}}", list=LISTS, backend=KINDS),
        llrs=expand(f"{RUN}/scores/{{list}}.{{backend}}.llr", list=CALIBRATED, backend=CALIBRATED_KINDS),
        fused=expand(f"{RUN}/calibration/{{list}}.{{backend}}.llr", list=sorted({*CALIBRATED.values()}), backend=FUSED),
        calibrations=expand(
            f"{RUN}/calibration/{{list}}.{{backend}}.json", list=sorted({*CALIBRATED.values()}), backend=KINDS
        ),
        corpus=expand(f"{EXP}/data/{{set}}/reco2sum", set=SETS),
        network=MODEL,
        valid=[] if PRETRAINED else f"{TRAINED[-1]}/valid.json",
        train_logs=[] if PRETRAINED else expand("{folder}/train_log.tsv", folder=TRAINED),
    output:
        config=in_report(f"{RUN}/results/config.yaml", "config", "Run"),
        lists=f"{RUN}/results/lists.json",
        tsv=in_report(f"{RUN}/results/results.tsv", "results", "Results"),
        table=in_report(f"{RUN}/results/table.txt", "table", "Results"),
        summary=f"{RUN}/results/summary.txt",
        json=in_report(f"{RUN}/results/results.json", "origin", "Run"),
        manifest=f"{RUN}/results/manifest.json",
        slices=in_report(f"{RUN}/results/slices.tsv" if ATTRIBUTES else [], "slices", "Results"),
        thresholds=in_report(f"{RUN}/results/thresholds.tsv" if CALIBRATED else [], "thresholds", "Results"),
        confusions=in_report(f"{RUN}/results/confusions.tsv" if WITH_MODELS else [], "confusions", "Results"),
        det=in_report(expand(f"{RUN}/results/det_{{list}}.svg", list=LISTS), "det", "Plots"),
        det_png=expand(f"{RUN}/results/det_{{list}}.png", list=LISTS),
        training=in_report([] if PRETRAINED else f"{RUN}/results/training.svg", "training", "Plots"),
        training_png=[] if PRETRAINED else f"{RUN}/results/training.png",
    log:
        f"{RUN}/log/report.log",
    benchmark:
        f"{RUN}/benchmark/report.tsv"
    threads: 2
    params:
        out=f"{RUN}/results",
        # As a function of `input` it is a derived parameter: a key that moves to another line does not cause a rerun
        config=lambda wildcards, input: resolved.as_yaml(ROOT),
        lists=json.dumps({name: list_files(name) for name in LISTS}, indent=2),
        by=ATTRIBUTES,
        prior=settings.calibration.prior,
        primary=settings.backend.primary,
        name=settings.experiment,
        run=settings.run,
        model=PRETRAINED or settings.network.name(),
        seed=settings.seed,
        front_end=FRONT_END,
        valid=lambda w, input: f"--valid {input.valid}" if input.valid else "",
        code=code("spkr.report.results"),
    message:
        "report: results of all lists"
    shell:
        "printf '%s\\n' {params.config:q} > {output.config}; printf '%s\\n' {params.lists:q} > {output.lists};"
        " spkr --log {log} eval {params.out} {output.lists} --by {params.by} --primary {params.primary}"
        " --priors {params.prior} {params.valid} --train-logs {input.train_logs} --name {params.name} --run {params.run}"
        " --model {params.model} --seed {params.seed} --front-end {params.front_end} --network {input.network}"
        " --corpus {input.corpus} > /dev/null"
