"""A web server on this machine that knows ranges, counts what it sends, and can misbehave."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Site:
    """What the server has and does: ``sent`` are bytes of bodies, ``requests`` are paths with their ranges."""

    folder: Path
    url: str = ""
    ranges: bool = True
    cut: bool = False
    redirect: str | None = None
    encoding: str | None = None
    shift: int = 0
    tag: str = '"one"'
    failing: int = 0
    sent: int = 0
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, path: str, wanted: str | None, sent: int) -> None:
        with self._lock:
            self.requests.append((path, wanted))
            self.sent += sent


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve the files of a folder."""
    site = Site(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, site)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's interface)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, site: Site) -> None:
    """Answer one request as RFC 9110 says, unless the site is told not to."""
    wanted = handler.headers.get("Range")
    file = site.folder / unquote(handler.path.lstrip("/"))
    if site.redirect is not None and not handler.path.startswith("/moved/"):
        site.note(handler.path, wanted, 0)
        handler.send_response(302)
        handler.send_header("Location", site.redirect + handler.path)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    file = site.folder / file.name
    if site.failing or not file.is_file():
        site.note(handler.path, wanted, 0)
        handler.send_error(site.failing or 404)
        return
    data = file.read_bytes()
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted or "") if site.ranges and handler.headers.get("If-Range", site.tag) == site.tag else None
    if match and match[1]:
        start, end = int(match[1]), min(int(match[2]) + 1 if match[2] else len(data), len(data))
    elif match:
        start, end = max(0, len(data) - int(match[2])), len(data)
    else:
        start, end = 0, len(data)
    body = data[start:end]
    handler.send_response(206 if match else 200)
    if match:
        handler.send_header("Content-Range", f"bytes {start + site.shift}-{end - 1 + site.shift}/{len(data)}")
    if site.encoding:
        handler.send_header("Content-Encoding", site.encoding)
    handler.send_header("ETag", site.tag)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    body = body[: len(body) // 2] if site.cut else body
    site.note(handler.path, wanted, len(body))
    handler.wfile.write(body)
