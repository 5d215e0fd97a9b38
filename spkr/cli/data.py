"""Verbs on data directories, as in Kaldi's utils/: validate, fix, subset, split, combine, copy, info; and exports."""

import logging
from pathlib import Path

from spkr.cli.arguments import CHANNEL, SEED, channel, positive, probability, recorded, verb_adder
from spkr.errors import InputError

DIR = "exp/an4/data/train"

logger = logging.getLogger("spkr")


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    group = verb(
        "data", None, "check, fix, subset, split, combine, copy and export data directories", f"validate {DIR}"
    )
    data_verb = verb_adder(group.add_subparsers(required=True, metavar="VERB"), "data")
    _add_validate(data_verb("validate", _validate, "find all that is wrong with a data directory", DIR))
    p = data_verb("fix", _fix, "sort a data directory's files and keep the utterances that all of them have", DIR)
    p.add_argument("data_dir", help="the original files are kept in its .backup")
    _add_subset(
        data_verb("subset", _subset, "make a data directory of some utterances", f"{DIR} {DIR}_5k --num-utt 5000")
    )
    p = data_verb("split", _split, "split a data directory into parts, DIR/split<n>/1 to n", f"{DIR} 4")
    p.add_argument("data_dir")
    p.add_argument("num_split", type=positive)
    p.add_argument("--per-utt", action="store_true", help="speakers may be split, too: DIR/split<n>utt/1 to n")
    p = data_verb("combine", _combine, "make one data directory of several", f"exp/an4/data/all {DIR} exp/an4/data/dev")
    p.add_argument("out_dir")
    p.add_argument("data_dirs", nargs="+")
    p = data_verb("copy", _copy, "copy a data directory, or a folder of features, with a prefix before all names",
                  "exp/himia-standin/data/train_speed3 exp/an4/data/himia-standin/train_speed3 \\\n"
                  "    --prefix himia-standin-")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--prefix", required=True, help="what is put before each name of an utterance, speaker or recording")
    p = data_verb("info", _info, "print what is in a data directory", DIR)
    p.add_argument("data_dir")
    _add_exports(data_verb)


def _add_exports(data_verb) -> None:
    p = data_verb("to-manifest", _to_manifest, "write NeMo's manifest of a data directory", f"{DIR} train.json")
    p.add_argument("data_dir")
    p.add_argument("out", help="output: a JSON object a line, with audio_filepath, offset, duration and label")
    p = data_verb("to-lhotse", _to_lhotse, "write lhotse's recordings and supervisions of a data directory",
                  f"{DIR} lhotse/train")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir", help="output: recordings.jsonl.gz and supervisions.jsonl.gz")
    p.add_argument("--channel", type=channel, help=CHANNEL)


def _add_validate(p) -> None:
    p.add_argument("data_dir")
    p.add_argument("--no-wav", action="store_true", help="wav.scp need not be there")
    p.add_argument("--no-spk-sort", action="store_true", help="speakers need not be in the order of their utterances")
    p.add_argument("--no-audio", action="store_true", help="do not read the recordings")
    p.add_argument("--allow-pipes", action="store_true", help="run the commands of wav.scp and read what they write")
    p.add_argument("--channel", type=channel, help=CHANNEL)
    p.add_argument("--max-clipped", type=probability, default=0.001, metavar="SHARE",
                   help="warn of recordings with more samples at full scale (default: %(default)s)")  # fmt: skip
    p.add_argument("--max-silent", type=probability, default=0.5, metavar="SHARE",
                   help="warn of recordings with more blocks below -70 dB (default: %(default)s)")  # fmt: skip
    p.add_argument("--nj", type=positive, default=1, help="recordings to read at a time (default: %(default)s)")


def _add_subset(p) -> None:
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    how = p.add_mutually_exclusive_group(required=True)
    how.add_argument("--spk-list", type=Path, metavar="FILE", help="the speakers that its lines begin with")
    how.add_argument("--utt-list", type=Path, metavar="FILE", help="the utterances that its lines begin with")
    for option, text in (
        ("--first", "the first N utterances"),
        ("--last", "the last N utterances"),
        ("--shortest", "the N shortest, by utt2num_frames or else utt2dur"),
        ("--per-spk", "up to N utterances of each speaker, spread over theirs"),
        ("--speakers", "whole speakers at random, until they have N utterances"),
        ("--num-utt", "N utterances at random"),
    ):
        how.add_argument(option, type=positive, metavar="N", help=text)
    p.add_argument("--seed", **SEED)


def _validate(args) -> None:
    from spkr.kaldi.validate import shortened, validate

    required = ["utt2spk", "spk2utt"] + ["wav.scp"] * (not args.no_wav)
    found = validate(args.data_dir, required, spk_sort=not args.no_spk_sort)
    faults, warnings = found.faults, found.warnings
    if not (faults or args.no_audio) and "wav.scp" in found.files:
        from spkr.audio.recordings import AudioLimits, check_recordings
        from spkr.feats import Fbank

        frame = Fbank()  # the shortest accepted recording has one frame of the default front end
        limits = AudioLimits(frame.sample_frequency, frame.min_samples, args.max_clipped, args.max_silent)
        kinds, heard = check_recordings(args.data_dir, found.files, limits, args.allow_pipes, args.nj, args.channel)
        faults = [fault for kind in kinds for fault in shortened(kind)]
        warnings += shortened(heard)
    for warning in warnings:
        logger.warning("warning: %s", warning)
    for fault in faults:
        logger.error("%s", fault)
    if faults:
        raise InputError(f"{args.data_dir}: malformed (see above)")
    logger.info("%s: %d utterances, well-formed", args.data_dir, len(found.files["utt2spk"]))


def _fix(args) -> None:
    from spkr.kaldi.fix import fix_data_dir

    fix_data_dir(args.data_dir)


def _subset(args) -> None:
    from spkr.kaldi import subset
    from spkr.manifest import artefacts

    ways = {
        "spk_list": subset.of_speakers,
        "utt_list": subset.of_list,
        "first": subset.first,
        "last": subset.last,
        "shortest": subset.shortest,
        "per_spk": subset.per_speaker,
        "speakers": lambda n: subset.whole_speakers(n, args.seed),
        "num_utt": lambda n: subset.at_random(n, args.seed),
    }
    (choose,) = (way(getattr(args, name)) for name, way in ways.items() if getattr(args, name) is not None)
    with artefacts("data subset", recorded(args), f"{args.out_dir}/manifest.json", reads=[args.data_dir]):
        subset.subset_data_dir(args.data_dir, args.out_dir, choose)


def _split(args) -> None:
    from spkr.kaldi.subset import parts_of, split_data_dir
    from spkr.manifest import artefacts

    outs = parts_of(args.data_dir, args.num_split, args.per_utt)
    manifests = [out / "manifest.json" for out in outs]
    with artefacts("data split", recorded(args), *manifests, reads=[args.data_dir]):
        split_data_dir(args.data_dir, args.num_split, args.per_utt)


def _combine(args) -> None:
    from spkr.kaldi.combine import combine_data_dirs
    from spkr.manifest import artefacts

    with artefacts("data combine", recorded(args), f"{args.out_dir}/manifest.json", reads=args.data_dirs):
        combine_data_dirs(args.out_dir, args.data_dirs)


def _copy(args) -> None:
    from spkr.feats.provenance import copy_front_end
    from spkr.kaldi.copy_data_dir import copy_data_dir
    from spkr.manifest import artefacts

    with artefacts("data copy", recorded(args), f"{args.out_dir}/manifest.json", reads=[args.data_dir]):
        copy_data_dir(args.data_dir, args.out_dir, args.prefix)
        copy_front_end(args.data_dir, args.out_dir)


def _info(args) -> None:
    from spkr.kaldi.validate import describe

    print(describe(args.data_dir), end="")


def _to_manifest(args) -> None:
    from spkr.kaldi.export_data import write_nemo
    from spkr.manifest import NAMES, check_files

    if Path(args.out).match(NAMES):
        raise InputError(f"{args.out}: a name that spkr gives its own manifests; name it otherwise, such as train.json")
    check_files(args.data_dir)
    logger.info("%s: %d utterances of %s", args.out, write_nemo(args.data_dir, args.out), args.data_dir)


def _to_lhotse(args) -> None:
    from spkr.kaldi.export_data import write_lhotse
    from spkr.manifest import check_files

    check_files(args.data_dir)
    number = write_lhotse(args.data_dir, args.out_dir, args.channel)
    logger.info("%s: %d utterances of %s", args.out_dir, number, args.data_dir)
