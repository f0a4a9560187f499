"""Output files that appear all together, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nativewheel.errors import MachineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

_PREFIX = ".nativewheel-"


class OutputSet:
    """The files that one run puts into ``folder``: written under temporary names there, renamed together by ``commit()``.

    Leaving the context without ``commit()`` removes every trace, the folder included if it was made here.  ``inputs`` are files that no output
    may replace.  The file system's errors become ``MachineError``.
    """

    def __init__(self, folder: str | os.PathLike[str], *, inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
        self.folder = Path(folder)
        self._inputs = tuple(Path(path) for path in inputs)
        self._pending: dict[Path, Path] = {}
        self._published: list[Path] = []
        self._made: list[Path] = []
        self._committed = False

    def __enter__(self) -> Self:
        try:
            self._make_folder()
        except BaseException:
            self._remove_all()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._committed:
            self._remove_all()

    def reserve(self, filename: str) -> Path:
        """Make an empty file under a temporary name, to be written by the caller and published as ``filename``.

        Raises ``UsageError`` when the name is taken: by an input, by a folder, or by another output of this run.
        """
        target = self.folder / filename
        if target in self._pending:
            raise UsageError("two inputs have this output", where=(str(target),))
        with _machine(target):
            if any(_same_file(target, path) for path in self._inputs):
                raise UsageError("the output would overwrite its input", where=(str(target),), hint="choose another folder with --wheel-dir")
            if target.is_dir():
                raise UsageError("a folder has the name of the output", where=(str(target),))
        temporary = self.folder / f"{_PREFIX}{secrets.token_hex(8)}"
        # Remembered before it exists, so that an interrupt in between leaves no file.
        self._pending[target] = temporary
        with _machine(target):
            # open() and not mkstemp(): the finished file then has the mode that the umask gives to any other file.
            temporary.open("xb").close()
        return temporary

    def copy_of(self, path: str | os.PathLike[str], filename: str) -> Path:
        """Copy ``path`` byte for byte, to be published as ``filename``."""
        temporary = self.reserve(filename)
        with _machine(self.folder / filename):
            shutil.copyfile(path, temporary)
        return temporary

    def commit(self) -> tuple[Path, ...]:
        """Publish every reserved file and return them in the order of the reservations."""
        for target, temporary in self._pending.items():
            with _machine(target):
                _flush(temporary)
        for target, temporary in self._pending.items():
            with _machine(target):
                temporary.replace(target)
            self._published.append(target)
        _flush_folder(self.folder)
        self._committed = True
        return tuple(self._published)

    def _make_folder(self) -> None:
        missing = [self.folder, *self.folder.parents]
        with _machine(self.folder):
            for path in reversed(missing):
                if not path.exists():
                    # Another process may be faster; then the folder is its own to remove.
                    with suppress(FileExistsError):
                        path.mkdir()
                        self._made.append(path)
            if not self.folder.is_dir():
                raise UsageError("not a folder", where=(str(self.folder),), hint="choose another one with --wheel-dir")

    def _remove_all(self) -> None:
        for path in (*self._pending.values(), *self._published):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        for path in reversed(self._made):
            with suppress(OSError):  # not empty: somebody else uses it
                path.rmdir()


def _same_file(target: Path, path: Path) -> bool:
    return target.exists() and path.exists() and target.samefile(path)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the renames durable; Windows has no such call, and some network file systems refuse it."""
    if sys.platform != "win32":
        with _machine(folder):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
                    raise
            finally:
                os.close(descriptor)


@contextmanager
def _machine(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineError(f"cannot write: {error.strerror or error}", where=(str(path),)) from error
