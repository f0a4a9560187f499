"""How a writer opens what it reads, and where it puts its result: nothing is left there unless the result is right."""

from __future__ import annotations

from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING

from nativewheel.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODE = 0o755
"""The permissions of an edited image, whatever the umask."""


@contextmanager
def only_when_right(destination: Path) -> Iterator[None]:
    """Remove ``destination`` when the block fails.  The file system's errors become ``MachineError``."""
    try:
        yield
    except OSError as error:
        destination.unlink(missing_ok=True)
        raise MachineError(f"cannot write the edited file: {error.strerror}") from error
    except BaseException:
        destination.unlink(missing_ok=True)
        raise


@contextmanager
def mapped(path: Path) -> Iterator[mmap | bytes]:
    """Give the content of the file at ``path``, which no system maps when it is empty.  Raises ``OSError``."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            yield data
