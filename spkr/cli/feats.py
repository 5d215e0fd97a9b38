"""Verbs that compute features."""

from functools import partial

from spkr.cli.arguments import SEED, SETTINGS, numbers, options, positive, shard


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("feats", _feats, "compute a data directory's features and voice activity, or one shard of them",
             "exp/an4/data/dev exp/an4/feats/fbank80_utt/dev "
             "--options conf/feats/fbank80_utt.yaml --shard 1/2")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--options", type=partial(options, section="feats"), required=True, help=SETTINGS)
    p.add_argument("--model", help="take the front end of this model file, and of the options only what changes none")
    p.add_argument("--shard", type=shard, metavar="I/N",
                   help="part I of N, for merge-feats to join (default: the whole, all in one call)")  # fmt: skip
    p.add_argument("--seed", **SEED)

    p = verb("merge-feats", _merge_feats, "join the shards of a set's features",
             "exp/an4/data/dev exp/an4/feats/fbank80_utt/dev --shards 2")  # fmt: skip
    p.add_argument("data_dir")
    p.add_argument("out_dir")
    p.add_argument("--shards", type=positive, required=True)


def _feats(args) -> None:
    from dataclasses import replace

    from spkr.feats.extract import extract_shard
    from spkr.feats.options import FrontEnd
    from spkr.kaldi.shards import merge_shards
    from spkr.manifest import artefacts

    front_end = FrontEnd.from_dict(args.options)
    i, n = args.shard or (1, 1)
    manifests = [f"{args.out_dir}/manifest.{i}.json"] + [f"{args.out_dir}/manifest.json"] * (not args.shard)
    reads = [args.data_dir, args.model] if args.model else [args.data_dir]
    with artefacts("feats", numbers(args), *manifests, reads=reads):
        if args.model:
            from spkr.nnet.model import load_model

            front_end = load_model(args.model)[1].for_data_of(front_end)
        extract_shard(args.data_dir, args.out_dir, replace(front_end, shards=n), i, args.seed)
        if not args.shard:
            merge_shards(args.out_dir, args.data_dir, 1)


def _merge_feats(args) -> None:
    from spkr.kaldi.shards import merge_shards, shard_lists
    from spkr.manifest import artefacts, check_files

    check_files(*shard_lists(args.out_dir, args.shards), arks=False)  # whoever reads the arks checks them
    with artefacts("merge_feats", numbers(args), f"{args.out_dir}/manifest.json", reads=[args.data_dir]):
        merge_shards(args.out_dir, args.data_dir, args.shards)
