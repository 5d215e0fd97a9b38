# Embeddings of whole sets.


rule embed:
    """Embed every utterance of a set, and average by speaker."""
    input:
        feature_files(["{set}"]),
        model=MODEL,
        utt2spk=f"{EXP}/data/{{set}}/utt2spk",
        code=code(
            *NETWORK,
            "spkr/nnet/embed.py",
            *[f"spkr/feats/{m}.py" for m in ("reader", "cmvn")],
        ),
    output:
        expand(
            f"{RUN}/xvectors/{{{{set}}}}/{{file}}",
            file=["xvector.ark", "xvector.scp", "spk_xvector.ark", "spk_xvector.scp", "num_utts", "manifest.json"],
        ),
    log:
        f"{RUN}/log/embed.{{set}}.log",
    resources:
        mem_mb=growing(4000),
    shell:
        "spkr --log {log} embed {input.model} {EXP}/data/{wildcards.set} {FEATS}/{wildcards.set}"
        " {RUN}/xvectors/{wildcards.set}"
