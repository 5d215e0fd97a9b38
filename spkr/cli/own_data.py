"""Verbs on a user's own recordings."""

import os
import re
from functools import partial
from pathlib import Path

from spkr.cli.arguments import SEED, channel, pair, positive
from spkr.errors import InputError

COLUMN = "audio=COLUMN"


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("new", _new, "write a recipe for your own recordings, recipes/NAME/", "calls --from ~/recordings")
    p.add_argument("name", help="of the recipe")
    p.add_argument("--from", dest="sources", type=Path, nargs="+", required=True, metavar="SOURCE",
                   help="a folder with a folder a speaker; a table (.csv, .tsv) with the columns audio and speaker; "
                   "NeMo manifests; lhotse's recordings and supervisions; a Kaldi data directory, or a folder of some "
                   "named train, valid, dev, test; or an archive of one of these")  # fmt: skip
    p.add_argument("--speaker-pattern", metavar="REGEX",
                   help="for names in folders, with a group: '(?P<speaker>[^_]+)_.*'")  # fmt: skip
    p.add_argument("--column", type=partial(pair, form=COLUMN), action="append", default=[], metavar=COLUMN,
                   help="the name of a column in your table")  # fmt: skip
    p.add_argument("--model", help="a trained network that is used as it is: a name in conf/pretrained/, or a file "
                   "(default: with fewer than 30 speakers, a pretrained one)")  # fmt: skip
    p.add_argument("--channel", type=channel, help="of recordings with several: left, right or mix (default: left)")
    p.add_argument("--skip-unreadable", action="store_true", help="leave out audio that cannot be read")
    p.add_argument("--allow-pipes", action="store_true", help="accept commands of a wav.scp; the recipe runs them")
    p.add_argument("--seed", **SEED)
    p.add_argument("--jobs", type=positive, default=os.cpu_count(), help="files to read at a time")
    p.add_argument("--dry-run", action="store_true", help="show what was found, and write nothing")


def _new(args) -> None:
    folder = Path("recipes", args.name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", args.name):
        raise InputError(f"{args.name!r}: expected a name of letters, digits and . _ -, as it names a folder")
    if not Path("recipes").is_dir() or not Path("Snakefile").is_file():
        raise InputError(f"{Path.cwd()}: no Snakefile and recipes/; run this in the folder of the Snakefile")
    if folder.exists():
        raise InputError(f"{folder}: exists; remove it, or give the new recipe another name")
    from spkr.config.options import read_options, suggest
    from spkr.config.pretrained import pretrained_networks
    from spkr.config.schema import Trained
    from spkr.dataprep.proposal import propose
    from spkr.dataprep.recipe_folder import write_recipe

    known = pretrained_networks(".")
    if args.model and args.model not in known:
        if not Path(args.model).is_file():
            raise InputError(f"--model {args.model}: no such file, and no such network; {suggest(args.model, known)}")
        read_options(Trained, args.model, "--model")
    proposal = propose(
        args.name, args.sources, Path("exp/corpora") / args.name, pattern=args.speaker_pattern,
        columns=dict(args.column), model=args.model, channel=args.channel, skip_unreadable=args.skip_unreadable,
        allow_pipes=args.allow_pipes, seed=args.seed, jobs=args.jobs,
    )  # fmt: skip
    print(proposal.about(), *proposal.found, sep="\n")
    if args.dry_run:
        print("No recipe was written.")
        return
    write_recipe(folder, proposal.sets, proposal.lists, proposal.files, proposal.texts())
    print(f"{folder}/ is written. Run it: snakemake --cores 2 --config recipe={args.name}")
    if proposal.choices.model in known and (note := _download(proposal.choices.model)):
        print(note)


def _download(name: str) -> str:
    """A line that says that the run is going to download a pretrained network; empty if the file is there."""
    from spkr.config.pretrained import read_pretrained
    from spkr.config.pretrained_options import model_file
    from spkr.corpus.fetch import find_archive

    entry, models = read_pretrained(".", name), os.environ.get("SPKR_MODELS")
    if (models and find_archive(entry.file, models, key="models")) or Path(model_file(name)).exists():
        return ""
    size = f" ({entry.size / 1e6:.0f} MB)" if entry.size else ""
    return f"That downloads {entry.file}{size} once. If you have the file in a folder, add models=FOLDER."
