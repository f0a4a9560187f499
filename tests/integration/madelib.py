"""Archives, import libraries and COFF objects that are put together byte by byte."""

from __future__ import annotations

import struct

MAGIC = b"!<arch>\n"
AMD64 = 0x8664


def member(name: bytes, content: bytes) -> bytes:
    return name.ljust(16) + b"1700000000  0     0     100644  " + b"%-10d`\n" % len(content) + content + b"\n"[: len(content) % 2]


def archive(members: list[tuple[bytes, bytes, list[bytes]]], *, microsoft: bool) -> bytes:
    """Build an archive of (name, content, symbols); names that do not fit into headers go into the member for them."""
    table, end = b"", b"\0" if microsoft else b"/\n"
    places: dict[bytes, bytes] = {}
    for name, _, _ in members:
        if name not in places:
            places[name] = name + b"/" if len(name) < 16 else b"/%d" % len(table)
            table += name + end if len(name) > 15 else b""
    names = member(b"//", table) if table else b""
    symbols = [(symbol, number) for number, (_, _, defined) in enumerate(members) for symbol in defined]
    text = b"".join(symbol + b"\0" for symbol, _ in symbols)
    ordered = sorted(symbols)
    bodies = [member(places[name], content) for name, content, _ in members]

    def indexes(offsets: list[int]) -> bytes:
        first = struct.pack(f">I{len(symbols)}I", len(symbols), *(offsets[number] for _, number in symbols)) + text
        second = struct.pack(f"<I{len(offsets)}I", len(offsets), *offsets)
        second += struct.pack(f"<I{len(ordered)}H", len(ordered), *(number + 1 for _, number in ordered)) + b"".join(
            symbol + b"\0" for symbol, _ in ordered
        )
        return b"".join(member(b"/", index + bytes(len(index) % 2)) for index in ((first, second) if microsoft else (first,)))

    start = len(MAGIC + indexes([0] * len(members)) + names)
    offsets = [start + sum(map(len, bodies[:number])) for number in range(len(bodies))]
    return MAGIC + indexes(offsets) + names + b"".join(bodies)


def short(symbol: bytes, dll: bytes, *, more: bytes = b"", ordinal: int = 0, kind: int = 4) -> bytes:
    data = symbol + b"\0" + dll + b"\0" + more
    return struct.pack("<HHHHIIHH", 0, 0xFFFF, 0, AMD64, 1700000000, len(data), ordinal, kind) + data


def coff(sections: list[tuple[bytes, bytes, bytes]], symbols: list[tuple[bytes, int, int, bytes]]) -> bytes:
    """Build an object of sections (name, content, relocations) and symbols (name, section, storage class, auxiliary records)."""
    start = 20 + 40 * len(sections)
    headers, body, strings, records = b"", b"", b"", b""
    for name, content, relocations in sections:
        places = (start + len(body) if content else 0, start + len(body) + len(content) if relocations else 0)
        headers += struct.pack("<8sIIIIIIHHI", name, 0, 0, len(content), *places, 0, len(relocations) // 10, 0, 0xC0300040)
        body += content + relocations
    for name, section, storage, auxiliary in symbols:
        field = name.ljust(8, b"\0") if len(name) < 9 else struct.pack("<II", 0, 4 + len(strings))
        strings += name + b"\0" if len(name) > 8 else b""
        records += field + struct.pack("<IhHBB", 0, section, 0, storage, len(auxiliary) // 18) + auxiliary
    header = struct.pack("<HHIIIHH", AMD64, len(sections), 0, start + len(body), len(records) // 18, 0, 0)
    return header + headers + body + records + struct.pack("<I", 4 + len(strings)) + strings


def microsoft_library(dll: bytes) -> bytes:
    """Build what MSVC writes for a DLL that exports ``add`` and ``data``."""
    stem = dll.rpartition(b".")[0]
    descriptor, null = b"__IMPORT_DESCRIPTOR_" + stem, b"\x7f" + stem + b"_NULL_THUNK_DATA"
    first = coff(
        [(b".idata$2", bytes(20), bytes(30)), (b".idata$6", dll + bytes(1 + (len(dll) + 1) % 2), b"")],
        [(descriptor, 1, 2, b""), (b".idata$2", 1, 104, b""), (b".idata$6", 2, 3, b""), (null, 0, 2, b"")],
    )
    last = coff([(b".idata$5", bytes(8), b""), (b".idata$4", bytes(8), b"")], [(null, 1, 2, b"")])
    return archive(
        [
            (dll, first, [descriptor]),
            (dll, last, [null]),
            (dll, short(b"add", dll), [b"__imp_add", b"add"]),
            (dll, short(b"data", dll, more=b"alias\0", ordinal=7, kind=17), [b"__imp_data"]),
        ],
        microsoft=True,
    )


def gnu_library(dll: bytes, head: bytes, name: bytes) -> bytes:
    """Build what dlltool writes for a DLL that exports ``add``, with these symbols for the first and the last object."""
    first = coff([(b".idata$2", bytes(20), bytes(30)), (b".idata$5", b"", b""), (b".idata$4", b"", b"")], [(head, 1, 2, b""), (name, 0, 2, b"")])
    add = coff([(b".text", b"\xff\x25\0\0\0\0\x90\x90", bytes(10)), (b".idata$7", bytes(4), bytes(10))], [(b"add", 1, 2, b""), (head, 0, 2, b"")])
    content = dll + bytes(1 + (len(dll) + 1) % 2)
    sized = struct.pack("<IHHIHB3x", len(content), 0, 0, 0, 0, 0)
    last = coff(
        [(b".idata$4", bytes(8), b""), (b".idata$7", content, b"")],
        [(b".idata$7", 2, 3, sized), (name, 2, 2, b"")],
    )
    return archive([(b"made_h.o", first, [head]), (b"made_s00000.o", add, [b"add"]), (b"made_t.o", last, [name])], microsoft=False)
