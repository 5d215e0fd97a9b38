"""The verb that makes the HTML report."""

from pathlib import Path

from spkr.cli.arguments import positive, recorded

BESIDE = ("utt2dur", "utt2session", "spk2gender")  # utt2spk, and read if they are there


def add_verbs(verb) -> None:
    """Add this group's verb to the command line; `verb` makes a subparser."""
    p = verb("report", _report, "make the HTML report of a run: one file that opens without network",
             "exp/an4/main/results exp/an4/main/results/report.html "
             "\\\n    --xvectors exp/an4/main/xvectors/test/xvector.scp --jobs exp/an4 exp/an4/main")  # fmt: skip
    p.add_argument("results_dir", help="what `spkr eval` wrote, with the lists.json that it read")
    p.add_argument("out", help="output, HTML")
    p.add_argument("--xvectors", nargs="*", default=[], metavar="FILE",
                   help="xvector.scp of the lists' sets, for the map of embeddings")  # fmt: skip
    p.add_argument("--train-logs", nargs="*", default=[], metavar="TSV",
                   help="train_log.tsv of the training, and of the fine-tuning")  # fmt: skip
    p.add_argument("--jobs", nargs="*", default=[], metavar="DIR",
                   help="folders whose log/ and benchmark/ are read, if they are there")  # fmt: skip
    p.add_argument("--bad-files", metavar="FILE", help="data/bad_files, which is read if it is there")
    p.add_argument("--citation", metavar="FILE", help="CITATION.cff of what is to be cited")
    p.add_argument("--command", default="", metavar="TEXT", help="the command that makes the run again")
    p.add_argument("--no-map", dest="map", action="store_false", help="leave out the map of embeddings")
    p.add_argument("--worst", type=positive, default=20, metavar="N",
                   help="false acceptances and false rejections to list (default: %(default)s)")  # fmt: skip
    p.add_argument("--audio", action="store_true",
                   help="embed recordings of these trials: whoever has the page then has the voices")  # fmt: skip
    p.add_argument("--allow-duplicates", action="store_true", help="count a repeated trial once")


def _report(args) -> None:
    from spkr.config.report_options import ReportOptions
    from spkr.manifest import artefacts
    from spkr.outputs import manifests_beside
    from spkr.report.html.page import RunFiles, write_page
    from spkr.report.lists import read_lists

    folder, out = Path(args.results_dir), Path(args.out)
    reads = [folder / "results.json", folder / "lists.json"]
    reads += [path for path in (folder / "slices.tsv", folder / "config.yaml") if path.exists()]
    for scored in read_lists(folder / "lists.json").values():
        reads += scored.files()
        beside = [Path(scored.utt2spk).with_name(name) for name in BESIDE] if scored.utt2spk else []
        reads += [path for path in beside if path.exists()]
    reads += [*args.xvectors, *args.train_logs, *filter(None, [args.citation])]
    options = ReportOptions(map=args.map, worst=args.worst, audio=args.audio)
    given = RunFiles(args.xvectors, args.train_logs, args.jobs, args.bad_files, args.citation, args.command)
    with artefacts("html", recorded(args), *manifests_beside(out), reads=reads, writes=[out]):
        write_page(folder, out, options, given, args.allow_duplicates)
