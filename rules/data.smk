# From the archives to Kaldi data directories and trial lists.
import shlex

CORPUS = f"exp/corpora/{config['corpus']['name']}"

# What is unpacked, by the folder that it is unpacked to.
ARCHIVES = {os.path.normpath(f"{CORPUS}/{folder}"): archive for folder, archive in config["corpus"]["archives"].items()}
UNPACKED = [f"{folder}/unpacked.json" for folder in ARCHIVES or [CORPUS]]
SCRIPT = config["corpus"]["script"]
SCRIPTS = code(
    *sorted(path.relative_to(ROOT) for path in ROOT.glob(f"{SCRIPT.removesuffix('.py')}*.py")),
    *[f"spkr/kaldi/{m}.py" for m in ("select", "trials")],
)
PARTS = config["corpus"]["parts"]
DATA_FILES = ["wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2sum", "manifest.json", *config["corpus"]["files"]]
if config["corpus"]["spk2gender"] and "spk2gender" not in DATA_FILES:
    DATA_FILES.append("spk2gender")
TRIAL_FILES = [
    f"{EXP}/data/{s}/{kind}_{name}"
    for s, name in LISTS.values()
    for kind in (["trials", "models"] if config["trials"][name]["models"] else ["trials"])
]


def corpus_options(*names):
    """These settings of the corpus as options of its script."""
    return as_options({name: config["corpus"][name] for name in names})


def fetch_arguments(unpacked):
    """What `spkr fetch` is to unpack to that folder."""
    archive = dict(ARCHIVES[unpacked])
    for name in archive.keys() & {"file", "withdrawn"}:
        archive[name] = os.path.join(config["corpus"]["folder"] or "", archive[name])
    return shlex.join([archive.pop("file"), unpacked]) + " " + as_options(archive)


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
            "python {input.code:q} {CORPUS} {params.options} 2>&1 | tee {log}"

else:

    rule corpus:
        """Find or download an archive and unpack it; later rules depend on the completion record alone."""
        output:
            "{unpacked}/unpacked.json",
        log:
            "{unpacked}.log",
        wildcard_constraints:
            unpacked="|".join(map(re.escape, ARCHIVES)),
        params:
            archive=lambda w: fetch_arguments(w.unpacked),
        shell:
            "spkr --log {log} fetch {params.archive}"


if PARTS:

    rule recordings:
        """Find the recordings that the corpus lists, and part each set for the jobs that read headers."""
        input:
            corpus=UNPACKED,
            code=SCRIPTS,
        output:
            expand(
                f"{EXP}/data/recordings/{{set}}.{{part}}.scp", set=["train", "dev", "test"], part=range(1, PARTS + 1)
            ),
            f"{EXP}/data/recordings/bad_files",
            f"{EXP}/data/recordings/manifest.json",
        log:
            f"{EXP}/log/recordings.log",
        resources:
            mem_mb=growing(2000),
        params:
            options=corpus_options("parts", "expect", "allow_partial", "max_bad_share"),
        shell:
            "python {input.code[0]:q} recordings {CORPUS} {EXP}/data {params.options} 2>&1 | tee {log}"

    rule durations:
        """Read the headers of one part of a set's recordings."""
        input:
            scp=f"{EXP}/data/recordings/{{set}}.{{part}}.scp",
            code=code("spkr/corpus/durations.py"),
        output:
            f"{EXP}/data/recordings/{{set}}.{{part}}.seconds",
            f"{EXP}/data/recordings/manifest.{{set}}.{{part}}.json",
        log:
            f"{EXP}/log/durations.{{set}}.{{part}}.log",
        shell:
            "spkr --log {log} durations {input.scp}"

    rule data:
        """Write the data directories and trial lists of all sets, and the list of files that cannot be used."""
        input:
            rules.recordings.output,
            expand(
                f"{EXP}/data/recordings/{{set}}.{{part}}.seconds",
                set=["train", "dev", "test"],
                part=range(1, PARTS + 1),
            ),
            corpus=UNPACKED,
            code=SCRIPTS,
        output:
            expand(f"{EXP}/data/{{set}}/{{file}}", set=["train", "valid", "dev", "test"], file=DATA_FILES),
            TRIAL_FILES,
            f"{EXP}/data/bad_files",
            f"{EXP}/data/manifest.json",
        log:
            f"{EXP}/log/data.log",
        resources:
            mem_mb=growing(3000),
        params:
            options=corpus_options(
                *("parts", "seed", "allow_partial", "max_bad_share", "microphones"),
                *("dev_points", "dev_utterances", "spk2gender"),
            ),
        shell:
            "python {input.code[0]:q} data {CORPUS} {EXP}/data {params.options} 2>&1 | tee {log}"

else:

    rule data:
        """Write the data directories and trial lists of all sets."""
        input:
            corpus=UNPACKED,
            code=SCRIPTS,
        output:
            expand(f"{EXP}/data/{{set}}/{{file}}", set=["train", "valid", "dev", "test"], file=DATA_FILES),
            TRIAL_FILES,
        log:
            f"{EXP}/log/data.log",
        params:
            options=corpus_options("seed", "dev_speakers", "expect"),
        shell:
            "python {input.code[0]:q} {CORPUS} {EXP}/data {params.options} 2>&1 | tee {log}"


rule augment:
    """Say what the augmented copies of a set are; no audio is written."""
    input:
        expand(f"{EXP}/data/{{{{clean}}}}/{{file}}", file=["wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2sum"]),
        code=code(*[f"spkr/audio/{m}.py" for m in ("augment", "augment_options", "sounds")]),
    output:
        expand(
            f"{EXP}/data/{{{{clean}}}}_{{{{augment}}}}/{{file}}",
            file=["wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2sum", "utt2aug", "manifest.json"],
        ),
    log:
        f"{EXP}/log/augment.{{clean}}_{{augment}}.log",
    params:
        options=lambda w: as_json(config["augment"][w.augment]),
    shell:
        "spkr --log {log} augment {EXP}/data/{wildcards.clean} {EXP}/data/{wildcards.clean}_{wildcards.augment}"
        " --options {params.options:q}"
