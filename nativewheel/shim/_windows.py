"""Load shared and vendored DLLs; nativewheel puts this file, as it is, beside `_nativewheel.py` into the wheels for Windows that it repairs."""

from __future__ import annotations

import os
import sys

from . import _nativewheel
from ._nativewheel import HANDLES, OFF, ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# GraalPy lacks os.add_dll_directory or does nothing in it (graalpython issues 493, 533), as conda's builds before 3.10 did (conda issue 10897).
_LOOKS_INTO_FOLDERS = sys.implementation.name == "cpython" and sys.version_info >= (3, 10)


class Wheel(_nativewheel.Wheel):
    """One wheel: `folders` hold DLLs that others need; `vendored` are those of this wheel alone, in load order: whether each is only delay-loaded."""

    def __init__(self, title: str, libraries: list[Any], uses: list[Any], folders: list[str], vendored: dict[str, bool]) -> None:
        super().__init__(title, libraries, uses)
        self._folders, self._vendored = folders, vendored

    def _load(self, wanted: list[Any]) -> None:
        for folder in self._folders:
            self._try(_add_folder, folder)
        # What a DLL forwards to, or loads later, is not loaded with it, and not looked for beside it.
        names = {name for library in wanted for name in [library["identity"], *library["needs"]]}
        super()._load([library for library in self._libraries if library["identity"] in names])
        self._load_vendored()

    def _load_library(self, library: Any) -> object:
        self._load_vendored()
        return super()._load_library(library)

    def _load_vendored(self) -> None:
        for file, delayed in self._vendored.items():
            if delayed or not _LOOKS_INTO_FOLDERS:  # the helper that loads a delayed DLL does not look into added folders
                self._try(_load_dll, file)

    def _try(self, load: Callable[[str], object], place: str) -> None:
        """Do what an import may turn out not to need; what fails is tried again by the next call."""
        path = os.path.normpath(os.path.join(ROOT, place))  # noqa: PTH118 - pathlib costs milliseconds at each import of a package
        try:
            HANDLES[path] = HANDLES.get(path) or load(path)
        except Exception as error:  # noqa: BLE001 - an audit hook may raise anything
            if os.environ.get("NATIVEWHEEL_DEBUG", "").lower() not in OFF:
                print(f"nativewheel: {path} is left out ({self._title}): {error!r}", file=sys.stderr)  # noqa: T201 - asked for

    def _mapped(self, ctypes: Any, identity: str) -> str:
        """Return the file that the loader takes for an import of `identity`: the first of that name in memory, from whatever folder it came."""
        name, kernel = ctypes.create_unicode_buffer(32768), ctypes.WinDLL("kernel32")
        kernel.GetModuleHandleW.restype = ctypes.c_void_p
        kernel.GetModuleFileNameW(ctypes.c_void_p(kernel.GetModuleHandleW(identity)), name, len(name))
        return str(name.value)


def _add_folder(path: str) -> object:
    return os.add_dll_directory(path)  # type: ignore[attr-defined, unused-ignore]


def _load_dll(path: str) -> object:
    dll: object = __import__("ctypes").CDLL(path)
    return dll
