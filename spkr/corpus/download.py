"""Downloading a file. A download can be resumed, and has a temporary name until it is complete."""

import re
from pathlib import Path

from spkr.errors import InputError
from spkr.files import sha256 as sha256_of

TIMEOUT = (15, 60)  # seconds: to connect, and between two chunks of data
CHUNK = 1 << 18  # bytes between two updates of the progress bar


def download(url: str, path: str | Path, sha256: str | None = None) -> None:
    """Download `url` to `path`, resuming an earlier download, with a progress bar on stderr.

    The data lie in `<path>.part` until their length has been checked, and their sha256 if it is given.

    Raises InputError if the server cannot be reached, refuses, redirects from https to an insecure address (unless the
    sha256 is given), breaks off (the next call resumes), or sends unexpected data (the .part is removed, and the next
    call starts from the beginning).
    """
    import requests  # here, because a local archive needs no network

    path = Path(path)
    part = path.with_name(path.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if url.startswith("https:") and not sha256:
                _check_secure(url, [r.url for r in [*response.history, response]])
            if response.status_code != 416:  # 416: there is nothing after the bytes in the .part
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
            raise InputError(
                f"{url} was redirected to {redirect}, which is not https; download it by hand if you trust it"
            )


def _receive(response, part: Path, have: int) -> None:
    """Write a response's bytes to `part`: after its `have` bytes, or from the beginning if the server sends all."""
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
            # Without decoding: some servers declare a .tar.gz as a gzip-encoded .tar.
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                f.write(chunk)
                progress.update(len(chunk))
        except HTTPError:
            broken = True
        if broken or (total is not None and f.tell() < total):
            size = f.tell() if total is None else f"{f.tell()} of {total}"
            raise InputError(f"{response.url} broke off after {size} bytes; run again to resume")


def _refused(part: Path, why: str) -> InputError:
    part.unlink(missing_ok=True)
    return InputError(f"{why}; {part} was removed; run again to start from the beginning")


def _reason(error: Exception) -> str:
    """The innermost cause, without the object addresses that requests and urllib3 add."""
    while isinstance(inner := getattr(error, "reason", None) or (error.args or [None])[0], Exception):
        error = inner
    return re.sub(r"^\S*(HTTPS?Connection)\b.*?: ", "", str(error))
