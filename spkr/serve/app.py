"""The application: its paths, and what stands before them."""

from collections.abc import Callable
from functools import partial
from importlib.resources import files as files_of
from typing import Annotated, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import FastAPI, File, Form, Response, UploadFile
from fastapi.responses import PlainTextResponse

from spkr.audio.channels import channel_of
from spkr.serve.counters import Counting
from spkr.serve.doors import Doors
from spkr.serve.faults import STATUSES, add_answers
from spkr.serve.limits import Limits
from spkr.serve.schemas import Enrolled, Failure, Health, Identification, StoredVoice, Verification, Voices
from spkr.serve.service import Service

ABOUT = """Compares, enrols and identifies voices. It does not detect replayed or synthetic speech.

Recordings are files of a form: WAV, FLAC, MP3, Ogg, M4A, WebM, NIST SPHERE. An error is JSON with `error`, its text."""
PAGE = {"/": ("recorder.html", "text/html"), "/recorder.css": ("recorder.css", "text/css"),
        "/recorder.js": ("recorder.js", "text/javascript")}  # fmt: skip
HEADERS = {  # of the page: it loads nothing from elsewhere, and no other page may frame it
    "Content-Security-Policy": "default-src 'self'; media-src blob:; img-src data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
}  # fmt: skip

Uploads = Annotated[list[UploadFile], File(description="recordings")]
ChannelName = Annotated[
    str | None,
    Form(pattern="^(left|right|mix|[0-9]{1,3})$", description="of several: left, right, mix, 0, 1"),
]
Work = Callable[..., Any]


def make_app(service: Service, limits: Limits, token: str | None = None) -> FastAPI:
    """The application of a service. Args: token: that requests must have; None: they must be from this machine."""
    app = FastAPI(
        title="spkr", description=ABOUT, docs_url=None, redoc_url=None,
        form_limits={"max_files": limits.max_files, "max_fields": limits.max_files, "max_part_size": 10_000},
    )  # fmt: skip
    add_answers(app)
    _add_work(app, service, limits)
    _add_store(app, service)
    _add_page(app)

    @app.get("/health", responses=_failures(403, 503))
    async def health() -> Health:
        """Whether the server can answer: its model is loaded, and its store can be read."""
        return Health(status="ready", sha256=await run_sync(service.health), token=bool(token))

    @app.get("/metrics", response_class=PlainTextResponse, responses=_failures(401, 403, 429))
    async def metrics() -> str:
        """Counters in the text format of Prometheus."""
        return service.counters.text().decode()

    app.add_middleware(Doors, limits=limits, token=token)
    app.add_middleware(Counting, counters=service.counters)  # the last one added is the first one asked
    return app


def _add_work(app: FastAPI, service: Service, limits: Limits) -> None:
    """The paths that hear recordings: at most `at_once` of them on threads, the others in the order of arrival."""
    failures = _failures(400, 401, 403, 408, 413, 415, 422, 429, 500, 503)
    room = CapacityLimiter(limits.at_once)

    async def on_thread(work: Work, *args) -> Any:
        return await run_sync(partial(work, *args), limiter=room)

    @app.post("/verify", responses=failures)
    async def verify(a: Uploads, b: Uploads, channel: ChannelName = None) -> Verification:
        """Whether recordings are of the same speaker: the average of the files `a`, against each of the files `b`."""
        return await on_thread(service.verify, _opened(a), _opened(b), channel_of(channel))

    @app.post("/enrol", status_code=201, responses=failures | _failures(404, 409))
    async def enrol(
        name: Annotated[str, Form(description="of the voice")],
        files: Uploads,
        channel: ChannelName = None,
        add: Annotated[bool, Form(description="add to a voice that is enrolled")] = False,
        force: Annotated[bool, Form(description="enrol whatever the gates find")] = False,
    ) -> Enrolled:
        """Enrol a voice by recordings of this speaker alone. All of them are stored, or none."""
        return await on_thread(service.enrol, name, _opened(files), channel_of(channel), add, force)

    @app.post("/identify", responses=failures | _failures(409))
    async def identify(
        files: Uploads,
        channel: ChannelName = None,
        top: Annotated[int, Form(ge=1, le=1000, description="voices to show")] = 5,
    ) -> Identification:
        """Who of the enrolled voices is speaking, if any. Several files are averaged."""
        return await on_thread(service.identify, _opened(files), channel_of(channel), top)


def _add_store(app: FastAPI, service: Service) -> None:
    @app.get("/voices", responses=_failures(401, 403, 429, 503))
    async def voices() -> Voices:
        """What is stored of all enrolled voices, but their embeddings."""
        return await run_sync(service.voices)

    @app.delete("/voices/{name:path}", responses=_failures(401, 403, 404, 429, 503))
    async def remove(name: str) -> StoredVoice:
        """Delete a voice. Its bytes in the store are overwritten. The answer is what was deleted."""
        return await run_sync(service.remove, name)


def _add_page(app: FastAPI) -> None:
    for path, (name, kind) in PAGE.items():
        text = files_of("spkr.serve").joinpath(name).read_text(encoding="utf-8")
        app.add_api_route(path, _answer(text, kind), include_in_schema=False)


def _answer(text: str, kind: str) -> Work:
    async def answer() -> Response:
        return Response(text, headers=HEADERS, media_type=kind)

    return answer


def _opened(files: list[UploadFile]) -> list:
    return [one.file for one in files]


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Failure, "description": STATUSES[status]} for status in statuses}
