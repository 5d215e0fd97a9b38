# Mean, LDA and PLDA, in Kaldi's formats.

BACKEND_FILES = ["mean.vec", "transform.mat", "plda"]
TRAINED_BACKEND = config["backend"]["from"] or f"{RUN}/backend"
ADAPT_TO = config["backend"]["adapt_to"]
BACKEND_DIR = f"{RUN}/adapted_backend" if ADAPT_TO else TRAINED_BACKEND


if not config["backend"]["from"]:

    rule backend:
        """Train the back-end on embeddings of training speakers."""
        input:
            xvectors=expand(f"{RUN}/xvectors/{{set}}/xvector.scp", set=BACKEND_SETS),
            manifests=expand(f"{RUN}/xvectors/{{set}}/manifest.json", set=BACKEND_SETS),
            utt2spk=expand(f"{EXP}/data/{{set}}/utt2spk", set=BACKEND_SETS),
            num_voiced=expand(f"{FEATS}/{{set}}/utt2num_voiced", set=BACKEND_SETS),
            code=code(*[f"spkr/backend/{m}.py" for m in ("train", "stats", "lda", "plda", "vectors", "embeddings")]),
        output:
            expand(f"{RUN}/backend/{{file}}", file=[*BACKEND_FILES, "manifest.json"]),
        log:
            f"{RUN}/log/backend.log",
        resources:
            mem_mb=growing(4000),
        params:
            options=as_json(settings("backend")),
        shell:
            "spkr --log {log} backend {RUN}/backend --xvectors {input.xvectors} --utt2spk {input.utt2spk}"
            " --num-voiced {input.num_voiced} --options {params.options:q}"


if ADAPT_TO:

    rule adapt:
        """Adapt the back-end to a set's embeddings, whose speakers it need not know."""
        input:
            backend=expand(f"{TRAINED_BACKEND}/{{file}}", file=BACKEND_FILES),
            xvectors=f"{RUN}/xvectors/{ADAPT_TO}/xvector.scp",
            manifest=f"{RUN}/xvectors/{ADAPT_TO}/manifest.json",
            code=code(*[f"spkr/backend/{m}.py" for m in ("adapt", "plda", "vectors")]),
        output:
            expand(f"{BACKEND_DIR}/{{file}}", file=[*BACKEND_FILES, "manifest.json"]),
        log:
            f"{RUN}/log/adapt.log",
        params:
            scales=as_options(config["backend"]["adapt"]),
        shell:
            "spkr --log {log} adapt-backend {TRAINED_BACKEND} {input.xvectors} {BACKEND_DIR} {params.scales}"
