"""Where the bytes of a wheel come from."""

from __future__ import annotations

import os
import stat
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urldefrag, urlsplit

from nativewheel.errors import MachineError, UnreadableError, UsageError

SCHEMES = ("http", "https")
_DOWNLOAD = "download the wheel and name the file"


@dataclass(frozen=True, slots=True)
class WheelUrl:
    """The address of a wheel on a web server, without the part after "#"."""

    url: str

    @property
    def name(self) -> str:
        """The file name."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])

    def __str__(self) -> str:
        return self.url


def located(text: str | os.PathLike[str]) -> Path | WheelUrl:
    """Return the address that ``text`` is, if it is one of http or https, else the path.

    Raises ``UsageError`` for an address that is none, or that holds a user name or a password: urllib would take them for a part of the host's name.
    """
    scheme, separator, _ = os.fspath(text).partition("://")
    if not separator or scheme.lower() not in SCHEMES:
        return Path(text)
    try:
        address = urlsplit(urldefrag(os.fspath(text)).url)
        host, secret = address.hostname, "@" in address.netloc
    except ValueError as error:
        raise UsageError(f"not an address: {error}", where=(os.fspath(text),)) from error
    if secret:
        raise UsageError("addresses with a user name or a password are not supported", where=(f"{scheme}://{host}",), hint=_DOWNLOAD)
    if not host:
        raise UsageError("this address names no server", where=(os.fspath(text),))
    return WheelUrl(address.geturl())


class Source(Protocol):
    """A file that any number of threads read at any place; ``size`` is in bytes."""

    @property
    def size(self) -> int:
        """The length of the file."""

    def read(self, offset: int, length: int) -> bytes:
        """Read at most ``length`` bytes at ``offset``, none only at the end.  Raises ``MachineError``."""

    def close(self) -> None:
        """Close the file; harmless when it is closed already."""


class LocalFile:
    """A regular file of this machine (a `Source`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # Windows has no pread: seeking and reading must not be torn apart
        self._descriptor = _open(path)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Read at most ``length`` bytes at ``offset``."""
        try:
            return self._pread(offset, length)
        except OSError as error:
            raise MachineError(f"cannot read: {error.strerror}", where=(str(self._path),)) from error

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    if sys.platform == "win32":

        def _pread(self, offset: int, length: int) -> bytes:
            with self._lock:
                os.lseek(self._descriptor, offset, os.SEEK_SET)
                return os.read(self._descriptor, length)

    else:

        def _pread(self, offset: int, length: int) -> bytes:
            return os.pread(self._descriptor, length, offset)


def _open(path: Path) -> int:
    try:
        # Looked at first: opening a named pipe would wait for a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableError("not a regular file", where=(str(path),))
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError as error:
        raise UsageError("there is no such file", where=(str(path),)) from error
    except OSError as error:
        raise MachineError(f"cannot open: {error.strerror}", where=(str(path),)) from error
