"""Verbs that compute features."""

from functools import partial

from spkr.cli.arguments import SEED, SETTINGS, options, positive, recorded, shard
from spkr.errors import InputError


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("feats", _feats, "compute a data directory's features and voice activity, or one shard of them",
             "exp/an4/data/dev exp/an4/feats/fbank80_utt/dev "
             "--options conf/feats/fbank80_utt.yaml --shard 1/2")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--options", type=partial(options, section="feats"), help=SETTINGS)
    p.add_argument("--model", help="take the front end of this network; options that are given must agree with it")
    p.add_argument("--shard", type=shard, metavar="I/N",
                   help="part I of N, for merge-feats to join (default: the whole, all in one call)")  # fmt: skip
    p.add_argument("--seed", **SEED)

    p = verb("merge-feats", _merge_feats, "join the shards of a set's features",
             "exp/an4/data/dev exp/an4/feats/fbank80_utt/dev --shards 2")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--shards", type=positive, required=True)


def _feats(args) -> None:
    from spkr.feats import make_front_end
    from spkr.feats.extract import extract_shard
    from spkr.feats.provenance import shard_file, write_front_end
    from spkr.manifest import artefacts

    if not args.model and args.options is None:
        raise InputError("expected --options, or --model with the file of a network whose front end is taken")
    front_end = None if args.model else make_front_end(args.options, "--options")
    i, n = args.shard or (1, 1)
    reads = [args.data_dir, args.model] if args.model else [args.data_dir]
    with artefacts("feats", recorded(args), f"{args.out_dir}/manifest.{i}.json", reads=reads):
        front_end = (front_end or _of_model(args.model, args.options or {})).replace(shards=n)
        extract_shard(args.data_dir, args.out_dir, front_end, i, args.seed)
        write_front_end(shard_file(args.out_dir, i), front_end)
    if not args.shard:
        _merge(args, 1)


def _of_model(model: str, options: dict):
    """A network's front end, with the given options that do not change features. InputError if another one differs."""
    from spkr.config.front_end_options import Reading
    from spkr.feats import make_front_end
    from spkr.feats.provenance import differing
    from spkr.nnet.model import load_model

    front_end = load_model(model)[1].to_dict()
    front_end |= {name: value for name, value in options.items() if name in Reading.model_fields}
    for name, given, expected in differing(options, front_end):
        raise InputError(f"--options: {name} {given}, but {model} was trained with {expected}; leave it out")
    return make_front_end(front_end, "--options")


def _merge_feats(args) -> None:
    _merge(args, args.shards)


def _merge(args, shards: int) -> None:
    from spkr.feats.provenance import merge_front_ends, shard_file
    from spkr.kaldi.shards import merge_shards, shard_lists
    from spkr.manifest import artefacts, check_files

    # The arks that these lists name are checked when they are read
    check_files(*shard_lists(args.out_dir, shards), arks=False)
    check_files(*(shard_file(args.out_dir, i + 1) for i in range(shards)))
    with artefacts("merge_feats", recorded(args), f"{args.out_dir}/manifest.json", reads=[args.data_dir]):
        merge_shards(args.out_dir, args.data_dir, shards)
        merge_front_ends(args.out_dir, shards)
