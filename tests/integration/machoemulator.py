"""A small dyld on an emulated CPU: it loads real images by dyld's rules (those of macOS 12 and later) and calls their functions.

Simplifications: one namespace of files (real paths), no dlclose, no DYLD_ variables; threads are numbers that have variables of their own.
"""

from __future__ import annotations

import struct
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import macholayout
from machobind import pointer
from machobinding import DyldError, Loaded, Names
from machofile import MH_BUNDLE, MH_WEAK_DEFINES, Export, MachO, slice_for
from machoprocessor import Processor
from machosystem import CXX_WEAK, LIBCXX, LIBSYSTEM, LibCxx, LibSystem, signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from machofile import Dylib, Segment

RTLD_LAZY, RTLD_NOW, RTLD_LOCAL, RTLD_GLOBAL = 1, 2, 4, 8
SYSTEM_FOLDERS = ("/usr/lib/", "/System/Library/")
INITIALIZERS, INITIALIZER_OFFSETS, VARIABLES, TEMPLATES = 0x9, 0x16, 0x13, (0x11, 0x12)


class Process:
    """A process of macOS that runs Python, with images that are loaded into it."""

    def __init__(self, arch: str, *, any_system: bool = False) -> None:
        """Make a process; with ``any_system`` all of macOS and of Python is there, as functions that must not be called: for real wheels."""
        self.arch = arch
        self.cpu = Processor(arch)
        self.libc = LibSystem(self.cpu)
        self.main = Loaded(path="/usr/bin/python3", identity=None, exports={}, open=any_system)
        self.names = Names(self.main, self.cpu)
        self.images = self.names.images
        self.system: dict[str, Loaded] = {}
        self.thread = 0
        self._any_system = any_system
        self._initialized = {self.main}
        self._variables: dict[tuple[Loaded, int], int] = {}
        self.supply(LIBSYSTEM, {**self.libc.symbols(), "__tlv_bootstrap": self.cpu.function(self._variable)})
        self.supply(LIBCXX, LibCxx(self.cpu).symbols(), weak=CXX_WEAK)

    def supply(self, name: str, symbols: Mapping[str, int], *, weak: Iterable[str] = ()) -> Loaded:
        """Add a library of macOS, which is there for everyone who asks for it by its name."""
        exports = {symbol: Export(address, 4 if symbol in weak else 0, 0, "") for symbol, address in symbols.items()}
        image = Loaded(path=name, identity=name, exports=exports, weak_defines=bool(weak), open=self._any_system)
        self._initialized.add(image)
        self.images.append(image)
        self.system[name] = image
        return image

    def supply_main(self, symbols: Mapping[str, int]) -> None:
        """Say what the main program exports."""
        self.main.exports = {symbol: Export(address, 0, 0, "") for symbol, address in symbols.items()}

    def dlopen(self, path: Path | str, mode: int = RTLD_NOW, *, initialize: bool = True) -> Loaded:
        """Load an image and what it needs; a failure leaves nothing of it behind.  Initialisers of real C++ call more than the emulator has."""
        before = list(self.images)
        try:
            image = self._at(str(path))
            if image is None:
                image = self._map(Path(path))
                # Only the very image of this call is hidden, never what it needs, and only when it was not there before.
                image.hidden = bool(mode & RTLD_LOCAL)
                self._load_dependents(image, ())
            elif not mode & RTLD_LOCAL:
                image.hidden = False
            for new in self.images[len(before) :]:
                if new.file:
                    self._fix(new, new.file)
        except Exception:
            self._forget(before)
            raise
        if initialize:
            self._initialize(image)
        return image

    def dlsym(self, image: Loaded | None, name: str) -> int:
        """Return the address of a symbol, by its C name, in an image and its dependents; with None in every visible image."""
        if image is None:
            found = self.names.flat("_" + name, None)
        else:
            places = (self.names.in_dylib(place, "_" + name) for place in self.names.dependents(image))
            found = next((address for address in places if address is not None), None)
        if found is None:
            raise DyldError(f"dlsym: symbol '{name}' not found")
        return found

    def call(self, function: int, *arguments: int) -> int:
        """Call a function that returns an int."""
        return signed(self.cpu.run(function, *arguments), 32)

    def call_long(self, function: int, *arguments: int) -> int:
        """Call a function that returns 64 bits; a pointer is never negative."""
        return signed(self.cpu.run(function, *arguments), 64)

    def _map(self, path: Path) -> Loaded:
        path = path.resolve()
        try:
            file = MachO(slice_for(path.read_bytes(), self.arch))
        except FileNotFoundError:
            raise DyldError(f"tried: '{path}' (no such file)") from None
        fault = macholayout.fault(file)
        if fault:
            raise DyldError(f"tried: '{path}' (malformed: {fault})")
        fault = file.signature_fault()
        if fault and (self.arch == "arm64" or fault != "not signed"):
            raise DyldError(f"tried: '{path}' (code signature invalid: {fault})")
        size = file.end - file.preferred
        base = self.cpu.place(size)
        for segment in _mapped(file):
            content = file.data[segment.offset : segment.offset + segment.file_size]
            self.cpu.map(base + segment.address - file.preferred, content, segment.size, segment.protection)
        image = Loaded(
            path=str(path),
            identity=file.identity,
            exports=file.exports,
            file=file,
            base=base,
            rpaths=file.rpaths,
            weak_defines=bool(file.flags & MH_WEAK_DEFINES),
        )
        self.images.append(image)
        return image

    def _forget(self, before: list[Loaded]) -> None:
        for image in self.images[len(before) :]:
            if image.file:
                for segment in _mapped(image.file):
                    self.cpu.unmap(image.base + segment.address - image.file.preferred, segment.size)
        del self.images[len(before) :]

    def _load_dependents(self, image: Loaded, loaders: tuple[Loaded, ...]) -> None:
        assert image.file is not None
        chain = (image, *loaders)
        known = set(self.images)
        image.dylibs = [self._dependent(dylib, chain) for dylib in image.file.dylibs]
        for dependent in image.dylibs:
            if dependent and dependent.file and dependent not in known:
                known.add(dependent)
                self._load_dependents(dependent, chain)

    def _dependent(self, dylib: Dylib, chain: tuple[Loaded, ...]) -> Loaded | None:
        loaded = self._at(dylib.name)
        if loaded:
            return loaded
        tried = []
        for path in self._candidates(dylib.name, chain):
            loaded = self._at(path)
            if loaded:
                return loaded
            if Path(path).is_file():
                loaded = self._map(Path(path))
                if loaded.file and loaded.file.filetype == MH_BUNDLE:
                    raise DyldError(f"'{path}' is a bundle: it cannot be linked with")
                return loaded
            tried.append(f"'{path}' (no such file)")
        if dylib.kind == "weak":
            return None
        raise DyldError(f"Library not loaded: {dylib.name}\n  Referenced from: {chain[0].path}\n  Reason: tried: {', '.join(tried) or 'nothing'}")

    def _at(self, name: str) -> Loaded | None:
        """Find an image that is there already: by its path, or an absolute or @rpath name by the name that the library gives itself."""
        if name in self.system:
            return self.system[name]
        if self._any_system and name.startswith(SYSTEM_FOLDERS):
            return self.supply(name, {})
        named = name.startswith(("/", "@rpath/"))
        path = str(Path(name).resolve()) if name.startswith("/") else None
        return next((image for image in self.images if (path and image.path == path) or (named and image.identity == name)), None)

    def _candidates(self, name: str, chain: tuple[Loaded, ...]) -> list[str]:
        """Expand a name; the search path of @rpath is that of the image and of all that led to it."""
        prefix, _, rest = name.partition("/")
        match prefix:
            case "@rpath":
                rpaths = [(image, rpath) for image in (*chain, self.main) for rpath in image.rpaths]
                return [f"{place}/{rest}" for image, rpath in rpaths for place in self._candidates(rpath, (image,))]
            case "@loader_path":
                return [f"{PurePosixPath(chain[0].path).parent}/{rest}"]
            case "@executable_path":
                return [f"{PurePosixPath(self.main.path).parent}/{rest}"]
            case "":
                # For images built with an SDK before 14.0 dyld also looks for the leaf name in the system's folders.
                return [name, f"/usr/local/lib/{PurePosixPath(name).name}", f"/usr/lib/{PurePosixPath(name).name}"]
            case _:
                return [name]

    def _fix(self, image: Loaded, file: MachO) -> None:
        fixups, preferred = file.fixups, file.preferred
        for place, target in fixups.rebases:
            # The top byte of a pointer may be a tag, which does not slide.
            value = (target & 0xFF << 56) | (((target & (1 << 56) - 1) - preferred + image.base) & (1 << 56) - 1)
            self.cpu.write(image.base + place - preferred, pointer(value))
        values: dict[tuple[int, str, str, bool], int | None] = {}
        for bind in fixups.binds:
            key = (bind.ordinal, bind.name, bind.table, bind.weak_import)
            if key not in values:
                values[key] = self.names.target(image, bind)
            found = values[key]
            if found is not None:
                self.cpu.write(image.base + bind.address - preferred, pointer(found + bind.addend if found else 0))

    def _initialize(self, image: Loaded) -> None:
        """Run the initialisers of what the image needs, then its own."""
        if image in self._initialized:
            return
        self._initialized.add(image)
        for dependent in image.dylibs:
            if dependent:
                self._initialize(dependent)
        assert image.file is not None
        for section in image.file.sections:
            content = self.cpu.read(image.base + section.address - image.file.preferred, section.size)
            if section.kind == INITIALIZERS:
                functions = [address for (address,) in struct.iter_unpack("<Q", content)]
            elif section.kind == INITIALIZER_OFFSETS:
                functions = [image.base + offset for (offset,) in struct.iter_unpack("<I", content)]
            else:
                continue
            for function in functions:
                self.cpu.run(function)

    def _variable(self) -> int:
        """Answer a thread-local variable's descriptor {thunk, key, offset} with the address of this thread's own."""
        descriptor = self.cpu.argument(0)
        image = next(image for image in self.images if image.file and image.base <= descriptor < image.base + image.file.end - image.file.preferred)
        key = (image, self.thread)
        if key not in self._variables:
            self._variables[key] = self._template(image)
        return self._variables[key] + self.cpu.integer(descriptor + 16)

    def _template(self, image: Loaded) -> int:
        """Make a thread's copy of the initial values: the sections of them, laid out as in the image."""
        assert image.file is not None
        parts = [section for section in image.file.sections if section.kind in TEMPLATES]
        start = min(part.address for part in parts)
        block = self.cpu.allocate(max(part.address + part.size for part in parts) - start, align=64)
        for part in parts:
            if part.kind == TEMPLATES[0]:
                self.cpu.write(block + part.address - start, self.cpu.read(image.base + part.address - image.file.preferred, part.size))
        return block


def _mapped(file: MachO) -> list[Segment]:
    """Return the segments without that of a program that keeps the first 4 GiB of addresses empty."""
    return [segment for segment in file.segments if segment.protection]
