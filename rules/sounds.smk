# The rooms and noise that are put on crops while networks are trained.

SOUNDS = {}  # list of rooms and noise -> the options that it is made from


def sounds_file(options):
    """The list of the rooms and noise that a training puts on crops, named by a hash of what names their folders."""
    if not any(options.on_the_fly.folders().values()):
        return []
    chosen = as_json(options.on_the_fly.to_dict())
    name = f"sounds.{hashlib.sha256(chosen.encode()).hexdigest()[:6]}"
    SOUNDS[name] = chosen
    return [f"{EXP}/data/{name}.json"]


def sounds_option(options):
    """The same as an option of `spkr train`."""
    return [f"--sounds {path}" for path in sounds_file(options)]


rule sounds:
    """Find the rooms and noise that are put on crops while the network is trained."""
    output:
        sounds=f"{EXP}/data/{{sounds}}.json",
        manifest=f"{EXP}/data/manifest.{{sounds}}.json",
    log:
        f"{EXP}/log/{{sounds}}.log",
    benchmark:
        f"{EXP}/benchmark/{{sounds}}.tsv"
    wildcard_constraints:
        sounds=r"sounds\.\w+",
    params:
        options=lambda wildcards: SOUNDS[wildcards.sounds],
        code=code("spkr.audio.augment_sounds"),
    message:
        "sounds: finding rooms and noise"
    shell:
        "spkr --log {log} sounds {output.sounds} --options {params.options:q}"
