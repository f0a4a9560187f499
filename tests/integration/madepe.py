"""PE images that are put together byte by byte: what linkers write, what old ones wrote, and what nobody should."""

from __future__ import annotations

import struct
from dataclasses import dataclass

I386, AMD64, ARM64 = 0x14C, 0x8664, 0xAA64
DLL = 0x2000
BASE = 0x10000000
ADDRESS, OFFSET = 0x1000, 0x400
"""Where the only section is in memory and in the file."""
CODE = 0x10
"""What exports are at, for nobody calls them."""
DOS = 0x80
EXPORT, IMPORT, RESOURCE, SECURITY, DEBUG, LOAD_CONFIG, DELAY_IMPORT, CLR = 0, 1, 2, 4, 6, 10, 13, 14

Imports = tuple[tuple[str, tuple[str | int, ...]], ...]
"""DLLs, each with the names and the ordinals of symbols."""


class Blob:
    """The content of a section, to which things are added."""

    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, data: bytes, alignment: int = 8) -> int:
        """Add bytes and return their RVA."""
        self.data += bytes(-len(self.data) % alignment)
        self.data += data
        return ADDRESS + len(self.data) - len(data)

    def text(self, text: str | bytes) -> int:
        return self.put((text if isinstance(text, bytes) else text.encode()) + b"\0", 2)


@dataclass(kw_only=True)
class Pe:
    """An image to be built; a forwarder is an export (name or None, ``"module.function"``), any other one has None as its second item."""

    machine: int = AMD64
    magic: int | None = None
    characteristics: int = DLL | 0x22
    subsystem: int = 2
    imports: Imports = ()
    only_thunks: bool = False
    delay_imports: Imports = ()
    virtual_delays: bool = False
    exports: tuple[tuple[str | None, str | None], ...] | None = None
    base: int = 1
    export_name: str = "made.dll"
    load_config: bytes = b""
    resources: bytes = b""
    clr_flags: int | None = None
    certificate: bytes = b""
    overlay: bytes = b""
    directories: tuple[tuple[int, int, int], ...] = ()
    virtual_size: int | None = None

    @property
    def plus(self) -> bool:
        return (self.magic or (0x10B if self.machine == I386 else 0x20B)) == 0x20B

    def build(self) -> bytes:
        blob, places = Blob(), {}
        if self.imports:
            places[IMPORT] = self._imports(blob)
        if self.delay_imports:
            places[DELAY_IMPORT] = self._delay_imports(blob)
        if self.load_config:
            places[LOAD_CONFIG] = blob.put(self.load_config), len(self.load_config)
        if self.resources:
            places[RESOURCE] = blob.put(self.resources), len(self.resources)
        if self.clr_flags is not None:
            places[CLR] = blob.put(struct.pack("<IHHIII", 72, 2, 5, 0, 0, self.clr_flags).ljust(72, b"\0")), 72
        if self.exports is not None:
            places[EXPORT] = self._exports(blob, self.exports)
        content = bytes(blob.data).ljust(0x10, b"\0")
        raw = content + bytes(-len(content) % 0x200)
        if self.certificate:
            places[SECURITY] = OFFSET + len(raw) + len(self.overlay), len(self.certificate)
        places |= {number: (address, size) for number, address, size in self.directories}
        return self._headers(content, raw, places).ljust(OFFSET, b"\0") + raw + self.overlay + self.certificate

    def _headers(self, content: bytes, raw: bytes, places: dict[int, tuple[int, int]]) -> bytes:
        directories = b"".join(struct.pack("<II", *places.get(number, (0, 0))) for number in range(16))
        fixed = struct.pack("<HBBIIIII", self.magic or (0x20B if self.plus else 0x10B), 14, 36, 0, len(raw), 0, 0, ADDRESS)
        fixed += struct.pack("<Q", BASE) if self.plus else struct.pack("<II", ADDRESS, BASE)
        memory = ADDRESS + (self.virtual_size or len(content))
        fixed += struct.pack("<II6HIIIIHH", 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, -(-memory // 0x1000) * 0x1000, OFFSET, 0, self.subsystem, 0x160)
        fixed += struct.pack("<4QII" if self.plus else "<4III", 1 << 20, 1 << 12, 1 << 20, 1 << 12, 0, 16)
        optional = fixed + directories
        coff = struct.pack("<HHIIIHH", self.machine, 1, 0, 0, 0, len(optional), self.characteristics)
        virtual_size = len(content) if self.virtual_size is None else self.virtual_size
        section = struct.pack("<8sIIIIIIHHI", b".rdata", virtual_size, ADDRESS, len(raw), OFFSET, 0, 0, 0, 0, 0x40000040)
        return (b"MZ" + bytes(58) + struct.pack("<I", DOS)).ljust(DOS, b"\0") + b"PE\0\0" + coff + optional + section

    def _thunks(self, blob: Blob, symbols: tuple[str | int, ...], base: int = 0) -> bytes:
        size = 8 if self.plus else 4
        values = [
            symbol | 1 << (8 * size - 1) if isinstance(symbol, int) else base + blob.put(b"\0\0" + symbol.encode() + b"\0", 2) for symbol in symbols
        ]
        return b"".join(value.to_bytes(size, "little") for value in (*values, 0))

    def _imports(self, blob: Blob) -> tuple[int, int]:
        rows = []
        for name, symbols in self.imports:
            thunks = self._thunks(blob, symbols)
            lookup = 0 if self.only_thunks else blob.put(thunks)
            rows.append(struct.pack("<5I", lookup, 0, 0, blob.text(name), blob.put(thunks)))
        table = b"".join(rows) + bytes(20)
        return blob.put(table), len(table)

    def _delay_imports(self, blob: Blob) -> tuple[int, int]:
        rows, base = [], BASE if self.virtual_delays else 0
        for name, symbols in self.delay_imports:
            thunks = self._thunks(blob, symbols, base)
            places = [base + place for place in (blob.text(name), blob.put(bytes(8)), blob.put(thunks), blob.put(thunks))]
            rows.append(struct.pack("<8I", not base, *places, 0, 0, 0))
        table = b"".join(rows) + bytes(32)
        return blob.put(table), len(table)

    def _exports(self, blob: Blob, exports: tuple[tuple[str | None, str | None], ...]) -> tuple[int, int]:
        names = sorted((name.encode(), number) for number, (name, _) in enumerate(exports) if name is not None)
        start = blob.put(bytes(40))
        functions = blob.put(b"".join([struct.pack("<I", CODE if target is None else blob.text(target)) for _, target in exports]), 4)
        pointers = blob.put(b"".join([struct.pack("<I", blob.text(name)) for name, _ in names]), 4)
        ordinals = blob.put(b"".join(struct.pack("<H", number) for _, number in names), 4)
        own = blob.text(self.export_name)
        row = struct.pack("<IIHH7I", 0, 0, 0, 0, own, self.base, len(exports), len(names), functions, pointers, ordinals)
        blob.data[start - ADDRESS : start - ADDRESS + 40] = row
        return start, ADDRESS + len(blob.data) - start


def manifest_resource(*manifests: bytes, number: int = 24, address: int = ADDRESS) -> bytes:
    """Build a .rsrc section of manifests, in as many languages, that will be at ``address``."""
    head = struct.pack("<12xHHII", 0, 1, number, 1 << 31 | 24)  # the type
    head += struct.pack("<12xHHII", 0, 1, 2, 1 << 31 | 48)  # the name
    head += struct.pack("<12xHH", 0, len(manifests))  # the languages
    data = 64 + 8 * len(manifests)
    content = data + 16 * len(manifests)
    head += b"".join(struct.pack("<II", 1033 + index, data + 16 * index) for index in range(len(manifests)))
    for manifest in manifests:
        head += struct.pack("<IIII", address + content, len(manifest), 0, 0)
        content += len(manifest)
    return head + b"".join(manifests)


def load_config(*, plus: bool = True, dependent_load_flags: int = 0, chpe: int = 0) -> bytes:
    size = 208 if plus else 128
    data = bytearray(size)
    struct.pack_into("<I", data, 0, size)
    struct.pack_into("<H", data, 78 if plus else 54, dependent_load_flags)
    if plus:
        struct.pack_into("<Q", data, 200, chpe)
    return bytes(data)
