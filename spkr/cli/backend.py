"""Verbs that train a back-end, and do what Kaldi's ivector programs do with embeddings and PLDA."""

from functools import partial

from spkr.cli.arguments import (
    OUT_TABLE,
    SETTINGS,
    TABLE,
    add_chain,
    boolean,
    chain_of,
    not_negative,
    options,
    recorded,
)


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("backend", _backend, "train a back-end on embeddings: mean, LDA and PLDA, or the steps of a chain",
             "exp/an4/main/backend --xvectors exp/an4/main/xvectors/train_speed3/xvector.scp "
             "\\\n    --utt2spk exp/an4/data/train_speed3/utt2spk --options '{\"lda_dim\": 99}'")  # fmt: skip
    p.add_argument("out_dir")
    p.add_argument("--xvectors", nargs="+", required=True, metavar="TABLE", help=TABLE)
    p.add_argument("--utt2spk", nargs="+", required=True, metavar="FILE", help="of each table, in the same order")
    p.add_argument("--num-voiced", nargs="+", default=[], metavar="FILE", help="utt2num_voiced of each table")
    p.add_argument("--options", type=partial(options, section="backend"), required=True, help=SETTINGS)
    add_chain(p, "plda")

    _add_plda(verb)
    _add_steps(verb)


def _add_plda(verb) -> None:
    p = verb("copy-plda", _copy_plda, "copy a PLDA model, smoothed or as text", "plda plda.txt --binary false")
    p.add_argument("plda")
    p.add_argument("out")
    p.add_argument("--smoothing", type=not_negative, default=0.0, help="add this times B to W (default: %(default)s)")
    p.add_argument("--binary", type=boolean, default=True, help="or as text (default: true)")

    p = verb("adapt-plda", _adapt_plda, "adapt a PLDA model to unlabelled embeddings of another domain",
             "backend/plda processed.scp adapted --within-covar-scale 0.75 --between-covar-scale 0.25")  # fmt: skip
    p.add_argument("plda")
    p.add_argument("xvectors", help="embeddings, processed (spkr transform-xvectors) as those that it was trained on")
    p.add_argument("out")
    _add_scales(p)

    p = verb("adapt-backend", _adapt_backend, "adapt a back-end, its mean too, to unlabelled embeddings",
             "exp/an4/main/backend exp/himia/main/xvectors/train/xvector.scp "
             "exp/himia/main/adapted_backend")  # fmt: skip
    p.add_argument("backend_dir", help="folder of mean.vec, transform.mat, plda")
    p.add_argument("xvectors", help="embeddings; " + TABLE)
    p.add_argument("out_dir")
    add_chain(p, "plda_adapted")
    _add_scales(p)


def _add_steps(verb) -> None:
    p = verb("transform-xvectors", _transform, "subtract a mean, apply LDA, normalise the length: what is asked for",
             "xvector.scp processed.ark --mean mean.vec --transform transform.mat --normalize-length true")  # fmt: skip
    p.add_argument("xvectors", help="embeddings; " + TABLE)
    p.add_argument("out", help=OUT_TABLE)
    p.add_argument("--mean", metavar="FILE", help="vector that is subtracted")
    p.add_argument("--transform", metavar="FILE", help="matrix, with or without a column of offsets")
    p.add_argument("--normalize-length", type=boolean, default=False, help="(default: false)")
    p.add_argument("--scaleup", type=boolean, default=True, help="to sqrt(dimension), or else 1 (default: true)")

    p = verb("mean-xvectors", _mean, "average the embeddings of each speaker or model",
             "spk2utt xvector.scp spk_xvector.ark num_utts")  # fmt: skip
    p.add_argument("spk2utt")
    p.add_argument("xvectors", help="embeddings; " + TABLE)
    p.add_argument("out", help=OUT_TABLE)
    p.add_argument("num_utts", help="output, the number of embeddings in each average")
    p.add_argument("--num-voiced", nargs="+", default=[], metavar="FILE",
                   help="utt2num_voiced: leave utterances without a voiced frame out of averages")  # fmt: skip


def _add_scales(p) -> None:
    p.add_argument("--within-covar-scale", type=not_negative, default=0.3, help="(default: %(default)s)")
    p.add_argument("--between-covar-scale", type=not_negative, default=0.7, help="(default: %(default)s)")
    p.add_argument("--mean-diff-scale", type=not_negative, default=1.0, help="(default: %(default)s)")


def _backend(args) -> None:
    from spkr.backend.train import train_backend
    from spkr.config.backend_options import BackendOptions
    from spkr.config.options import read_options
    from spkr.manifest import artefacts

    backend_options, chain = read_options(BackendOptions, args.options, "--options"), chain_of(args).before_adaptation()
    reads = [*args.xvectors, *args.utt2spk, *args.num_voiced]
    with artefacts("backend", recorded(args), f"{args.out_dir}/manifest.json", reads=reads):
        train_backend(args.xvectors, args.utt2spk, args.out_dir, backend_options, args.num_voiced, chain)


def _copy_plda(args) -> None:
    from spkr.backend.plda import Plda
    from spkr.manifest import artefacts

    with artefacts("copy-plda", recorded(args), reads=[args.plda], writes=[args.out]):
        Plda.read(args.plda).smooth(args.smoothing).write(args.out, args.binary)


def _adapt_plda(args) -> None:
    from spkr.backend.adapt import adapt_plda
    from spkr.backend.plda import Plda
    from spkr.kaldi.table import read_vectors
    from spkr.manifest import artefacts

    with artefacts("adapt-plda", recorded(args), reads=[args.plda, args.xvectors], writes=[args.out]):
        adapt_plda(Plda.read(args.plda), read_vectors(args.xvectors)[1], **_scales(args)).write(args.out)


def _adapt_backend(args) -> None:
    from spkr.backend.adapt import adapt_backend
    from spkr.manifest import artefacts

    reads = [args.backend_dir, args.xvectors]
    with artefacts("adapt", recorded(args), f"{args.out_dir}/manifest.json", reads=reads):
        chain = chain_of(args).before_adaptation()
        adapt_backend(chain, args.backend_dir, args.xvectors, args.out_dir, **_scales(args))


def _scales(args) -> dict[str, float]:
    return {name: getattr(args, name) for name in ("within_covar_scale", "between_covar_scale", "mean_diff_scale")}


def _transform(args) -> None:
    from spkr.backend.embedding_tables import transform_table
    from spkr.kaldi.specifiers import target_of
    from spkr.manifest import artefacts

    reads = filter(None, (args.xvectors, args.mean, args.transform))
    with artefacts("transform-xvectors", recorded(args), reads=[*reads], writes=target_of(args.out).files):
        transform_table(args.xvectors, args.out, args.mean, args.transform, args.normalize_length, args.scaleup)


def _mean(args) -> None:
    from spkr.backend.embedding_tables import average_table
    from spkr.kaldi.specifiers import target_of
    from spkr.manifest import artefacts

    reads, writes = [args.spk2utt, args.xvectors, *args.num_voiced], [*target_of(args.out).files, args.num_utts]
    with artefacts("mean-xvectors", recorded(args), reads=reads, writes=writes):
        average_table(args.spk2utt, args.xvectors, args.out, args.num_utts, args.num_voiced)
