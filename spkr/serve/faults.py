"""Errors as answers: a status, and a text without paths of the server."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from spkr.errors import InputError
from spkr.serve.doors import refused
from spkr.serve.limits import WAIT_FOR_SERVER

logger = logging.getLogger(__name__)

STATUSES = {
    400: "the form lacks something, or a field is wrong", 401: "no token, or a wrong one",
    403: "not from this machine, on a server without a token", 404: "no such voice",
    408: "the request did not arrive in time", 409: "the name is enrolled already; or nobody is enrolled",
    413: "too many bytes, or a recording is too long", 415: "not audio of a known container",
    422: "audio that cannot be used: damaged, no speech, too short; or a gate of enrolment is not passed",
    429: "too many requests of this client", 500: "a defect of the server",
    503: "too many requests at once, or the store is locked; try again",
}  # fmt: skip


@contextmanager
def answering(status: int, words: Mapping[str, str]) -> Iterator[None]:
    """Turn an InputError of the block into an answer of this status, with other words for the paths that it names.

    An error of the store itself is 503. Its text, which is about the server's files, goes into the log only.
    """
    try:
        yield
    except InputError as e:
        if isinstance(e.__cause__, sqlite3.Error | OSError):
            logger.error("%s", e)
            why = "the store cannot be used now; try again, or see the server's log"
            raise HTTPException(503, why, {"Retry-After": str(WAIT_FOR_SERVER)}) from e
        text = str(e)
        for path, word in words.items():
            text = text.replace(path, word)
        raise HTTPException(status, text) from e


def add_answers(app: FastAPI) -> None:
    """Answer errors of an app as JSON: {"error": text}."""

    async def known(request: Request, e: HTTPException) -> JSONResponse:
        why = "no such path; /openapi.json says which there are" if e.detail == "Not Found" else e.detail
        return refused(e.status_code, why, e.headers)

    async def wrong_form(request: Request, e: RequestValidationError) -> JSONResponse:
        faults = [f"{error['loc'][-1]}: {error['msg'][0].lower()}{error['msg'][1:]}" for error in e.errors()]
        return refused(400, f"{'; '.join(faults)}; expected a form (multipart/form-data), as /openapi.json says")

    async def defect(request: Request, e: Exception) -> JSONResponse:
        return refused(500, "failed; this is a defect of the server, whose log says more")

    app.add_exception_handler(HTTPException, known)
    app.add_exception_handler(RequestValidationError, wrong_form)
    app.add_exception_handler(Exception, defect)
