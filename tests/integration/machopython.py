"""As much of CPython's stable ABI as extension modules of the samples and fixtures call, for the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from machoemulator import RTLD_NOW, Process
from machosystem import signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

METH_VARARGS, METH_NOARGS = 1, 4


class Python(Process):
    """A process whose main program is Python: emulated code holds its objects as handles."""

    def __init__(self, arch: str, *, any_system: bool = False) -> None:
        super().__init__(arch, any_system=any_system)
        self._objects: dict[int, object] = {}
        functions: dict[str, Callable[[], int]] = {
            "_PyModule_Create2": self._module,
            "_PyArg_ParseTuple": self._parse,
            "_PyLong_FromLong": lambda: self._handle(signed(self.cpu.argument(0), 64)),
            "_PyBool_FromLong": lambda: self._handle(self.cpu.argument(0) != 0),
            "_PyUnicode_FromString": lambda: self._handle(self.cpu.string(self.cpu.argument(0)).decode()),
            "_PyUnicode_FromStringAndSize": lambda: self._handle(self.cpu.read(self.cpu.argument(0), self.cpu.argument(1)).decode()),
        }
        self.supply_main({name: self.cpu.function(body) for name, body in functions.items()})

    def import_module(self, path: Path) -> Module:
        """Import an extension module as CPython does: dlopen with RTLD_NOW, then PyInit."""
        image = self.dlopen(path, RTLD_NOW)
        found = self._objects[self.call_long(self.dlsym(image, f"PyInit_{path.name.partition('.')[0]}"))]
        assert isinstance(found, Module)
        return found

    def run_method(self, function: int, arguments: tuple[object, ...] | None) -> object:
        """Call a function of a module; its object is not passed."""
        given = 0 if arguments is None else self._handle(arguments)
        return self._objects[self.call_long(function, 0, given)]

    def _handle(self, value: object) -> int:
        address = self.cpu.allocate(16)
        self._objects[address] = value
        return address

    def _module(self) -> int:
        """Read a PyModuleDef: its PyMethodDef list is 64 bytes from its start."""
        definition = self.cpu.argument(0)
        methods: dict[str, tuple[int, int]] = {}
        entry = self.cpu.integer(definition + 64) if definition else 0
        while entry and (name := self.cpu.integer(entry)):
            methods[self.cpu.string(name).decode()] = (self.cpu.integer(entry + 8), self.cpu.integer(entry + 16, "<i"))
            entry += 32
        return self._handle(Module(self, methods))

    def _parse(self) -> int:
        given = self._objects[self.cpu.argument(0)]
        layout = self.cpu.string(self.cpu.argument(1)).decode()
        assert isinstance(given, tuple)
        assert layout == "i" * len(given), layout
        for value, place in zip(given, self.cpu.variable_arguments(2), strict=False):
            self.cpu.write(place, int(value).to_bytes(4, "little", signed=True))
        return 1


class Module:
    """An imported extension module."""

    def __init__(self, python: Python, methods: dict[str, tuple[int, int]]) -> None:
        self._python = python
        self._methods = methods

    def has(self, name: str) -> bool:
        """Tell whether the module has a function."""
        return name in self._methods

    def __call__(self, name: str, *arguments: int) -> object:
        """Call a function of the module."""
        function, flags = self._methods[name]
        assert flags == METH_VARARGS or not arguments
        return self._python.run_method(function, arguments if flags == METH_VARARGS else None)
