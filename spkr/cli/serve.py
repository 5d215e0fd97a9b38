"""The verb that serves a packed model over HTTP."""

import logging
from importlib.util import find_spec
from pathlib import Path

from spkr.cli.arguments import add_listening, positive, positive_number
from spkr.cli.packed import add_least, add_rule, model_of
from spkr.cli.voices import add_margin
from spkr.errors import InputError

NEEDS = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")

logger = logging.getLogger("spkr")


def add_verbs(verb) -> None:
    """Add the verb to the command line; `verb` makes a subparser."""
    p = verb("serve", _serve, "compare, enrol and identify voices over HTTP, with a page that records two clips",
             "an4.spkr staff.voices --token-file token")  # fmt: skip
    add_listening(p, prints=False)
    p.add_argument("store", metavar="STORE", help="a file of enrolled voices, made if it does not exist")
    p.add_argument("--host", default="127.0.0.1", metavar="ADDRESS",
                   help="where to listen; 0.0.0.0, with a token only: everywhere (default: %(default)s)")  # fmt: skip
    p.add_argument("--port", type=int, default=8000, metavar="N", help="0: a free one (default: %(default)s)")
    p.add_argument("--token-file", metavar="FILE", help="a file with the token that requests must have (default: the "
                   "environment variable SPKR_TOKEN; without a token, this machine alone is answered)")  # fmt: skip
    p.add_argument("--max-upload", type=positive_number, metavar="MB", help="of a request (default: 30)")
    p.add_argument("--max-seconds", type=positive_number, metavar="S", help="of a recording (default: 120)")
    p.add_argument("--rate", type=_not_negative, metavar="N",
                   help="requests a minute of one client; 0: any number (default: 120)")  # fmt: skip
    p.add_argument("--at-once", type=positive, metavar="N",
                   help="requests in work at the same time (default: the number of processor cores)")  # fmt: skip
    p.add_argument("--queue", type=_not_negative, metavar="N",
                   help="further requests that wait; more are told to come back (default: 64)")  # fmt: skip
    add_least(p)
    add_margin(p)
    add_rule(p)


def _not_negative(text: str) -> int:
    return 0 if text == "0" else positive(text)


def _serve(args) -> None:
    for module in NEEDS:
        if not find_spec(module):
            raise InputError(f"{module} is not installed: pip install 'spkr[serve]'")
    from spkr.serve.app import make_app
    from spkr.serve.counters import Counters
    from spkr.serve.limits import Limits
    from spkr.serve.server import listen, read_token, run
    from spkr.serve.service import Service
    from spkr.serve.uploads import Reader, private_folder

    token = read_token(args.token_file, args.host)
    names = ("max_upload", "max_seconds", "rate", "at_once", "queue")
    limits = Limits(**{name: value for name in names if (value := getattr(args, name)) is not None})
    args.threads = args.threads or 1  # of each request; several are in work at once
    model = model_of(args, args.min_speech)
    rule = model.rule(args.prior, args.threshold, args.false_alarms)
    with private_folder() as folder, listen(args.host, args.port) as listening:
        reader = Reader(folder, model.front_end, limits.max_seconds, args.channel)
        service = Service(model, Path(args.store), rule, args.margin, reader, Counters())
        service.prepare()
        if not token:
            logger.info("no token: this machine alone is answered")
        run(make_app(service, limits, token), listening)
