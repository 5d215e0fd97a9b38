# Checks before the first job: is another file in the place of an output? Then what the user should know is printed.
import itertools
from base64 import urlsafe_b64encode

from spkr.errors import InputError
from spkr.manifest import unlisted


def places(rule):
    """The files that a rule may write in this run."""
    for pattern in map(str, rule.output):
        pattern = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", pattern)  # without the wildcards' constraints
        names = re.findall(r"\{(\w+)", pattern)
        if not set(names) <= VALUES.keys():
            return  # a rule of a workflow that uses this one
        for values in itertools.product(*(VALUES[name] for name in names)):
            yield pattern.format(**dict(zip(names, values)))


def is_known_to_snakemake(path):
    """Whether a job wrote it, or began to."""
    record = urlsafe_b64encode(str(path).encode()).decode()
    return any(Path(".snakemake", folder, record).exists() for folder in ("metadata", "incomplete"))


def check_places():
    """Raise InputError where a file that no run made stands in an output's place: the job would delete it."""
    for rule in workflow.rules:
        if any(Path(str(path)).name == "unpacked.json" for path in rule.output):  # which is a record of its own
            continue
        try:
            found = unlisted(places(rule))
        except InputError:
            continue  # a damaged manifest: `spkr check` says what to do
        if own := [path for path in found if not is_known_to_snakemake(path)]:
            raise InputError(
                f"{own[0]}: the stage {rule.name} writes this file, and no run made the one that is there; it would be "
                f"deleted. Move it out of {own[0].parent}, or give this experiment another `name:`"
            )


if workflow.is_main_process:
    check_places()
    for sentence in dict.fromkeys(SENTENCES):
        print(sentence, file=sys.stderr)
