# Mean, LDA and PLDA, in Kaldi's formats.

UNTRAINED = not (settings.backend.trained or settings.backend.sets)  # cosine of embeddings as they are
TRAINED_BACKEND = settings.backend.trained or f"{RUN}/backend"
ADAPT_TO = settings.backend.adapt_to
BACKEND_DIR = f"{RUN}/adapted_backend" if ADAPT_TO else TRAINED_BACKEND


if settings.backend.sets and not settings.backend.trained:

    rule backend:
        """Train the back-end on embeddings of training speakers."""
        input:
            xvectors=expand(f"{RUN}/xvectors/{{set}}/xvector.scp", set=BACKEND_SETS),
            embeddings=xvector_files(BACKEND_SETS),
            utt2spk=expand(f"{EXP}/data/{{set}}/utt2spk", set=BACKEND_SETS),
            num_voiced=expand(f"{FEATS}/{{set}}/utt2num_voiced", set=BACKEND_SETS),
        output:
            expand(f"{RUN}/backend/{{file}}", file=[*BACKEND_FILES, "manifest.json"]),
        log:
            f"{RUN}/log/backend.log",
        benchmark:
            f"{RUN}/benchmark/backend.tsv"
        resources:
            mem_mb=growing(4000),
        params:
            out=f"{RUN}/backend",
            options=as_json(settings.backend.only(BackendOptions)),
            code=code("spkr.backend.train"),
        message:
            f"backend: mean, LDA and PLDA on {', '.join(BACKEND_SETS)}"
        shell:
            "spkr --log {log} backend {params.out} --xvectors {input.xvectors} --utt2spk {input.utt2spk}"
            " --num-voiced {input.num_voiced} --options {params.options:q}"


if ADAPT_TO:

    rule adapt:
        """Adapt the back-end to the embeddings of a set, without speaker labels."""
        input:
            backend=expand(f"{TRAINED_BACKEND}/{{file}}", file=BACKEND_FILES),
            xvectors=f"{RUN}/xvectors/{ADAPT_TO}/xvector.scp",
            embeddings=xvector_files([ADAPT_TO]),
        output:
            expand(f"{BACKEND_DIR}/{{file}}", file=[*BACKEND_FILES, "manifest.json"]),
        log:
            f"{RUN}/log/adapt.log",
        benchmark:
            f"{RUN}/benchmark/adapt.tsv"
        params:
            trained=TRAINED_BACKEND,
            out=BACKEND_DIR,
            scales=as_options(settings.backend.adapt.to_dict()),
            code=code("spkr.backend.adapt"),
        message:
            f"backend: adapting to {ADAPT_TO}"
        shell:
            "spkr --log {log} adapt-backend {params.trained} {input.xvectors} {params.out} {params.scales}"
