# Embeddings of whole sets, one job per shard.

EMBED_SHARDS = settings.embed.shards
EMBED_FILES = ["xvector.scp", "spk_xvector.ark", "spk_xvector.scp", "num_utts", "utt2num_voiced"]


def xvector_files(sets):
    """The lists of these sets' embeddings, and the manifests, which say what is in the arks."""
    files = ["xvector.scp", "manifest.json", *(f"manifest.{i + 1}.json" for i in range(EMBED_SHARDS))]
    return expand(f"{RUN}/xvectors/{{set}}/{{file}}", set=sets, file=files)


rule embed:
    """Embed one shard of a set's utterances."""
    input:
        features=feature_files(["{set}"]),
        model=MODEL,
        utt2spk=f"{EXP}/data/{{set}}/utt2spk",
    output:
        expand(
            f"{RUN}/xvectors/{{{{set}}}}/{{file}}",
            file=["xvector.{shard}.ark", "xvector.{shard}.scp", "manifest.{shard}.json"],
        ),
    log:
        f"{RUN}/log/embed.{{set}}.{{shard}}.log",
    benchmark:
        f"{RUN}/benchmark/embed.{{set}}.{{shard}}.tsv"
    threads: 8
    resources:
        gpu=1,
        mem_mb=growing(4000),
    params:
        data=f"{EXP}/data/{{set}}",
        feats=f"{FEATS}/{{set}}",
        out=f"{RUN}/xvectors/{{set}}",
        options=as_json({name: getattr(settings.embed, name) for name in ("batch_frames", "precision")}),
        shard=f"{{shard}}/{EMBED_SHARDS}",
        code=code("spkr.nnet.embed", *([] if PRETRAINED else [ENCODERS[settings.network.type][1]])),
    message:
        f"embed: {{wildcards.set}}, part {{wildcards.shard}} of {EMBED_SHARDS}"
    shell:
        "spkr --log {log} embed {input.model} {params.data} {params.feats} {params.out} --options {params.options:q}"
        " --shard {params.shard}"


rule merge_xvectors:
    """Join the shards' lists, and average by speaker."""
    input:
        utt2spk=f"{EXP}/data/{{set}}/utt2spk",
        num_voiced=f"{FEATS}/{{set}}/utt2num_voiced",
        shards=expand(
            f"{RUN}/xvectors/{{{{set}}}}/{{file}}",
            file=[
                f"{name}.{i + 1}.{end}"
                for i in range(EMBED_SHARDS)
                for name, end in (("xvector", "scp"), ("manifest", "json"))
            ],
        ),
    output:
        expand(f"{RUN}/xvectors/{{{{set}}}}/{{file}}", file=[*EMBED_FILES, "manifest.json"]),
    log:
        f"{RUN}/log/embed.{{set}}.merge.log",
    benchmark:
        f"{RUN}/benchmark/embed.{{set}}.merge.tsv"
    params:
        data=f"{EXP}/data/{{set}}",
        feats=f"{FEATS}/{{set}}",
        out=f"{RUN}/xvectors/{{set}}",
        shards=EMBED_SHARDS,
        options=as_json({"silent": settings.embed.silent}),
        code=code("spkr.kaldi.xvectors"),
    message:
        "embed: joining the parts of {wildcards.set}"
    shell:
        "spkr --log {log} merge-xvectors {params.data} {params.feats} {params.out} --shards {params.shards}"
        " --options {params.options:q}"
