"""How dyld finds symbols: by a library's ordinal, in the flat namespace, and among weak definitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from machobind import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from machobind import Bind
    from machofile import Export, MachO
    from machoprocessor import Processor

FLAT, WEAK = -2, -3
PYTHON = ("_Py", "__Py")
LIBCXX_WEAK = ("__Zn", "__Zd", "__ZTISt", "__ZTSSt")
"""New, delete and the types of std, which the C++ library has as weak definitions."""


class DyldError(OSError):
    """What dlerror would say."""


@dataclass(eq=False)
class Loaded:
    """An image in the process; ``file`` is None for what the test supplies, ``dylibs`` are its dependents by ordinal from 1."""

    path: str
    identity: str | None
    exports: Mapping[str, Export] = field(repr=False)
    file: MachO | None = field(default=None, repr=False)
    base: int = 0
    dylibs: list[Loaded | None] = field(default_factory=list, repr=False)
    rpaths: list[str] = field(default_factory=list)
    weak_defines: bool = False
    hidden: bool = False
    open: bool = False
    """Whether any name is found in it by its ordinal, as a function that must not be called: for libraries of macOS."""


class Names:
    """The symbols of the images of a process, which are in the order of their loading."""

    def __init__(self, main: Loaded, processor: Processor) -> None:
        self.images = [main]
        self._main = main
        self._processor = processor
        self._traps: dict[str, int] = {}

    def target(self, image: Loaded, bind: Bind) -> int | None:
        """Return what a pointer is to hold before its addend: 0 for an absent symbol that may be, None to leave the pointer as it is."""
        found, where = self._bound(image, bind)
        if found is not None:
            return found
        if bind.table == "weak":  # the regular table has given it a value
            return None
        if bind.weak_import:
            return 0
        if bind.ordinal == FLAT:
            raise DyldError(f"symbol not found in flat namespace '{bind.name}'")
        if bind.ordinal == WEAK:
            raise DyldError(f"weak-def symbol not found '{bind.name}'")
        raise DyldError(f"Symbol not found: {bind.name}\n  Referenced from: {image.path}\n  Expected in: {where}")

    def _bound(self, image: Loaded, bind: Bind) -> tuple[int | None, str]:
        match bind.ordinal:
            case 0:
                return self.in_dylib(image, bind.name), image.path
            case -1:
                return self.in_dylib(self._main, bind.name), self._main.path
            case -2:
                return self.flat(bind.name, image), "flat namespace"
            case -3:
                return self._coalesced(bind.name, image), "flat namespace"
            case ordinal:
                if not 0 < ordinal <= len(image.dylibs):
                    raise DyldError(f"{image.path}: bad ordinal {ordinal} for {bind.name}")
                library = image.dylibs[ordinal - 1]
                if library is None:
                    return None, "<missing LC_LOAD_WEAK_DYLIB>"
                found = self.in_dylib(library, bind.name)
                return (self._trap(bind.name) if found is None and library.open else found), library.path

    def _visible(self, asker: Loaded | None) -> Iterable[Loaded]:
        return (image for image in self.images if not image.hidden or image is asker)

    def flat(self, name: str, asker: Loaded | None) -> int | None:
        found = next((address for image in self._visible(asker) if (address := self._exported(image, name)) is not None), None)
        return self._trap(name) if found is None and self._main.open and name.startswith(PYTHON) else found

    def _coalesced(self, name: str, asker: Loaded) -> int | None:
        """Return the one definition that every image uses: the first that is not weak, else the first."""
        defining = [image for image in self._visible(asker) if image.weak_defines and name in image.exports]
        if not defining:
            return self._trap(name) if self._main.open and name.startswith(LIBCXX_WEAK) else None
        chosen = next((image for image in defining if not image.exports[name].weak), defining[0])
        return self._exported(chosen, name)

    def _exported(self, image: Loaded, name: str) -> int | None:
        """Look into one image's own exports."""
        export = image.exports.get(name)
        if export is None:
            return None
        if export.reexported:
            library = image.dylibs[export.ordinal - 1] if export.ordinal else image
            return None if library is None else self.in_dylib(library, export.imported or name)
        return export.address if export.absolute else (image.base + export.address) & MASK

    def in_dylib(self, image: Loaded, name: str, seen: tuple[Loaded, ...] = ()) -> int | None:
        """Look into a library's exports and those of the libraries that it re-exports whole."""
        found = self._exported(image, name)
        if found is not None or image.file is None or image in seen:
            return found
        for dylib, place in zip(image.file.dylibs, image.dylibs, strict=True):
            if dylib.kind == "reexport" and place:
                found = self.in_dylib(place, name, (*seen, image))
                if found is not None:
                    return found
        return None

    def dependents(self, image: Loaded) -> list[Loaded]:
        found = [image]
        for place in found:
            found += [dependent for dependent in place.dylibs if dependent and dependent not in found]
        return found

    def _trap(self, name: str) -> int:
        def called() -> int:
            raise NotImplementedError(f"{name} was called, which the emulator does not have")

        if name not in self._traps:
            self._traps[name] = self._processor.function(called)
        return self._traps[name]
