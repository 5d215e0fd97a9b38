# From the archive to Kaldi data directories and trial lists.

CORPUS = f"exp/corpora/{config['corpus']['name']}"


localrules:
    corpus,


if config["corpus"]["synthesise"]:

    rule corpus:
        """Synthesise the corpus."""
        input:
            code=code(config["corpus"]["synthesise"]),
        output:
            f"{CORPUS}/unpacked.json",
        log:
            f"{CORPUS}.log",
        params:
            options=config["corpus"]["synthesise_options"],
        shell:
            "python {input.code} {CORPUS} {params.options} 2>&1 | tee {log}"

else:

    rule corpus:
        """Find or download the archive and unpack it; later rules depend on the completion record alone."""
        output:
            f"{CORPUS}/unpacked.json",
        log:
            f"{CORPUS}.log",
        params:
            archive=config["corpus"]["archive"],
            options=" ".join(f"--{k} {config['corpus'][k]}" for k in ("url", "sha256") if config["corpus"][k]),
        shell:
            "spkr --log {log} fetch {params.archive} {CORPUS} {params.options}"


rule data:
    """Write the data directories and trial lists of all sets."""
    input:
        corpus=rules.corpus.output,
        code=code(config["corpus"]["script"]),
    output:
        expand(
            f"{EXP}/data/{{set}}/{{file}}",
            set=["train", "valid", "dev", "test"],
            file=["wav.scp", "utt2spk", "spk2utt", "utt2dur", "spk2gender", "text"],
        ),
        [f"{EXP}/data/{s}/trials_{name}" for s, name in LISTS.values()],
        [f"{EXP}/data/{s}/models_{name}" for s, name in LISTS.values() if config["trials"][name]["models"]],
    log:
        f"{EXP}/log/data.log",
    params:
        seed=config["corpus"]["seed"],
        dev_speakers=config["corpus"]["dev_speakers"],
        expect=as_json(config["corpus"]["expect"]),
    shell:
        "python {input.code} {CORPUS} {EXP}/data --seed {params.seed} --dev-speakers {params.dev_speakers}"
        " --expect {params.expect:q} 2>&1 | tee {log}"


rule augment:
    """Say what the augmented copies of a set are; no audio is written."""
    input:
        expand(f"{EXP}/data/{{{{clean}}}}/{{file}}", file=["wav.scp", "utt2spk", "spk2utt", "utt2dur"]),
        code=code("spkr/audio/augment.py"),
    output:
        expand(
            f"{EXP}/data/{{{{clean}}}}_{{{{augment}}}}/{{file}}",
            file=["wav.scp", "utt2spk", "spk2utt", "utt2dur", "utt2aug"],
        ),
    log:
        f"{EXP}/log/augment.{{clean}}_{{augment}}.log",
    params:
        options=lambda w: as_json(config["augment"][w.augment]),
    shell:
        "spkr --log {log} augment {EXP}/data/{wildcards.clean} {EXP}/data/{wildcards.clean}_{wildcards.augment}"
        " --options {params.options:q}"
