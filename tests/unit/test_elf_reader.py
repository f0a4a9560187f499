"""Reading ELF images that are put together byte by byte: every word size and byte order, odd content, and hostile content."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Literal

import pytest

from nativewheel.errors import UnreadableError
from nativewheel.formats import exports, imports, read
from nativewheel.formats.image import Arch, Dependency, Identity, IsaLevel, Kind, Libc, Symbol

BASE = 0x400000
Order = Literal["<", ">"]
Patch = tuple[str, int, bytes]


@dataclass(kw_only=True)
class Elf:
    """An image to be built; everything lies in one segment, at addresses that are no file offsets."""

    machine: int = 62
    wide: bool = True
    order: Order = "<"
    type: int = 3
    flags: int = 0
    needed: tuple[str, ...] = ("libc.so.6",)
    names: dict[int, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    symbols: tuple[tuple[str, int, int, int], ...] = ()  # name, info, section, version
    needs: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    interpreter: bytes = b""
    note: bytes = b""
    attributes: bytes = b""
    places: dict[str, int] = field(default_factory=dict)

    def pack(self, form: str, *values: int) -> bytes:
        return struct.pack(self.order + form, *values)

    def build(self) -> bytes:
        word, head = ("Q", 64) if self.wide else ("I", 52)
        strings = b"\0"
        offsets: dict[str, int] = {}
        texts = [*self.needed, *self.names.values(), *(row[0] for row in self.symbols)]
        for text in (*texts, *(name for file, versions in self.needs for name in (file, *(version for version, _ in versions)))):
            if text not in offsets:
                offsets[text] = len(strings)
                strings += text.encode() + b"\0"
        offsets[""] = 0
        body = bytearray(head + 5 * (56 if self.wide else 32))

        def put(name: str, data: bytes) -> int:
            body.extend(bytes(-len(body) % 8))
            self.places[name] = len(body)
            body.extend(data)
            return BASE + self.places[name]

        symbols = [("", 0, 0, 0), *self.symbols]
        tags = [(1, offsets[name]) for name in self.needed] + [(tag, offsets[name]) for tag, name in self.names.items()]
        tags += [
            (5, put("strings", strings)),
            (10, len(strings)),
            (6, put("symbols", b"".join(self.symbol(offsets[row[0]], row) for row in symbols))),
        ]
        tags.append((4, put("hash", self.pack("IIII", 1, len(symbols), 0, 0))))
        tags.append((0x6FFFFFF0, put("versions", b"".join(self.pack("H", row[3]) for row in symbols))))
        if self.needs:
            tags.append((0x6FFFFFFE, put("needs", self.verneed(offsets))))
        tags += self.numbers.items()
        dynamic = b"".join(self.pack(2 * word, *tag) for tag in (*tags, (0, 0)))
        put("dynamic", dynamic)
        put("interpreter", self.interpreter)
        put("note", self.note)
        put("attributes", self.attributes)
        sections = put("sections", self.section()) - BASE if self.attributes else 0
        segments = self.segment(1, 0, len(body)) + self.segment(2, self.places["dynamic"], len(dynamic))
        segments += self.segment(3 if self.interpreter else 0, self.places["interpreter"], len(self.interpreter))
        segments += self.segment(0x6474E553 if self.note else 0, self.places["note"], len(self.note))
        body[head : head + len(segments)] = segments
        sizes = (head, 56 if self.wide else 32, 4, 64 if self.wide else 40, 1 if sections else 0, 0)
        body[16:head] = self.pack(f"HHI{3 * word}I6H", self.type, self.machine, 1, 0, head, sections, self.flags, *sizes)
        body[:16] = b"\x7fELF" + bytes((2 if self.wide else 1, 1 if self.order == "<" else 2, 1)) + bytes(9)
        return bytes(body)

    def symbol(self, name: int, row: tuple[str, int, int, int]) -> bytes:
        _, info, section, _ = row
        return self.pack("IBBHQQ", name, info, 0, section, 0, 0) if self.wide else self.pack("IIIBBH", name, 0, 0, info, 0, section)

    def segment(self, kind: int, offset: int, size: int) -> bytes:
        if self.wide:
            return self.pack("IIQQQQQQ", kind, 4, offset, BASE + offset, BASE + offset, size, size, 8)
        return self.pack("8I", kind, offset, BASE + offset, BASE + offset, size, size, 4, 8)

    def section(self) -> bytes:
        form = "IIQQQQIIQQ" if self.wide else "10I"
        return self.pack(form, 0, 0x70000003, 0, 0, self.places["attributes"], len(self.attributes), 0, 0, 1, 0)

    def verneed(self, offsets: dict[str, int]) -> bytes:
        table = b""
        for number, (file, versions) in enumerate(self.needs, 1):
            following = 0 if number == len(self.needs) else 16 + 16 * len(versions)
            table += self.pack("HHIII", 1, len(versions), offsets[file], 16, following)
            for count, (version, index) in enumerate(versions, 1):
                table += self.pack("IHHII", 0, 0, index, offsets[version], 0 if count == len(versions) else 16)
        return table


FUNCTION, WEAK, LOCAL = 0x12, 0x22, 0x02


@pytest.mark.parametrize(
    ("machine", "wide", "order", "arch"),
    [
        (62, True, "<", Arch.X86_64),
        (3, False, "<", Arch.I686),
        (183, True, "<", Arch.AARCH64),
        (21, True, ">", Arch.PPC64),
        (21, True, "<", Arch.PPC64LE),
        (22, True, ">", Arch.S390X),
        (243, True, "<", Arch.RISCV64),
        (258, True, "<", Arch.LOONGARCH64),
    ],
)
def test_word_sizes_and_byte_orders(machine: int, arch: Arch, order: Order, *, wide: bool) -> None:
    elf = Elf(
        machine=machine,
        wide=wide,
        order=order,
        needed=("libc.so.6", "libz.so.1", "libc.so.6"),
        names={14: "libx.so.1", 15: "/host:$ORIGIN:"},
        symbols=(("malloc", FUNCTION, 0, 2), ("opt", WEAK, 0, 1), ("mine", FUNCTION, 5, 1), ("hidden", LOCAL, 5, 0)),
        needs=(("libc.so.6", (("GLIBC_2.17", 2), ("GLIBC_2.34", 3))),),
    )
    data = elf.build()
    image = read(data, "libx.so.1")
    assert image.archs == (arch,)
    assert (image.kind, image.libc, image.identity) == (Kind.LIBRARY, Libc.GLIBC, "libx.so.1")
    assert image.dependencies == (
        Dependency(name=Identity("libc.so.6"), versions=("GLIBC_2.17", "GLIBC_2.34")),
        Dependency(name=Identity("libz.so.1")),
    )
    assert (image.rpaths, image.inherited_rpaths) == (("/host", "$ORIGIN", ""), True)
    assert imports(data) == (
        Symbol(name="malloc", version="GLIBC_2.17", library=Identity("libc.so.6")),
        Symbol(name="opt", weak=True),
    )
    assert exports(data) == (Symbol(name="mine"),)


@pytest.mark.parametrize(
    ("elf", "message"),
    [
        (Elf(wide=False), r"x86-64 \(32-bit, little-endian\), for which no wheel platform exists"),
        (Elf(machine=8, wide=False, order=">"), "MIPS"),
        (Elf(machine=183, order=">"), "AArch64 .64-bit, big-endian"),
        (Elf(machine=999), "machine 999"),
        (Elf(machine=40, wide=False, flags=0x05000200), "ARM calling convention that is unsupported"),
        (Elf(machine=40, wide=False, flags=0x04000400), "ARM calling convention that is unsupported"),
        (Elf(machine=40, wide=False, flags=0x05000000), "ARM calling convention that is unsupported"),
    ],
)
def test_machines_without_a_wheel_platform(elf: Elf, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        read(elf.build(), "x.so")


def arm_attributes(*pairs: int) -> bytes:
    cpu_name = b"\x05name\0"
    file = cpu_name + bytes(pairs)
    body = b"aeabi\0\x01" + struct.pack("<I", 5 + len(file)) + file
    return b"A" + struct.pack("<I", 4 + len(body)) + body


@pytest.mark.parametrize(
    ("flags", "attributes", "arch"),
    [
        (0x05000400, b"", Arch.ARMV7L),
        (0x05000400, arm_attributes(6, 10, 28, 1), Arch.ARMV7L),
        (0x05000400, arm_attributes(6, 6, 28, 1), Arch.ARMV6L),
        (0x05000400, arm_attributes(32, 1, ord("g"), 0, 6, 9), Arch.ARMV6L),
        (0x05000000, arm_attributes(6, 10, 28, 1), Arch.ARMV7L),
        (0x05000400, b"A\xff\xff\xff\xffaeabi\0\1", Arch.ARMV7L),
    ],
)
def test_arm_attributes(flags: int, attributes: bytes, arch: Arch) -> None:
    assert read(Elf(machine=40, wide=False, flags=flags, attributes=attributes).build(), "x.so").archs == (arch,)


def test_runpath_wins_over_rpath() -> None:
    image = read(Elf(names={15: "/rpath", 29: "$ORIGIN/a:/b"}).build(), "x.so")
    assert (image.rpaths, image.inherited_rpaths) == (("$ORIGIN/a", "/b"), False)


def test_version_needs_of_a_library_that_is_not_needed_are_kept_apart() -> None:
    needs = (("libm.so.6", (("GLIBC_2.29", 2),)), ("libc.so.6", (("GLIBC_2.5", 3),)))
    image = read(Elf(needs=needs).build(), "x.so")
    assert image.dependencies == (Dependency(name=Identity("libc.so.6"), versions=("GLIBC_2.5",)),)
    assert image.unlisted == (Dependency(name=Identity("libm.so.6"), versions=("GLIBC_2.29",)),)


@pytest.mark.parametrize(
    ("elf", "name", "libc"),
    [
        (Elf(needed=(), interpreter=b"/lib/ld-musl-x86_64.so.1\0"), "x", Libc.MUSL),
        (Elf(needed=(), interpreter=b"/lib64/ld64.so.1\0"), "x", Libc.GLIBC),
        (Elf(needed=("libc.musl-x86_64.so.1",)), "x.so", Libc.MUSL),
        (Elf(needed=("libc.so",)), "x.so", Libc.MUSL),
        (Elf(needed=("libc.so",), needs=(("libc.so", (("LIBC", 2),)),)), "x.so", None),
        (Elf(needed=("libm.so.6",), needs=(("libm.so.6", (("GLIBC_2.29", 2),)),)), "x.so", Libc.GLIBC),
        (Elf(needed=()), "x.cpython-312-aarch64-linux-musl.so", Libc.MUSL),
        (Elf(needed=()), "x.cpython-39-arm-linux-musleabihf.so", Libc.MUSL),
        (Elf(needed=()), "x.cpython-313t-x86_64-linux-gnu.so", Libc.GLIBC),
        (Elf(needed=()), "x.cpython-310-x86_64-linux-gnu.so", None),
        (Elf(needed=()), "x.pypy310-pp73-x86_64-linux-gnu.so", None),
        (Elf(needed=()), "x.abi3.so", None),
    ],
)
def test_libc(elf: Elf, name: str, libc: Libc | None) -> None:
    assert read(elf.build(), name).libc is libc


@pytest.mark.parametrize(
    ("elf", "name", "kind"),
    [
        (Elf(symbols=(("PyInit_x", FUNCTION, 5, 1),)), "x.so", Kind.EXTENSION),
        (Elf(symbols=(("PyInit_other", FUNCTION, 5, 1),)), "x.abi3.so", Kind.EXTENSION),
        (Elf(symbols=(("PyInitU_eckzahn_pga", FUNCTION, 5, 1),)), "eckzähne.so", Kind.EXTENSION),
        (Elf(symbols=(("initx", FUNCTION, 5, 1),)), "x.so", Kind.EXTENSION),
        (Elf(symbols=(("_cffi_pypyinit_x", FUNCTION, 5, 1),)), "x.pypy-41.so", Kind.EXTENSION),
        (Elf(symbols=(("PyInit_x", FUNCTION, 0, 1),)), "x.so", Kind.LIBRARY),  # only wanted
        (Elf(symbols=(("inity", FUNCTION, 5, 1),)), "x.so", Kind.LIBRARY),
        (Elf(symbols=(("PyInitialize", FUNCTION, 5, 1),)), "x.so", Kind.LIBRARY),
        (Elf(symbols=(("PyInit__io", FUNCTION, 5, 1),), names={14: "libpython3.11.so"}), "libpython3.11.so", Kind.LIBRARY),
        (Elf(type=2, interpreter=b"/lib64/ld-linux-x86-64.so.2\0"), "x", Kind.PROGRAM),
        (Elf(numbers={0x6FFFFFFB: 0x08000000}), "x", Kind.PROGRAM),
        (Elf(interpreter=b"/lib64/ld-linux-x86-64.so.2\0"), "x", Kind.PROGRAM),
        (Elf(interpreter=b"/lib64/ld-linux-x86-64.so.2\0", names={14: "libc.so.6"}), "libc.so.6", Kind.LIBRARY),
        (Elf(interpreter=b"/lib/l\0", numbers={21: 0}, symbols=(("PyInit_x", FUNCTION, 5, 1),)), "x.so", Kind.PROGRAM),
    ],
)
def test_kind(elf: Elf, name: str, kind: Kind) -> None:
    assert read(elf.build(), name).kind is kind


def isa_note(bits: int, *, cut: int = 0) -> bytes:
    properties = struct.pack("<IIII", 0xC0000002, 4, 3, 0) + struct.pack("<IIII", 0xC0008002, 4, bits, 0)
    return struct.pack("<III4s", 4, len(properties) + cut, 5, b"GNU\0") + properties


@pytest.mark.parametrize(
    ("note", "level"),
    [
        (isa_note(1), IsaLevel.BASELINE),
        (isa_note(3), IsaLevel.V2),
        (isa_note(4), IsaLevel.V3),
        (isa_note(15), IsaLevel.V4),
        (isa_note(8, cut=9), IsaLevel.BASELINE),
        (b"\xff" * 40, IsaLevel.BASELINE),
    ],
)
def test_isa_level(note: bytes, level: IsaLevel) -> None:
    assert read(Elf(note=note).build(), "x.so").isa is level


def test_isa_bits_mean_nothing_on_other_machines() -> None:
    assert read(Elf(machine=183, note=isa_note(8)).build(), "x.so").isa is IsaLevel.BASELINE


def test_names_that_are_not_utf8_are_escaped() -> None:
    data = Elf(needed=("libx.so",)).build().replace(b"libx.so", b"lib\xff.so")
    assert read(data, "x.so").dependencies[0].name == r"lib\xff.so"


HUGE = struct.pack("<Q", 1 << 63)


@pytest.mark.parametrize(
    ("patches", "message"),
    [
        ([("", 4, b"\x03")], "unknown ELF class 3"),
        ([("", 32, HUGE)], "program headers reach past the end"),
        ([("", 54, b"\x20\0")], "program headers of 32 bytes"),
        ([("", 56, b"\xff\xff")], "too many program headers"),
        ([("", 56, b"\xfe\xff")], "program headers reach past the end"),
        ([("", 64 + 32, HUGE)], "shorter than its segments"),
        ([("", 64 + 56 + 16, HUGE)], "the dynamic section is not in a segment"),
        ([("dynamic", 8, HUGE)], "a DT_NEEDED name is outside its string table"),
        ([("dynamic", 5 * 16 + 8, HUGE)], "DT_HASH.* is not in a segment"),
        ([("dynamic", 2 * 16 + 8, HUGE)], "DT_STRTAB.* is not in a segment"),
        ([("dynamic", 3 * 16 + 8, HUGE)], "DT_STRTAB.* reaches past the end of its segment"),
        ([("dynamic", 3 * 16 + 8, struct.pack("<Q", 3))], "does not end within"),
        ([("dynamic", 8 * 16, b"\1")], r"no end \(DT_NULL\)"),
        ([("hash", 4, b"\xff\xff\xff\xff")], "DT_SYMTAB.* reaches past the end of its segment"),
        ([("needs", 12, b"\xff\xff\xff\xff")], "version record is outside"),
        ([("needs", 8, b"\xff\xff\xff\x7f")], "version record is outside"),
        ([("needs", 16 + 8, b"\xff\xff\xff\x7f")], "name of a wanted version is outside"),
        ([("symbols", 24, b"\xff\xff\xff\x7f")], "name of a symbol is outside"),
    ],
)
def test_hostile(patches: list[Patch], message: str) -> None:
    elf = Elf(names={14: "libx.so"}, symbols=(("PyInit_x", FUNCTION, 5, 1),), needs=(("libc.so.6", (("GLIBC_2.5", 2),)),))
    data = bytearray(elf.build())
    for place, step, value in patches:
        start = elf.places.get(place, 0) + step
        data[start : start + len(value)] = value

    def read_all() -> None:
        read(bytes(data), "x.so")
        exports(bytes(data))

    with pytest.raises(UnreadableError, match=message):
        read_all()


def test_a_chain_of_version_records_cannot_run_on() -> None:
    elf = Elf(needs=(("libc.so.6", (("GLIBC_2.5", 2),)),))
    elf.build()
    record = struct.pack("<HHIII", 1, 1, 1, 8, 8)  # each record is its own auxiliary record and is followed 8 bytes later
    data = Elf(needs=elf.needs, note=record[:8] * (1 << 17)).build()
    place = data.index(record[:8] * 4)
    address = data.index(struct.pack("<Q", 0x6FFFFFFE)) + 8
    data = data[:address] + struct.pack("<Q", BASE + place) + data[address + 8 :]
    with pytest.raises(UnreadableError, match=r"version (record|need)|wanted version"):
        read(data, "x.so")


def test_every_truncation_is_refused() -> None:
    data = Elf(needs=(("libc.so.6", (("GLIBC_2.5", 2),)),)).build()
    for length in range(len(data)):
        with pytest.raises(UnreadableError):
            read(data[:length], "x.so")
