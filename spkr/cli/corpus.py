"""Verbs that bring in a corpus."""

import os
from pathlib import Path

from spkr.cli.arguments import SEED, SETTINGS, numbers, options


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

    p = verb("durations", _durations, "read the durations of a list's audio files from their headers",
             "exp/himia/data/recordings/train.1.scp")  # fmt: skip
    p.add_argument(
        "scp", help="<utterance> <audio file>; <utterance> <seconds>, or `bad <reason>`, go to .seconds beside it"
    )
    p.add_argument("--sample-rate", type=int, default=16000, help="at least, in Hz (default: %(default)s)")

    p = verb("augment", _augment, "make a data directory of augmented copies",
             "exp/an4/data/train exp/an4/data/train_speed3 --options '{\"speeds\": [0.9, 1.0, 1.1]}'")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--options", type=options, required=True, help=SETTINGS)
    p.add_argument("--seed", **SEED)
    p.add_argument(
        "--corpora",
        default=os.environ.get("SPKR_CORPORA"),
        help="where folders of noise and rooms are looked for, or their archives (default: $SPKR_CORPORA)",
    )
    p.add_argument("--unpacked", default="exp/corpora", help="where archives are unpacked (default: %(default)s)")


def _fetch(args) -> None:
    from spkr.corpus.fetch import fetch_corpus

    fetch_corpus(args.archive, args.out_dir, args.corpora, args.url, args.sha256, args.withdrawn)


def _durations(args) -> None:
    from spkr.corpus.durations import measure_durations
    from spkr.manifest import artefacts

    scp = Path(args.scp)
    writes, manifest = [scp.with_suffix(".seconds")], scp.with_name(f"manifest.{scp.stem}.json")
    with artefacts("durations", numbers(args), manifest, reads=[scp], writes=writes):
        measure_durations(scp, args.sample_rate)


def _augment(args) -> None:
    from spkr.audio.augment import augment_data_dir
    from spkr.audio.augment_options import AugmentOptions
    from spkr.manifest import artefacts

    made = AugmentOptions.from_dict(args.options)
    with artefacts("augment", numbers(args), f"{args.out_dir}/manifest.json", reads=[args.data_dir]):
        augment_data_dir(args.data_dir, args.out_dir, made, args.seed, args.corpora, args.unpacked)
