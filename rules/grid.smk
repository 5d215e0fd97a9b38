# The runs of a grid (section `grid` of the config), and the table that compares them. A run has the rules that it would
# have alone, with its name before theirs, main_s1_train; data and features are made once, by the usual rules.

from spkr.config.grid_runs import runs_of, shown_lists
from spkr.errors import InputError

GRID = settings.grid
OF_GRID = f"{EXP}/grid/{GRID.name}"
CHOOSING, *SHOWN = shown_lists(settings)
ENTRIES = {run: entry for run, entry, _ in runs_of(GRID)}
RUNS = {}  # by name: what the run's rules know
MAKING_FEATS = {FEATS: settings.feats}  # folder -> front end

for run in resolved.runs:
    RUN_RULES = run_prefix(run)
    RUN_MODULE = f"run_{RUN_RULES}"

    module:
        name: RUN_MODULE
        snakefile:
            "grid_run.smk"
        config:
            {"root": ROOT, "resolved": resolved.runs[run], "makes": "run"}

    use rule * from RUN_MODULE exclude corpus, data, augment, feats, merge_feats, copy_data, copy_feats, sounds as RUN_RULES*

    RUNS[run] = of_run = globals()[RUN_MODULE]
    SOUNDS |= of_run.SOUNDS
    if MAKING_FEATS.get(of_run.FEATS, of_run.settings.feats) != of_run.settings.feats:
        raise InputError(
            f"grid.runs.{ENTRIES[run]}: its features are in {of_run.FEATS}, as those of another run with other settings "
            "of `feats`; expected the same settings"
        )
    if of_run.FEATS not in MAKING_FEATS:
        MAKING_FEATS[of_run.FEATS] = of_run.settings.feats
        FEATS_MODULE = f"feats_{RUN_RULES}"

        module:
            name: FEATS_MODULE
            snakefile:
                "grid_feats.smk"
            config:
                {"root": ROOT, "resolved": resolved.runs[run], "makes": "feats"}

        use rule * from FEATS_MODULE exclude corpus, data, augment, copy_data as RUN_RULES*


VALUES = {key: {value: None for of_run in RUNS.values() for value in of_run.VALUES[key]} for key in of_run.VALUES}
SENTENCES = [sentence for of_run in RUNS.values() for sentence in of_run.SENTENCES]
MADE = [f"{OF_GRID}.txt", *(path for of_run in RUNS.values() for path in of_run.MADE)]
TABLE = Path(f"{OF_GRID}.txt")
STAGES = {stage_of(rule.name) for rule in workflow.rules}
if named := sorted(word for word in STAGES.intersection(sys.argv) if not workflow.is_rule(word)):
    raise InputError(
        f"{named[0]}: in a grid this stage is a rule of each run; expected {run_prefix(run)}{named[0]}, or several: "
        f"{{{','.join(GRID.runs)}}}_s{{{','.join(map(str, GRID.seeds))}}}_{named[0]}"
    )


def in_words():
    """What the console shows at the end of a grid."""
    return f"{TABLE.read_text()}\n{TABLE.with_suffix('.tsv')} and .json have all numbers."


rule grid:
    """Compare the rows of a grid, and mark the one that dev chooses."""
    input:
        results=[f"{of_run.RUN}/results/{file}" for of_run in RUNS.values() for file in ("results.json", "lists.json")],
        trials=f"{EXP}/data/{LISTS[CHOOSING][0]}/trials_{LISTS[CHOOSING][1]}",
        utt2spk=f"{EXP}/data/{LISTS[CHOOSING][0]}/utt2spk",
        scores=[of_run.list_files(CHOOSING)["scores"][of_run.settings.backend.primary] for of_run in RUNS.values()],
    output:
        text=f"{OF_GRID}.txt",
        tsv=f"{OF_GRID}.tsv",
        json=f"{OF_GRID}.json",
        manifest=f"{EXP}/grid/manifest.{GRID.name}.json",
    log:
        f"{EXP}/log/grid.{GRID.name}.log",
    benchmark:
        f"{EXP}/benchmark/grid.{GRID.name}.tsv"
    params:
        rows=[
            word
            for entry in GRID.runs
            for word in ("--row", entry, *(RUNS[run].RUN for run in RUNS if ENTRIES[run] == entry))
        ],
        choose_by=CHOOSING,
        lists=["--trials", *SHOWN] if SHOWN else [],
        code=code("spkr.report.grid_table"),
    message:
        f"grid: {len(GRID.runs)} rows of {len(GRID.seeds)} seeds, chosen by {CHOOSING}"
    shell:
        "spkr --log {log} grid {output.text} {params.rows} --choose-by {params.choose_by} {params.lists} > /dev/null"
