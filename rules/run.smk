# One run, from its network to its results.


include: "train.smk"
include: "embed.smk"
include: "backend.smk"
include: "score.smk"
include: "calibrate.smk"
include: "report.smk"
include: "html.smk"
include: "warnings.smk"


MADE = [f"{RUN}/results/results.tsv", f"{RUN}/results/report.html"]
TABLE = Path(RUN, "results/table.txt")


def in_words():
    """What the console shows at the end of a run."""
    results = TABLE.parent
    shown = f"; {results}/report.html shows them" if (results / "report.html").exists() else ""
    texts = TABLE.read_text() + "\n" + (results / "summary.txt").read_text()
    return f"{texts}{results} holds results.json and DET plots{shown}."
