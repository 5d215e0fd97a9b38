# Networks that others trained (conf/pretrained/), as model files. They are shared by all experiments.


rule pretrained:
    """Find or download a trained network, and turn it into a model file."""
    output:
        network=f"{FOLDER}/{{network}}.pt",
        manifest=f"{FOLDER}/manifest.{{network}}.json",
    log:
        f"{FOLDER}/log/{{network}}.log",
    benchmark:
        f"{FOLDER}/benchmark/{{network}}.tsv"
    wildcard_constraints:
        network="|".join(pretrained_networks(ROOT)),
    params:
        entry=lambda wildcards: as_json(read_pretrained(ROOT, wildcards.network).to_dict()),
        code=code("spkr.nnet.importers.importing", *ORIGINS.values()),
    message:
        "pretrained: importing {wildcards.network}"
    shell:
        "spkr --log {log} pretrained {output.network} --entry {params.entry:q}"
