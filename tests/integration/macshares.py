"""Repaired macOS wheels in use: this Python imports them, by its own import system, and what is loaded goes into an emulated process of macOS."""

from __future__ import annotations

import importlib
import sys
import types
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machobinding import DyldError
from machoemulator import RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW
from machopython import Python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.machinery import ModuleSpec

    from machobinding import Loaded
    from machopython import Module


class Ctypes(types.ModuleType):
    """As much of macOS's ctypes as the shim uses."""

    RTLD_LOCAL, RTLD_GLOBAL = RTLD_LOCAL, RTLD_GLOBAL

    def __init__(self, python: Python) -> None:
        super().__init__("ctypes")
        self.opened: list[tuple[str, int]] = []
        """The libraries that were asked for, by their file names, with the modes."""
        self._python = python

    def CDLL(self, name: str, mode: int = RTLD_LOCAL) -> Loaded:  # noqa: N802 - the name that it has there
        """Open a library; ctypes adds RTLD_NOW."""
        self.opened.append((Path(name).name, mode))
        return self._python.dlopen(name, mode | RTLD_NOW)


class Extension(types.ModuleType):
    """An imported extension module; its attributes are those of the module, or the exported C functions of the image."""

    def __init__(self, python: Python, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        assert spec.origin
        try:
            self._module: Module = python.import_module(Path(spec.origin))
        except DyldError as error:
            raise ImportError(f"dlopen({spec.origin}, 0x0002): {error}", name=spec.name, path=spec.origin) from None
        self._python, self._image = python, python.dlopen(spec.origin)

    def __getattr__(self, name: str) -> Callable[..., object]:
        """Return a function that runs in the emulator."""
        if name.startswith("__"):
            raise AttributeError(name)
        if self._module.has(name):
            return partial(self._module, name)
        return partial(self._python.call, self._python.dlsym(self._image, name))

    def call_long(self, name: str) -> int:
        """Call a C function that returns 64 bits."""
        return self._python.call_long(self._python.dlsym(self._image, name))


class Mac:
    """A Python on macOS."""

    def __init__(self, arch: str, *, any_system: bool = False) -> None:
        self.python = Python(arch, any_system=any_system)
        self.ctypes = Ctypes(self.python)
        self.path: list[Path] = []
        """Its sys.path, before the standard library."""
        self._before = set(sys.modules)

    @contextmanager
    def running(self, **environment: str) -> Iterator[None]:
        """Let what is imported meanwhile, and what it calls, see this machine."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "platform", "darwin")
            patch.setattr(sys, "path", [*map(str, self.path), *sys.path])
            patch.setitem(sys.modules, "ctypes", self.ctypes)
            patch.setattr(ExtensionFileLoader, "create_module", lambda _, spec: Extension(self.python, spec))
            patch.setattr(ExtensionFileLoader, "exec_module", lambda *_: None)
            for key, value in environment.items():
                patch.setenv(key, value)
            importlib.invalidate_caches()
            yield

    def load(self, name: str, **environment: str) -> types.ModuleType:
        """Import a module with everything that this leads to."""
        with self.running(**environment):
            return importlib.import_module(name)

    def load_libraries(self, distribution: str) -> None:
        """Call the shim of a wheel."""
        with self.running():
            self.load(f"nw_{distribution}").load()

    def forget(self) -> None:
        """Forget what was imported from the path, but not what was loaded."""
        places = {name: Path(_place(sys.modules[name])) for name in sys.modules.keys() - self._before}
        for name, place in places.items():
            if any(place.is_relative_to(folder) for folder in self.path):
                del sys.modules[name]

    def images(self, *names: str) -> list[str]:
        """Return which of these files are in the process, in the order of their loading."""
        loaded = [Path(image.path).name for image in self.python.images]
        return [name for name in loaded if name in names]


@contextmanager
def machine(arch: str, *, any_system: bool = False) -> Iterator[Mac]:
    """Start a Python (a `machopython.Python`), and forget afterwards what it has imported."""
    mac = Mac(arch, any_system=any_system)
    try:
        yield mac
    finally:
        mac.forget()


def _place(module: types.ModuleType) -> str:
    return getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
