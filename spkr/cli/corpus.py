"""Verbs that fetch a corpus and augment its recordings."""

import os
from pathlib import Path

from spkr.cli.arguments import SEED, SETTINGS, options, recorded


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("fetch", _fetch, "find or download a corpus' archive, and unpack it",
             "an4_sphere.tar.gz exp/corpora/an4 --corpora ~/corpora")  # fmt: skip
    p.add_argument("archive", help="file name of the archive")
    p.add_argument("out_dir", help="where it is unpacked")
    p.add_argument(
        "--corpora", default=os.environ.get("SPKR_CORPORA"), help="folder to look for it first (default: $SPKR_CORPORA)"
    )
    p.add_argument("--url", help="where to download it from otherwise")
    p.add_argument("--sha256", help="of the archive, checked after a download")
    p.add_argument("--withdrawn", help="file name of an earlier version, taken with a warning if it is there alone")
    p.add_argument("--md5", help="of the archive, checked before it is unpacked")
    p.add_argument("--parts", nargs="+", metavar="FILE", help="the files that it is published in, in their order")
    p.add_argument("--tree", help="a folder under --corpora with its content, which is then linked to")

    p = verb("augment", _augment, "make a data directory of augmented copies",
             "exp/an4/data/train exp/an4/data/train_speed3 --options '{\"speeds\": [0.9, 1.0, 1.1]}'")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--options", type=options, required=True, help=SETTINGS)
    p.add_argument("--seed", **SEED)
    _add_places(p)

    p = verb("sounds", _sounds, "list the rooms and noise that training puts on waveforms",
             "sounds.json --options '{\"copies\": 1, \"noise_folders\": [\"musan/noise\"]}'")  # fmt: skip
    p.add_argument("out", help="output, JSON: the files of each folder, with their sums")
    p.add_argument("--options", type=options, required=True, help=SETTINGS)
    _add_places(p)


def _add_places(p) -> None:
    p.add_argument(
        "--corpora",
        default=os.environ.get("SPKR_CORPORA"),
        help="where folders of noise and rooms are looked for, or their archives (default: $SPKR_CORPORA)",
    )
    p.add_argument("--unpacked", default="exp/corpora", help="where archives are unpacked (default: %(default)s)")


def _fetch(args) -> None:
    from spkr.corpus.fetch import fetch_corpus

    fetch_corpus(
        args.archive,
        args.out_dir,
        args.corpora,
        args.url,
        args.sha256,
        args.withdrawn,
        args.md5,
        args.parts,
        args.tree,
    )


def _augment(args) -> None:
    from spkr.audio.augmented_copies import augment_data_dir
    from spkr.config.augment_options import Augmentation
    from spkr.config.options import read_options
    from spkr.manifest import artefacts

    made = read_options(Augmentation, args.options, "--options")
    with artefacts("augment", recorded(args), f"{args.out_dir}/manifest.json", reads=[args.data_dir]):
        augment_data_dir(args.data_dir, args.out_dir, made, args.seed, args.corpora, args.unpacked)


def _sounds(args) -> None:
    from spkr.audio.augment_sounds import find_sounds, write_sounds
    from spkr.config.augment_options import Augmentation
    from spkr.config.options import read_options
    from spkr.manifest import artefacts

    made, out = read_options(Augmentation, args.options, "--options"), Path(args.out)
    with artefacts("sounds", recorded(args), out.with_name(f"manifest.{out.stem}.json")):
        write_sounds(out, find_sounds(made.folders(), made.fallback, args.corpora, args.unpacked))
