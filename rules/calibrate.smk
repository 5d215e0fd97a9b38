# Log-likelihood ratios: the map from scores to them is trained on lists of dev, and applied to lists of test.

CALIBRATED = settings.calibration_lists()  # list of test -> list of dev
QUALITY = settings.calibration.quality
FUSED = [FUSION] if settings.calibration.fusion else []
CALIBRATED_KINDS = [*KINDS, *FUSED]


def fused(pattern):
    """A file of the back-end `wildcards.backend`, or of each one that is fused."""

    def files(wildcards):
        kinds = settings.calibration.fusion if wildcards.backend == FUSION else [wildcards.backend]
        return expand(pattern, list=wildcards.list, backend=kinds)

    return files


def quality_files(wildcards):
    """What quality measures are read from."""
    return f"{EXP}/data/{LISTS[wildcards.list][0]}/utt2dur" if "duration" in QUALITY else []


def cohorts_option(wildcards, input):
    """The option of cohort scores as a quality measure."""
    return f"--cohort-statistics {input.cohorts}" if input.cohorts else ""


def models_option(wildcards, input):
    """The option of a list that has models."""
    return f"--models {input.models}" if input.models else ""


rule calibrate:
    """Train the calibration of one back-end on a list of dev."""
    input:
        trials=trials_file("trials"),
        models=trials_file("models"),
        utt2spk=utt2spk_of,
        quality=quality_files,
        scores=fused(f"{RUN}/scores/{{list}}.{{backend}}"),
        cohorts=fused(f"{RUN}/scores/{{list}}.{{backend}}.cohort") if "cohort" in QUALITY else [],
    output:
        calibration=f"{RUN}/calibration/{{list}}.{{backend}}.json",
        ratios=f"{RUN}/calibration/{{list}}.{{backend}}.llr",
        manifest=f"{RUN}/calibration/manifest.{{list}}.{{backend}}.json",
    log:
        f"{RUN}/log/calibrate.{{list}}.{{backend}}.log",
    benchmark:
        f"{RUN}/benchmark/calibrate.{{list}}.{{backend}}.tsv"
    params:
        prior=settings.calibration.prior,
        quality=["--quality", *QUALITY] if QUALITY else [],
        models=models_option,
        cohorts=cohorts_option,
        code=code("spkr.backend.calibration"),
    message:
        "calibrate: {wildcards.backend} on {wildcards.list}"
    shell:
        "spkr --log {log} calibrate {input.trials} {input.scores} {output.calibration} --prior {params.prior}"
        " --ratios {output.ratios} --utt2spk {input.utt2spk} {params.models} {params.quality} {params.cohorts}"


rule apply_calibration:
    """Turn the scores of a list into log-likelihood ratios."""
    input:
        calibration=lambda w: f"{RUN}/calibration/{CALIBRATED[w.list]}.{w.backend}.json",
        trials=trials_file("trials"),
        models=trials_file("models"),
        utt2spk=utt2spk_of,
        quality=quality_files,
        scores=fused(f"{RUN}/scores/{{list}}.{{backend}}"),
        cohorts=fused(f"{RUN}/scores/{{list}}.{{backend}}.cohort") if "cohort" in QUALITY else [],
    output:
        llrs=f"{RUN}/scores/{{list}}.{{backend}}.llr",
        manifest=f"{RUN}/scores/manifest.{{list}}.{{backend}}.llr.json",
    log:
        f"{RUN}/log/apply_calibration.{{list}}.{{backend}}.log",
    benchmark:
        f"{RUN}/benchmark/apply_calibration.{{list}}.{{backend}}.tsv"
    params:
        models=models_option,
        cohorts=cohorts_option,
        code=code("spkr.backend.calibration"),
    message:
        "calibrate: ratios of {wildcards.list} by {wildcards.backend}"
    shell:
        "spkr --log {log} apply-calibration {input.calibration} {input.trials} {input.scores} {output.llrs}"
        " --utt2spk {input.utt2spk} {params.models} {params.cohorts}"
