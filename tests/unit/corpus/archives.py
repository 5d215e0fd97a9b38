"""An archive to unpack, and a server to download it from."""

import hashlib
import io
import tarfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

NOISE = b"".join(hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(20000))  # does not compress
FILES = {"an4/LICENSE": b"any use\n", "an4/wav/fash/an251-fash-b.sph": NOISE}


def tar_of(path: Path, *members, files=FILES) -> Path:
    mode = "w:gz" if path.suffix == ".gz" else "w"
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in members:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def content_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


class Server(BaseHTTPRequestHandler):
    """Serves `data` with ranges; the attributes make it misbehave."""

    protocol_version = "HTTP/1.1"
    data = b""
    cut_after = None  # bytes of the file after which the connection breaks, once
    ranges = True
    encoding = None
    asked: list[str | None]

    def do_GET(self):
        server = type(self)
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if self.headers["Accept-Encoding"] != "identity":  # lengths and ranges are of the file itself
            return self.send_error(406)
        start = int(asked[6:-1]) if asked and self.ranges else 0
        if self.path != "/an4.tar.gz":
            return self.send_error(404)
        if start >= len(self.data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        if self.encoding:
            self.send_header("Content-Encoding", self.encoding)
        self.send_header("Content-Length", str(len(self.data) - start))
        self.end_headers()
        self.wfile.write(self.data[start : self.cut_after])
        if self.cut_after:
            server.cut_after = None
            self.close_connection = True

    def log_message(self, *args):
        pass
