"""Export directories and forwarders."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepe import ADDRESS, EXPORT, OFFSET, Pe

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe import exports as module
from nativewheel.formats.pe.exports import Forwarder, read_directory, read_exports, read_forwarders
from nativewheel.formats.pe.headers import Rva, opened

NAMES = st.text(alphabet="abcXYZ_09?@", min_size=1, max_size=20)
TARGETS = st.none() | st.tuples(NAMES, NAMES | st.integers(0, 99).map("#{}".format)).map(".".join)


@given(st.dictionaries(NAMES, TARGETS, max_size=8), st.lists(TARGETS, max_size=4), st.integers(0, 1000))
def test_exports_are_read_as_they_were_written(named: dict[str, str | None], nameless: list[str | None], base: int) -> None:
    exports = (*named.items(), *((None, target) for target in nameless))
    with opened(Pe(exports=exports, base=base, export_name="Own.dll").build()) as pe:
        found = {export.ordinal: export for export in read_exports(pe)}
        forwarders = {forwarder.field: forwarder for forwarder in read_forwarders(pe)}
        directory = read_directory(pe)
        assert directory is not None
        assert (directory.name, directory.base) == (b"Own.dll", base)
        assert pe.string(directory.name_address, 20, "it") == b"Own.dll"
        assert len(found) == len(exports)
        for number, (name, target) in enumerate(exports):
            export = found[base + number]
            assert (export.name, export.forwarded) == (name.encode() if name is not None else None, target is not None)
            forwarder = forwarders.get(Rva(directory.functions_address + 4 * number))
            assert (forwarder.text.decode() if forwarder else None) == target
            if forwarder:
                assert export.address == forwarder.address
                assert pe.string(forwarder.address, 99, "it") == forwarder.text


@pytest.mark.parametrize(
    ("text", "module_name", "function"),
    [
        ("NTDLL.RtlAlloc", "NTDLL.dll", "RtlAlloc"),
        ("foo.#12", "foo.dll", "#12"),
        ("foo.dll.add", "foo.dll", "add"),
        ("libfoo-1.2.add", "libfoo-1.2", "add"),
        ("driver.drv.Open", "driver.drv", "Open"),
    ],
)
def test_the_module_of_a_forwarder(text: str, module_name: str, function: str) -> None:
    forwarder = Forwarder(field=Rva(0), address=Rva(0), text=text.encode())
    assert (forwarder.module.decode(), forwarder.function.decode()) == (module_name, function)


def test_no_exports() -> None:
    with opened(Pe().build()) as pe:
        assert read_directory(pe) is None
        assert list(read_exports(pe)) == []
        assert read_forwarders(pe) == ()
    with opened(Pe(exports=()).build()) as pe:
        assert list(read_exports(pe)) == []


def directory(content: bytes = b"", *, own: int = 0, functions: int = 0, names: int = 0, tables: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """Make an image whose section begins with an export directory, with ``content`` 40 bytes behind."""
    rows = struct.pack("<IIHH7I", 0, 0, 0, 0, own, 1, functions, names, *tables) + content
    rows += bytes(-len(rows) % 0x200)
    data = Pe(virtual_size=len(rows), directories=((EXPORT, ADDRESS, len(rows)),)).build()
    size = data.index(b".rdata") + 16
    return data[:size] + struct.pack("<I", len(rows)) + data[size + 4 : OFFSET] + rows


PLACE = ADDRESS + 40


def test_gaps_and_aliases() -> None:
    functions, ordinals, names = struct.pack("<III", 0x5000, 0, 0x6000), struct.pack("<HHHH", 0, 1, 0, 2), struct.pack("<4I", *[PLACE + 36] * 4)
    data = directory(functions + names + ordinals + b"abc", functions=3, names=4, tables=(PLACE, PLACE + 12, PLACE + 28))
    with opened(data) as pe:
        exports = [(export.name, export.ordinal, export.address) for export in read_exports(pe)]
    assert exports == [(b"abc", 1, 0x5000), (b"abc", 1, 0x5000), (b"abc", 3, 0x6000)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Pe(directories=((EXPORT, 0x5000, 40),)).build(), "export directory is outside"),
        (directory(functions=1 << 17), "131072 exports"),
        (directory(names=1 << 17), "with 131072 names"),
        (directory(own=0x7000), "name in the export directory is outside"),
        (directory(functions=1, tables=(0x7000, 0, 0)), "table of exports is outside"),
        (directory(functions=1 << 16, tables=(ADDRESS, 0, 0)), "table of exports reaches past"),
        (directory(bytes(8), names=1, tables=(0, PLACE, PLACE)), "name of an export that is not there"),
        (directory(bytes(4) + b"\1\0", functions=1, names=1, tables=(PLACE, PLACE, PLACE + 4)), "name of an export that is not there"),
        (
            directory(struct.pack("<II", 0x5000, 0x7000) + b"\0\0", functions=1, names=1, tables=(PLACE, PLACE + 4, PLACE + 8)),
            "of an export is outside",
        ),
        (directory(struct.pack("<I", PLACE + 4) + b"nodot", functions=1, tables=(PLACE, 0, 0)), "names no DLL"),
        (directory(struct.pack("<I", PLACE + 4) + b".add", functions=1, tables=(PLACE, 0, 0)), "names no DLL"),
        (directory(struct.pack("<I", PLACE + 4) + b"x" * (0x200 - 44), functions=1, tables=(PLACE, 0, 0)), "names no DLL"),
    ],
)
def test_hostile_directories(data: bytes, message: str) -> None:
    with opened(data) as pe, pytest.raises(UnreadableError, match=message):
        assert [*read_forwarders(pe), *read_exports(pe)]


@pytest.mark.parametrize(("read", "message"), [(read_exports, "longer names"), (read_forwarders, "names no DLL")])
def test_long_names(read: object, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Pe(exports=(("ab", "c.d"), ("cd", "e.f"))).build()
    assert callable(read)
    with opened(data) as pe:
        monkeypatch.setattr(module, "TEXT_BUDGET", 6)
        assert len(tuple(read(pe))) == 2
        monkeypatch.setattr(module, "TEXT_BUDGET", 3)
        with pytest.raises(UnreadableError, match=message):
            tuple(read(pe))


def test_names_that_overlap_take_bounded_time() -> None:
    count = (1 << 16) - 2
    names = b"".join(struct.pack("<I", PLACE + 4 + 6 * count + offset) for offset in range(count))
    content = struct.pack("<I", 0x5000) + names + bytes(2 * count) + b"x" * count
    data = directory(content, functions=1, names=count, tables=(PLACE, PLACE + 4, PLACE + 4 + 4 * count))
    start = time.process_time()
    with opened(data) as pe, pytest.raises(UnreadableError, match="longer names"):
        for _ in read_exports(pe):
            pass
    assert time.process_time() - start < 2
