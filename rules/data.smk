# From the archives to Kaldi data directories and trial lists.

CORPUS = f"exp/corpora/{settings.corpus.name}"
DATA = settings.corpus.data  # Kaldi data directories that are there already
SETS = settings.sets(ROOT)
GIVEN = sorted(str(file) for s in SETS for file in (ROOT / DATA / s).iterdir() if file.is_file()) if DATA else []

# Each archive, by the folder that it is unpacked to.
ARCHIVES = {os.path.normpath(f"{CORPUS}/{folder}"): archive for folder, archive in settings.corpus.archives.items()}
DATA_FILES = ["wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2sum", *settings.corpus.files, "manifest.json"]
AUGMENTED_FILES = ["wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2sum", "utt2aug", "manifest.json"]
TRIAL_FILES = [
    f"{EXP}/data/{s}/{kind}_{name}"
    for s, name in LISTS.values()
    for kind in (["trials", "models"] if settings.trials[name].models else ["trials"])
]


def fetch_options(unpacked):
    """The arguments of `spkr fetch` for the archive that is unpacked to a folder."""
    archive, folder = ARCHIVES[unpacked].to_dict(), settings.corpus.folder or ""
    for name in ("file", "withdrawn", "tree"):
        archive[name] = archive[name] and os.path.join(folder, archive[name])
    archive["parts"] = archive["parts"] and [os.path.join(folder, part) for part in archive["parts"]]
    return f"{shlex.join([archive.pop('file'), unpacked])} {as_options(archive)}"


if settings.corpus.synthesise:

    rule corpus:
        """Synthesise the corpus."""
        output:
            f"{CORPUS}/unpacked.json",
        log:
            f"{CORPUS}.log",
        benchmark:
            f"{CORPUS}.benchmark.tsv"
        params:
            script=below_root(settings.corpus.synthesise),
            out=CORPUS,
            options=settings.corpus.synthesise_options,
            code=code(settings.corpus.synthesise),
        message:
            f"corpus: synthesising {settings.corpus.name}"
        shell:
            "python {params.script:q} {params.out} {params.options} 2>&1 | tee {log}"

elif not DATA:

    rule corpus:
        """Find or download an archive and unpack it. Later rules depend only on the completion record."""
        output:
            "{unpacked}/unpacked.json",
        log:
            "{unpacked}.log",
        benchmark:
            "{unpacked}.benchmark.tsv"
        wildcard_constraints:
            unpacked="|".join(map(re.escape, ARCHIVES)),
        params:
            archive=lambda w: fetch_options(w.unpacked),
        message:
            "corpus: finding and unpacking {wildcards.unpacked}"
        shell:
            "spkr --log {log} fetch {params.archive}"


rule data:
    """Write the data directories and trial lists of all sets, and the list of files that cannot be used."""
    input:
        corpus=GIVEN if DATA else [f"{folder}/unpacked.json" for folder in ARCHIVES or [CORPUS]],
    output:
        sets=expand(f"{EXP}/data/{{set}}/{{file}}", set=SETS, file=DATA_FILES),
        lists=TRIAL_FILES,
        bad_files=f"{EXP}/data/bad_files",
        manifest=f"{EXP}/data/manifest.json",
    log:
        f"{EXP}/log/data.log",
    benchmark:
        f"{EXP}/benchmark/data.tsv"
    threads: 8
    resources:
        mem_mb=growing(3000),
    params:
        script=below_root(settings.corpus.script),
        corpus=below_root(DATA) if DATA else CORPUS,
        sets=SETS,
        out=f"{EXP}/data",
        options=as_json(settings.corpus.options),
        code=code(settings.corpus.script),
    message:
        f"data: preparing {settings.corpus.name}"
    shell:
        "python {params.script:q} {params.corpus} {params.out} --options {params.options:q} --sets {params.sets}"
        " --jobs {threads} 2>&1 | tee {log}"


rule augment:
    """List the augmented copies of a set. No audio is written."""
    input:
        expand(f"{EXP}/data/{{{{clean}}}}/{{file}}", file=["wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2sum"]),
    output:
        expand(f"{EXP}/data/{{{{clean}}}}_{{{{augment}}}}/{{file}}", file=AUGMENTED_FILES),
    log:
        f"{EXP}/log/augment.{{clean}}_{{augment}}.log",
    benchmark:
        f"{EXP}/benchmark/augment.{{clean}}_{{augment}}.tsv"
    params:
        data=f"{EXP}/data/{{clean}}",
        out=f"{EXP}/data/{{clean}}_{{augment}}",
        options=lambda w: as_json(settings.augment[w.augment].to_dict()),
        code=code("spkr.audio.augmented_copies"),
    message:
        "augment: listing the {wildcards.augment} copies of {wildcards.clean}"
    shell:
        "spkr --log {log} augment {params.data} {params.out} --options {params.options:q}"
