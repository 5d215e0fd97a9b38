"""Downloading a file: resumably, and under another name until it is whole."""

import re
from pathlib import Path

from spkr.errors import InputError
from spkr.files import sha256 as sha256_of

TIMEOUT = (15, 60)  # seconds: to connect, and between two pieces of data
CHUNK = 1 << 18  # bytes between two steps of the progress bar


def download(url: str, path: str | Path, sha256: str | None = None) -> None:
    """Download `url` to `path`, going on where an earlier call broke off, with a progress bar on stderr.

    The data lie in `<path>.part` until their length, and their sha256 where it is known, are found right.
    Raises InputError where the server cannot be reached, refuses, sends on from https to where anybody on the way can
    change the data (unless the sha256 is known), breaks off (the next call goes on) or sends something else than
    expected (the .part is removed: the next call begins anew).
    """
    import requests  # here, as an archive at hand needs no network

    path = Path(path)
    part = path.with_name(path.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if url.startswith("https:") and not sha256:
                _check_secure(url, [r.url for r in [*response.history, response]])
            if response.status_code != 416:  # 416: nothing beyond what the .part holds
                response.raise_for_status()
                _receive(response, part, have)
            elif response.headers.get("Content-Range") != f"bytes */{have}":
                raise _refused(part, f"{url} has fewer bytes than the {have} that an earlier call received")
    except requests.RequestException as e:
        raise InputError(f"{url} cannot be reached ({_reason(e)})") from None
    if sha256 and (found := sha256_of(part)) != sha256.lower():
        raise _refused(part, f"{url} has the sha256 {found}; expected {sha256}")
    part.replace(path)


def _check_secure(url: str, asked: list[str]) -> None:
    for redirect in asked:
        if not redirect.startswith("https:"):
            raise InputError(f"{url} was sent on to {redirect}, which is not https; get it by hand if that is right")


def _receive(response, part: Path, have: int) -> None:
    """Write a response's bytes to `part`: behind the `have` bytes there, or anew if the server sends all."""
    from tqdm import tqdm
    from urllib3.exceptions import HTTPError

    if response.status_code == 206:
        where = response.headers.get("Content-Range", "")
        if not where.startswith(f"bytes {have}-"):
            raise _refused(part, f"{response.url} was asked for bytes from {have}, and answered with {where!r}")
    else:
        have = 0
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else None
    part.parent.mkdir(parents=True, exist_ok=True)
    progress = tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True, mininterval=0.5)
    with progress, part.open("ab" if have else "wb") as f:
        broken = False
        try:
            # The bytes as they are: some servers declare a .tar.gz to be a gzip-encoded .tar.
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                f.write(chunk)
                progress.update(len(chunk))
        except HTTPError:
            broken = True
        if broken or (total is not None and f.tell() < total):
            size = f.tell() if total is None else f"{f.tell()} of {total}"
            raise InputError(f"{response.url} broke off after {size} bytes; run again to go on from there")


def _refused(part: Path, why: str) -> InputError:
    part.unlink(missing_ok=True)
    return InputError(f"{why}; {part} was removed, run again to begin anew")


def _reason(error: Exception) -> str:
    """The innermost cause, without the objects' addresses that requests and urllib3 wrap round it."""
    while isinstance(inner := getattr(error, "reason", None) or (error.args or [None])[0], Exception):
        error = inner
    return re.sub(r"^\S*(HTTPS?Connection)\b.*?: ", "", str(error))
