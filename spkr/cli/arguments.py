"""Kinds of arguments that verbs share."""

import argparse
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from spkr.audio.channels import EXPECTED, NAMES
from spkr.backend import BACKENDS
from spkr.backend.chain import Chain, parse_chain
from spkr.errors import InputError

UNRECORDED = ("run", "verb", "log", "corpora", "stop_after")  # parsed arguments that change no result
SETTINGS = "settings: JSON, or a YAML file"
TABLE = "a table: its scp, its ark (FILE.ark or ark:FILE, binary or text), or scp:FILE"
OUT_TABLE = "FILE.ark, with FILE.scp beside it; or ark:FILE (no scp), ark,t:FILE (text), ark,scp:FILE.ark,FILE.scp"
CHANNEL = f"of recordings with several that reco2channel does not list: {EXPECTED} (default: expect one channel)"
SEED = {"type": int, "default": 1, "help": "of all that is random (default: %(default)s)"}


def verb_adder(verbs, group: str = ""):
    """A function that adds a verb to `verbs`, argparse's subparsers: `spkr <verb>`, or `spkr <group> <verb>`."""

    def verb(name: str, run, text: str, example: str) -> argparse.ArgumentParser:
        full = f"{group} {name}".strip()
        p = verbs.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example:\n  spkr {full} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        p.set_defaults(run=run, verb=full)
        return p

    return verb


def recorded(args: argparse.Namespace) -> dict[str, object]:
    """The arguments of a verb that change its results, for a manifest."""
    return {name: value for name, value in vars(args).items() if name not in UNRECORDED}


def options(text: str, section: str | None = None) -> dict:
    """Settings from JSON on the command line or from a YAML file; if `section` is their only key, those below it."""
    is_json = text.lstrip().startswith("{")
    try:
        settings = json.loads(text) if is_json else yaml.safe_load(Path(text).read_text(encoding="utf-8"))
    except OSError as e:
        raise argparse.ArgumentTypeError(f"{text}: {e.strerror}; expected JSON in braces, or a YAML file") from None
    except (ValueError, yaml.YAMLError) as e:
        reason = " ".join(str(e).split())
        raise argparse.ArgumentTypeError(f"{text}: no {'JSON' if is_json else 'YAML'} ({reason})") from None
    if isinstance(settings, dict) and settings.keys() == {section}:
        settings = settings[section]
    if not isinstance(settings, dict):
        raise argparse.ArgumentTypeError(f"{text}: expected a dictionary of settings")
    return settings


def channel(text: str) -> str | int:
    """A channel: left, right, mix, or a number from 0."""
    if text not in NAMES and not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected {EXPECTED}, found {text!r}")
    return text if text in NAMES else int(text)


def pair(text: str, form: str = "NAME=PATH") -> tuple[str, str]:
    """NAME=PATH as (NAME, PATH); `form` is what a message expects."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"expected {form}, found {text!r}")
    return name, path


def shard(text: str) -> tuple[int, int]:
    """I/N as (I, N), 1 <= I <= N."""
    i, _, n = text.partition("/")
    if not (i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, found {text!r}")
    return int(i), int(n)


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}")
    return value


def _number_that(is_right: Callable[[float], bool], expected: str, text: str) -> float:
    value = number(text)
    if not is_right(value):
        raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
    return value


not_negative = partial(_number_that, lambda x: x >= 0, "0 or more")
positive_number = partial(_number_that, lambda x: x > 0, "a number above zero")
percent = partial(_number_that, lambda x: 0 < x < 50, "percent, above 0 and below 50")  # an error rate
probability = partial(_number_that, lambda x: 0 <= x <= 1, "a number from 0 to 1")
prior = partial(_number_that, lambda x: 0 < x < 1, "a number above 0 and below 1")


def positive(text: str) -> int:
    """A whole number above zero."""
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number above zero, found {text!r}")
    return int(text)


def boolean(text: str) -> bool:
    """Kaldi's true or false."""
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r}; expected true or false")
    return text == "true"


def add_chain(p, default: str | None) -> None:
    """A back-end by its name or its chain; required without a default."""
    said = f" (default: {default})" if default else ""
    given = p.add_mutually_exclusive_group(required=not default)
    given.add_argument("--backend", choices=tuple(BACKENDS), default=default, metavar="NAME",
                       help=f"one of {', '.join(BACKENDS)}{said}")  # fmt: skip
    given.add_argument("--chain", type=chain, metavar="STEPS",
                       help="or its steps, such as 'mean | lda: 64 | length-norm | plda'")  # fmt: skip


def chain(text: str) -> str:
    """A chain that can be read."""
    try:
        return str(parse_chain(text))
    except InputError as e:
        raise argparse.ArgumentTypeError(str(e)) from None


def chain_of(args) -> Chain:
    """The back-end that `add_chain` took."""
    return parse_chain(args.chain or BACKENDS[args.backend])


def add_listening(p, prints: bool = True) -> None:
    """A packed model, how recordings are heard with it, and how answers are printed if they are."""
    p.add_argument("model", metavar="MODEL", help="what `spkr pack` wrote")
    p.add_argument("--channel", type=channel, help=f"of recordings with several: {EXPECTED}")
    p.add_argument("--engine", choices=("auto", "torch", "onnx"), default="auto",
                   help="of the network; auto: onnxruntime if the model has ONNX inside, else torch")  # fmt: skip
    p.add_argument("--threads", type=positive, metavar="N", help="that the network uses")
    p.add_argument("--vad", choices=("energy", "silero"), default="energy", help="what finds speech: silero for "
                   "noise and music, an extra; the network then sees speech only (default: %(default)s)")  # fmt: skip
    if prints:
        p.add_argument("--json", action="store_true", help="print JSON")
