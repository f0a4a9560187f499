"""A wheel on a web server, read in ranges, so that only what is asked for is fetched (RFC 9110, "Range Requests")."""

from __future__ import annotations

import re
import tempfile
import threading
from collections import OrderedDict
from http.client import HTTPException
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import nativewheel
from nativewheel.errors import MachineError, UsageError
from nativewheel.wheel.source import SCHEMES, WheelUrl

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse

BLOCK = 1 << 15
"""Bytes that small reads are rounded to: the header of a member and its first bytes come with one request."""

TAIL = 1 << 17
"""Bytes at the end that the first request asks for; the directory of most wheels is in them."""

_KEPT = 256  # blocks
_SECONDS = 30
_CHUNK = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_PARTIAL, _GONE, _UNSATISFIABLE = 206, (404, 410), (400, 405, 416, 501)


class RemoteFile:
    """A file behind an address (a `Source`).

    A server that knows no ranges sends the whole file at once, which then is kept in a temporary one.  Raises ``UsageError`` when there is no such
    file and ``MachineError`` for everything else that a network does, also when the file changes between two requests.
    """

    def __init__(self, location: WheelUrl) -> None:
        self._location = location
        self._opener = build_opener(_Redirects())
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._whole: IO[bytes] | None = None
        self._url = location.url
        self._tag: str | None = None
        self._tail_offset, self._tail = 0, b""
        self._begin()

    def read(self, offset: int, length: int) -> bytes:
        """Read at most ``length`` bytes at ``offset``."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        if self._whole is not None:
            with self._lock:
                self._whole.seek(offset)
                return self._whole.read(length)
        if offset >= self._tail_offset:
            return self._tail[offset - self._tail_offset :][:length]
        # What is long is read once, by who keeps it: caching it would only double it.
        return self._fetched(offset, offset + length) if length > BLOCK else self._cached(offset, length)

    def close(self) -> None:
        """Forget what was fetched."""
        if self._whole is not None:
            self._whole.close()

    def _begin(self) -> None:
        try:
            response = self._request(f"bytes=-{TAIL}")
        except HTTPError as error:
            if error.code not in _UNSATISFIABLE:
                raise self._refused(error) from error
            response = self._answered(None)
        with response:
            self._url = response.url
            if response.status != _PARTIAL:
                self._whole, self.size = self._downloaded(response)
                return
            start, end, self.size = self._range_of(response)
            # More than was asked for would be held in memory, whatever its size.
            if end + 1 != self.size or self.size - start > TAIL:
                raise self._error("the server sends another part of the file than was asked for")
            tag = response.headers.get("ETag", "")
            self._tag = tag if tag.startswith('"') else None  # a weak one may stand for other bytes, too
            self._tail_offset, self._tail = start, self._body(response, self.size - start)

    def _cached(self, offset: int, length: int) -> bytes:
        """Read what lies in one or two blocks."""
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        with self._lock:
            missing = [index for index in range(first, last + 1) if index not in self._blocks]
        if missing:
            start, end = missing[0] * BLOCK, min((missing[-1] + 1) * BLOCK, self.size)
            data = self._fetched(start, end)
            with self._lock:
                for index in missing:
                    self._blocks[index] = data[index * BLOCK - start :][:BLOCK]
        with self._lock:
            # Another thread may have pushed out what was there a moment ago; then it is fetched again.
            held = [self._blocks.get(index) for index in range(first, last + 1)]
            while len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        data = b"".join(block for block in held if block is not None)
        if None in held:
            return self._fetched(offset, offset + length)
        return data[offset - first * BLOCK :][:length]

    def _fetched(self, start: int, end: int) -> bytes:
        """Fetch the bytes from ``start`` up to ``end``."""
        with self._answered(f"bytes={start}-{end - 1}") as response:
            if response.status != _PARTIAL or self._range_of(response) != (start, end - 1, self.size):
                raise self._error("the file changed while it was read, or the server sends another part than was asked for")
            return self._body(response, end - start)

    def _answered(self, wanted: str | None) -> HTTPResponse:
        try:
            return self._request(wanted)
        except HTTPError as error:
            raise self._refused(error) from error

    def _request(self, wanted: str | None) -> HTTPResponse:
        # Compression on the way would make the offsets those of something else.
        headers = {"User-Agent": f"nativewheel/{nativewheel.__version__}", "Accept-Encoding": "identity"}
        if wanted is not None:
            headers["Range"] = wanted
            if self._tag is not None:
                headers["If-Range"] = self._tag
        try:
            response: HTTPResponse = self._opener.open(Request(self._url, headers=headers), timeout=_SECONDS)  # noqa: S310  (http and https only)
        except HTTPError:
            raise
        except (URLError, HTTPException, OSError, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise self._error(f"cannot be fetched: {reason}") from error
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()
            raise self._error("the server sends the file in another encoding than it was asked for")
        return response

    def _range_of(self, response: HTTPResponse) -> tuple[int, int, int]:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None:
            raise self._error("the server does not say which part of the file it sends")
        start, end, size = (int(number) for number in match.groups())
        if not start <= end < size:
            raise self._error("the server sends a part that the file does not have")
        return start, end, size

    def _body(self, response: HTTPResponse, length: int) -> bytes:
        try:
            data = response.read(length)
        except (HTTPException, OSError) as error:
            raise self._error(f"the connection broke: {error}") from error
        if len(data) < length:
            raise self._error("the connection ended before the data did")
        return data

    def _downloaded(self, response: HTTPResponse) -> tuple[IO[bytes], int]:
        """Put the whole file into a temporary one."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  (open until `close`)
        try:
            while part := response.read(_CHUNK):
                file.write(part)
        except (HTTPException, OSError) as error:
            file.close()
            raise self._error(f"the connection broke: {error}") from error
        size = file.tell()
        stated = response.headers.get("Content-Length", str(size))
        if stated != str(size):
            file.close()
            raise self._error("the connection ended before the data did")
        return file, size

    def _refused(self, error: HTTPError) -> UsageError | MachineError:
        error.close()
        if error.code in _GONE:
            return UsageError(f"there is no such file (HTTP status {error.code})", where=(self._location.name,))
        return self._error(f"the server refuses: HTTP status {error.code} {error.reason}")

    def _error(self, message: str) -> MachineError:
        return MachineError(message, where=(self._location.name,), hint="download the wheel and name the file")


class _Redirects(HTTPRedirectHandler):
    """Follows redirections, but not from an encrypted connection to a plain one, nor to anything else than the web."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> Request | None:
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in SCHEMES or (req.type == "https" and scheme != "https"):
            raise MachineError("the server redirects to an address that is not safe", where=(WheelUrl(req.full_url).name,))
        return super().redirect_request(req, fp, code, msg, headers, newurl)
