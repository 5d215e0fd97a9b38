# Features and voice activity, a job a shard, into Kaldi arks.

from spkr.feats.options import NUMBERLESS

SHARDS = config["feats"]["shards"]
SHARD_LISTS = ["feats.{shard}.scp", "vad.{shard}.scp", "utt2num_frames.{shard}", "utt2num_voiced.{shard}"]
SHARD_LISTS += ["front_end.{shard}.json"]
FEATURE_LISTS = ["feats.scp", "vad.scp", "utt2num_frames", "utt2num_voiced", "utt2spk", "front_end.json"]


localrules:
    merge_feats,


rule feats:
    """Compute one shard of a set's features; raw, as normalisation is the reader's."""
    input:
        f"{EXP}/data/{{set}}/wav.scp",
        f"{EXP}/data/{{set}}/utt2spk",
        f"{EXP}/data/{{set}}/reco2sum",
        model=[PRETRAINED] if PRETRAINED else [],
        code=code(
            *[f"spkr/feats/{m}.py" for m in ("extract", "fbank", "compliance", "logmel", "vad")],
            *[f"spkr/audio/{m}.py" for m in ("read", "effects", "acoustics")],
            *[f"spkr/kaldi/{m}.py" for m in ("datadir", "rules", "table", "compression")],
        ),
    output:
        expand(
            f"{FEATS}/{{{{set}}}}/{{file}}",
            file=["feats.{shard}.ark", "vad.{shard}.ark", *SHARD_LISTS, "manifest.{shard}.json"],
        ),
    log:
        f"{FEATS}/log/{{set}}.{{shard}}.log",
    resources:
        mem_mb=growing(2000),
    params:
        # A trained network brings its front end
        options=as_json({k: v for k, v in settings("feats").items() if not PRETRAINED or k in NUMBERLESS}),
        model=["--model", PRETRAINED] if PRETRAINED else [],
        shards=SHARDS,
    shell:
        "spkr --log {log} feats --options {params.options:q} {params.model} --shard {wildcards.shard}/{params.shards}"
        " {EXP}/data/{wildcards.set} {FEATS}/{wildcards.set}"


rule merge_feats:
    """Join the shards' lists; every utterance of the set must be there."""
    input:
        f"{EXP}/data/{{set}}/utt2spk",
        expand(
            f"{FEATS}/{{{{set}}}}/{{file}}",
            file=[name.format(shard=i + 1) for i in range(SHARDS) for name in SHARD_LISTS],
        ),
    output:
        expand(
            f"{FEATS}/{{{{set}}}}/{{file}}",
            file=[*FEATURE_LISTS, "manifest.json"],
        ),
    log:
        f"{FEATS}/log/{{set}}.merge.log",
    shell:
        "spkr --log {log} merge-feats --shards {SHARDS} {EXP}/data/{wildcards.set} {FEATS}/{wildcards.set}"
