# The sets of other recipes that the network is trained on, too (train.with). Their own rules make them under exp/<other>/,
# as if those recipes ran alone with this front end. Copies here have the other recipe's name before each name.

OTHERS = {other.config.experiment: other for other in resolved.others.values()}

for other in OTHERS if MAKES != "run" else ():
    OTHER_RULES = f"{re.sub('[^A-Za-z0-9]', '_', other)}_"  # himia_standin_feats
    OTHER_MODULE = f"other_{OTHER_RULES}"

    module:
        name: OTHER_MODULE
        snakefile:
            "other.smk"
        config:
            {"root": ROOT, "resolved": OTHERS[other]}

    if MAKES == "feats":

        use rule * from OTHER_MODULE exclude corpus, data, augment as OTHER_RULES*

    else:

        use rule * from OTHER_MODULE as OTHER_RULES*


COPIED_FILES = ["wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2sum"]
COPIED_LISTS = [*FEATURE_LISTS, "utt2key", "manifest.json"]


def is_copy(s):
    """Whether a set is that of another recipe: `<other>/<set>`."""
    return "/" in s


def is_augmented(s):
    """Whether a set, here or of another recipe, has augmented copies."""
    return s.rpartition("/")[2] not in SETS


def other_feats(other):
    """The folder of another recipe's features."""
    return f"exp/{other}/feats/{OTHERS[other].front_end_name}"


def other_manifests(other, s):
    """The manifests of the shards of another recipe's features, which say what is in the arks."""
    return [f"{other_feats(other)}/{s}/manifest.{i + 1}.json" for i in range(OTHERS[other].config.feats.shards)]


def features_of_copies(sets):
    """The lists of these copies' features, and the manifests of the shards that they name."""
    shards = [path for s in sets for path in other_manifests(*s.split("/"))]
    return expand(f"{FEATS}/{{set}}/{{file}}", set=sets, file=COPIED_LISTS) + shards


if OTHERS:

    wildcard_constraints:
        other="|".join(map(re.escape, OTHERS)),

    rule copy_data:
        """Copy the data directory of another recipe's set, with that recipe's name before all names."""
        input:
            files=expand("exp/{{other}}/data/{{set}}/{file}", file=COPIED_FILES),
            utt2aug=lambda w: f"exp/{w.other}/data/{w.set}/utt2aug" if is_augmented(w.set) else [],
        output:
            expand(f"{EXP}/data/{{{{other}}}}/{{{{set}}}}/{{file}}", file=[*COPIED_FILES, "manifest.json"]),
        log:
            f"{EXP}/log/copy.{{other}}.{{set}}.log",
        benchmark:
            f"{EXP}/benchmark/copy.{{other}}.{{set}}.tsv"
        params:
            data="exp/{other}/data/{set}",
            out=f"{EXP}/data/{{other}}/{{set}}",
            prefix="{other}-",
            code=code("spkr.kaldi.copy_data_dir"),
        message:
            "copy_data: {wildcards.other}/{wildcards.set}"
        shell:
            "spkr --log {log} data copy {params.data} {params.out} --prefix {params.prefix}"

    rule copy_feats:
        """Copy the lists of another recipe's features, with that recipe's name before all names. The arks stay there."""
        input:
            lists=lambda w: expand(f"{other_feats(w.other)}/{w.set}/{{file}}", file=FEATURE_LISTS),
            shards=lambda w: other_manifests(w.other, w.set),
        output:
            expand(f"{FEATS}/{{{{other}}}}/{{{{set}}}}/{{file}}", file=COPIED_LISTS),
        log:
            f"{FEATS}/log/copy.{{other}}.{{set}}.log",
        benchmark:
            f"{FEATS}/benchmark/copy.{{other}}.{{set}}.tsv"
        params:
            feats=lambda w: f"{other_feats(w.other)}/{w.set}",
            out=f"{FEATS}/{{other}}/{{set}}",
            prefix="{other}-",
            code=code("spkr.kaldi.copy_data_dir"),
        message:
            "copy_feats: {wildcards.other}/{wildcards.set}"
        shell:
            "spkr --log {log} data copy {params.feats} {params.out} --prefix {params.prefix}"
