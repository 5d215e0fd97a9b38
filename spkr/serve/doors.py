"""The doors of the server, before a request is read: how often, by whom, from where, and whether there is room.

A server without a token is for the programs of its own machine. A web page from elsewhere that is open in a browser
there must not use it: requests need a name of this machine as their host (or another name could be made to point to
it), and those that a page sends must come from the server's own page.
"""

import asyncio
import hmac
import math
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spkr.serve.limits import WAIT_FOR_SERVER, Limits, Rates, is_loopback

OPEN = frozenset({"/", "/recorder.css", "/recorder.js", "/health", "/openapi.json"})  # paths that need no token
PATHS = OPEN | {"/verify", "/enrol", "/identify", "/voices", "/metrics"}


class Doors:
    """ASGI middleware that answers what is refused before the body is read."""

    def __init__(self, app: ASGIApp, limits: Limits, token: str | None, rates: Rates | None = None):
        """Args: token: that requests must have; None: they must be from this machine."""
        self.app, self.limits, self.token = app, limits, token
        self.rates = rates or Rates(limits.rate)
        self.inside = 0  # POST requests that arrive, wait or are in work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif refusal := self._refusal(scope):
            await refusal(scope, receive, send)
        elif scope["method"] == "POST":
            self.inside += 1
            try:
                await self.app(scope, self._within_limits(receive), send)
            finally:
                self.inside -= 1
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self.token and (why := _not_from_here(headers)):
            return refused(403, why)
        if scope["path"] in OPEN:
            return None
        if wait := self.rates.seconds_to_wait((scope.get("client") or ("unknown",))[0]):
            why = f"more than {self.limits.rate} requests in a minute; expected fewer"
            return refused(429, why, {"Retry-After": str(math.ceil(wait))})
        if self.token and not _has_token(headers, self.token):
            return refused(401, "expected the header `Authorization: Bearer TOKEN`, with the token of this server",
                           {"WWW-Authenticate": "Bearer"})  # fmt: skip
        if headers.get("content-length", "").isdecimal() and int(headers["content-length"]) > self.limits.max_bytes:
            return refused(413, self._too_large)
        if scope["method"] == "POST" and self.inside >= self.limits.at_once + self.limits.queue:
            return refused(503, "too many requests at once; try again", {"Retry-After": str(WAIT_FOR_SERVER)})
        return None

    def _within_limits(self, receive: Receive) -> Receive:
        """A `receive` of so many bytes, up to a point in time, so that slow clients do not fill the server."""
        deadline = asyncio.get_running_loop().time() + self.limits.patience
        whole, size = False, 0

        async def receive_within_limits() -> Message:
            nonlocal whole, size
            if whole:  # whether the client is still there may be asked at any time
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                why = f"the request did not arrive within {self.limits.patience:g} s; expected smaller files"
                raise HTTPException(408, why) from None
            if (size := size + len(message.get("body", b""))) > self.limits.max_bytes:
                raise HTTPException(413, self._too_large)
            whole = not message.get("more_body", False)
            return message

        return receive_within_limits

    @property
    def _too_large(self) -> str:
        return f"more than {self.limits.max_upload:g} MB; expected fewer or shorter recordings"


def refused(status: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer to a request that was refused."""
    return JSONResponse({"error": why}, status, headers)


def _has_token(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _not_from_here(headers: Headers) -> str | None:
    """Why a request is not from a program of this machine or from the server's own page, if that is so."""
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
        origin = urlsplit(headers["origin"]).netloc if "origin" in headers else host
    except ValueError:
        return "the header Host or Origin is no address"
    if not is_loopback(name):
        return "the server has no token, and is for this machine alone: ask it as localhost or 127.0.0.1"
    if origin != host:
        return "a request of another web page; the server has no token, and answers its own page only"
    return None
