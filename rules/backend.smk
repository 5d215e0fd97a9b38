# Back-ends: the trained steps of their chains, in Kaldi's formats. The default chain, mean | lda | length-norm | plda, is
# in backend/; a chain of other steps, <name>, is in backend/<name>/, and its rule is backend_<name>.

UNTRAINED = not (settings.backend.trained or settings.backend.sets)  # cosine of embeddings as they are
TRAINED_BACKEND = settings.backend.trained or f"{RUN}/backend"
ADAPT_TO = settings.backend.adapt_to
FOLDERS = {kind: settings.backend.folder(kind) for kind in KINDS}
# What is trained, and what is adapted, by the folder below that of the default chain
TO_TRAIN = {"": parse_chain(KALDI)} | {FOLDERS[k]: CHAINS[k].before_adaptation() for k in KINDS if FOLDERS[k]}
TO_ADAPT = {FOLDERS[k]: TO_TRAIN[FOLDERS[k]] for k in KINDS if CHAINS[k].is_adapted}


def below(folder, *parts):
    """A path below a folder; an empty part is none."""
    return "/".join([folder, *filter(None, parts)])


def backend_dir(kind):
    """The folder of a back-end's trained steps, adapted or not."""
    return below(f"{RUN}/adapted_backend" if CHAINS[kind].is_adapted else TRAINED_BACKEND, FOLDERS[kind])


if settings.backend.sets and not settings.backend.trained:
    for own, steps in TO_TRAIN.items():

        rule:
            """Train a back-end on embeddings of training speakers."""
            name:
                f"backend_{own}" if own else "backend"
            input:
                xvectors=expand(f"{RUN}/xvectors/{{set}}/xvector.scp", set=BACKEND_SETS),
                embeddings=xvector_files(BACKEND_SETS),
                utt2spk=expand(f"{EXP}/data/{{set}}/utt2spk", set=BACKEND_SETS),
                num_voiced=expand(f"{FEATS}/{{set}}/utt2num_voiced", set=BACKEND_SETS),
            output:
                [below(TRAINED_BACKEND, own, file) for file in (*steps.files, "manifest.json")],
            log:
                f"{RUN}/log/backend{own and '.'}{own}.log",
            benchmark:
                f"{RUN}/benchmark/backend{own and '.'}{own}.tsv"
            resources:
                mem_mb=growing(4000),
            params:
                out=below(TRAINED_BACKEND, own),
                chain=str(steps),
                options=as_json(settings.backend.only(BackendOptions)),
                code=code("spkr.backend.train"),
            message:
                f"backend: {steps}, on {', '.join(BACKEND_SETS)}"
            shell:
                "spkr --log {log} backend {params.out} --xvectors {input.xvectors} --utt2spk {input.utt2spk}"
                " --num-voiced {input.num_voiced} --options {params.options:q} --chain {params.chain:q}"


for own, steps in TO_ADAPT.items():

    rule:
        """Adapt a back-end to the embeddings of a set, without speaker labels."""
        name:
            f"adapt_{own}" if own else "adapt"
        input:
            backend=[below(TRAINED_BACKEND, own, file) for file in steps.files],
            xvectors=f"{RUN}/xvectors/{ADAPT_TO}/xvector.scp",
            embeddings=xvector_files([ADAPT_TO]),
        output:
            [below(f"{RUN}/adapted_backend", own, file) for file in (*steps.files, "manifest.json")],
        log:
            f"{RUN}/log/adapt{own and '.'}{own}.log",
        benchmark:
            f"{RUN}/benchmark/adapt{own and '.'}{own}.tsv"
        params:
            trained=below(TRAINED_BACKEND, own),
            out=below(f"{RUN}/adapted_backend", own),
            chain=str(steps),
            scales=as_options(settings.backend.adapt.to_dict()),
            code=code("spkr.backend.adapt"),
        message:
            f"backend: adapting to {ADAPT_TO}"
        shell:
            "spkr --log {log} adapt-backend {params.trained} {input.xvectors} {params.out} --chain {params.chain:q}"
            " {params.scales}"
