# Embeddings of whole sets.


rule embed:
    """Embed every utterance of a set, and average by speaker."""
    input:
        features=feature_files(["{set}"]),
        model=MODEL,
        utt2spk=f"{EXP}/data/{{set}}/utt2spk",
    output:
        expand(
            f"{RUN}/xvectors/{{{{set}}}}/{{file}}",
            file=["xvector.ark", "xvector.scp", "spk_xvector.ark", "spk_xvector.scp", "num_utts", "manifest.json"],
        ),
    log:
        f"{RUN}/log/embed.{{set}}.log",
    benchmark:
        f"{RUN}/benchmark/embed.{{set}}.tsv"
    resources:
        mem_mb=growing(4000),
    params:
        data=f"{EXP}/data/{{set}}",
        feats=f"{FEATS}/{{set}}",
        out=f"{RUN}/xvectors/{{set}}",
        code=code("spkr.nnet.embed", *([] if PRETRAINED else [ENCODERS[settings.network.type][1]])),
    message:
        "embed: {wildcards.set}"
    shell:
        "spkr --log {log} embed {input.model} {params.data} {params.feats} {params.out}"
