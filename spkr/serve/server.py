"""Running the application: who may use it, the socket, and a clean end."""

import logging
import os
import socket
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from spkr.errors import InputError
from spkr.files import read_text
from spkr.serve.limits import is_loopback

TOKEN = "SPKR_TOKEN"
SHORTEST = 16  # characters of a token, which must not be guessed
MAKE_ONE = "make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
END = 30  # seconds that requests have to end when the server is told to

logger = logging.getLogger(__name__)


def read_token(path: str | Path | None, host: str) -> str | None:
    """The token that requests must have: of a file, else of the environment; None without one.

    Raises InputError for a token that is too short or has blanks inside, and without one if `host`, where the server
    is to listen, is not this machine alone.
    """
    source, token = (path, read_text(path).strip()) if path else (TOKEN, os.environ.get(TOKEN))
    if token is None:
        if not is_loopback(host):
            raise InputError(
                f"{host}: other machines can reach it, and there is no token; expected --token-file FILE or {TOKEN}: "
                f"{MAKE_ONE}"
            )
        return None
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(f"{source}: expected a token of {SHORTEST} or more letters and digits; {MAKE_ONE}")
    return token


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Args: port: 0 for a free one. Raises InputError if that cannot be done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as e:
        number = getattr(e, "errno", None)  # None of a port that is none, negative of a name that is not found
        why = "no such port" if number is None else os.strerror(number) if number > 0 else e.strerror
        raise InputError(f"{host}, port {port}: cannot listen there ({why}); choose --host or --port") from None


def run(app: ASGIApp, listening: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT, then those that have arrived, and return."""
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, server_header=False, lifespan="off",
        timeout_graceful_shutdown=END,
    )  # fmt: skip
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # its warnings are of what clients send
    server = uvicorn.Server(config)
    host, port, *_ = listening.getsockname()
    logger.info("ready: http://%s:%d", f"[{host}]" if ":" in host else host, port)
    try:
        server.run(sockets=[listening])
    except (SystemExit, KeyboardInterrupt):
        if not server.should_exit:  # else it has ended cleanly, and has raised the signal again
            raise
    logger.info("ended")
