# Features and voice activity in Kaldi arks, one job per shard.

SHARDS = settings.feats.shards
SHARD_LISTS = ["feats.{shard}.scp", "vad.{shard}.scp", "utt2num_frames.{shard}", "utt2num_voiced.{shard}"]
SHARD_LISTS += ["front_end.{shard}.json"]
FEATURE_LISTS = ["feats.scp", "vad.scp", "utt2num_frames", "utt2num_voiced", "utt2spk", "front_end.json"]


def feature_files(sets):
    """The lists of these sets' features, and the shards' manifests, which say what is in the arks."""
    files = [*FEATURE_LISTS, *(f"manifest.{i + 1}.json" for i in range(SHARDS))]
    return expand(f"{FEATS}/{{set}}/{{file}}", set=sets, file=files)


def effects(wildcards):
    """The functions of the effects in an augmented set; none for other sets."""
    names = [] if wildcards.set in SETS else settings.augment[wildcards.set.partition("_")[2]].copy_names()
    return [effect.function for name, effect in EFFECTS.items() if name in names]


def utt2aug(wildcards):
    """The file that says how the copies of an augmented set are made; none for other sets."""
    return [] if wildcards.set in SETS else f"{EXP}/data/{wildcards.set}/utt2aug"


rule feats:
    """Compute one shard of a set's features. They stay raw: their reader normalises them."""
    input:
        wav_scp=f"{EXP}/data/{{set}}/wav.scp",
        utt2spk=f"{EXP}/data/{{set}}/utt2spk",
        reco2sum=f"{EXP}/data/{{set}}/reco2sum",
        utt2aug=utt2aug,
        model=PRETRAINED or [],
    output:
        expand(
            f"{FEATS}/{{{{set}}}}/{{file}}",
            file=["feats.{shard}.ark", "vad.{shard}.ark", *SHARD_LISTS, "manifest.{shard}.json"],
        ),
    log:
        f"{FEATS}/log/{{set}}.{{shard}}.log",
    benchmark:
        f"{FEATS}/benchmark/{{set}}.{{shard}}.tsv"
    resources:
        mem_mb=growing(2000),
    params:
        data=f"{EXP}/data/{{set}}",
        out=f"{FEATS}/{{set}}",
        # A trained network comes with its front end
        options=as_json(settings.feats.only(Reading) if PRETRAINED else settings.feats.to_dict()),
        model=["--model", PRETRAINED] if PRETRAINED else [],
        shard=f"{{shard}}/{SHARDS}",
        code=lambda w: code("spkr.feats.extract", FEATURES[settings.feats.type][1], *effects(w)),
    message:
        f"feats: {{wildcards.set}}, part {{wildcards.shard}} of {SHARDS}"
    shell:
        "spkr --log {log} feats {params.data} {params.out} --options {params.options:q} {params.model}"
        " --shard {params.shard}"


rule merge_feats:
    """Join the shards' lists. Every utterance of the set must be there."""
    input:
        utt2spk=f"{EXP}/data/{{set}}/utt2spk",
        shards=expand(
            f"{FEATS}/{{{{set}}}}/{{file}}",
            file=[name.format(shard=i + 1) for i in range(SHARDS) for name in SHARD_LISTS],
        ),
    output:
        expand(f"{FEATS}/{{{{set}}}}/{{file}}", file=[*FEATURE_LISTS, "manifest.json"]),
    log:
        f"{FEATS}/log/{{set}}.merge.log",
    benchmark:
        f"{FEATS}/benchmark/{{set}}.merge.tsv"
    params:
        data=f"{EXP}/data/{{set}}",
        out=f"{FEATS}/{{set}}",
        shards=SHARDS,
        code=code("spkr.kaldi.shards"),
    message:
        "feats: joining the parts of {wildcards.set}"
    shell:
        "spkr --log {log} merge-feats --shards {params.shards} {params.data} {params.out}"
