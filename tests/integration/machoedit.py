"""Change samples into what Apple's linkers write and those here do not."""

from __future__ import annotations

import hashlib
import struct

from machochain import POINTER_64, POINTER_64_OFFSET
from machofile import DYLIBS, LC_CHAINED, LC_CODE_SIGNATURE, LC_DYLD_INFO, LC_TRIE, MachO


def with_reexports(data: bytes, keep: set[str], reexports: dict[str, tuple[int, str]]) -> bytes:
    """Return an image that exports what to ``keep`` and names (ordinal, import name) of its libraries, in the room of its old trie."""
    image = MachO(data)
    payloads = {name: _uleb(image.exports[name].flags) + _uleb(image.exports[name].address) for name in keep}
    payloads |= {name: _uleb(8) + _uleb(ordinal) + imported.encode() + b"\0" for name, (ordinal, imported) in reexports.items()}
    offset, size = next(struct.unpack_from("<2I", data, at) for at in _trie_fields(image))
    trie = encode(payloads)
    assert len(trie) <= size, "the old trie has too little room"
    changed = bytearray(data)
    changed[offset : offset + size] = trie.ljust(size, b"\0")
    hash_again(changed, image)
    return bytes(changed)


def with_offsets(data: bytes) -> bytes:
    """Return an image whose chained pointers are offsets from the header; they stay as they are, as the image is linked for address 0."""
    image = MachO(data)
    assert image.preferred == 0
    offset = next(struct.unpack_from("<I", data, at + 8)[0] for command, at, _ in image.commands if command == LC_CHAINED)
    (starts,) = struct.unpack_from("<I", data, offset + 4)
    changed = bytearray(data)
    for index in range(len(image.segments)):
        (where,) = struct.unpack_from("<I", data, offset + starts + 4 + 4 * index)
        if where:
            assert struct.unpack_from("<H", data, offset + starts + where + 6) == (POINTER_64,)
            struct.pack_into("<H", changed, offset + starts + where + 6, POINTER_64_OFFSET)
    hash_again(changed, image)
    return bytes(changed)


def with_command(data: bytes, library: str, command: int) -> bytes:
    """Return a thin image that asks for ``library`` by another load command."""
    image = MachO(data)
    changed = bytearray(data)
    (place,) = (at for found, at, size in image.commands if found in DYLIBS and data[at + 24 : at + size].rstrip(b"\0") == library.encode())
    struct.pack_into("<I", changed, place, command)
    hash_again(changed, image)
    return bytes(changed)


def encode(payloads: dict[str, bytes]) -> bytes:
    """Encode a trie with an edge for each character."""
    nodes = sorted({name[:length] for name in payloads for length in range(len(name) + 1)})
    offsets = dict.fromkeys(nodes, 0)
    while True:
        bodies = [_node(node, nodes, payloads, offsets) for node in nodes]
        position, moved = 0, {}
        for node, body in zip(nodes, bodies, strict=True):
            moved[node] = position
            position += len(body)
        if moved == offsets:
            return b"".join(bodies)
        offsets = moved


def _node(node: str, nodes: list[str], payloads: dict[str, bytes], offsets: dict[str, int]) -> bytes:
    payload = payloads.get(node, b"")
    children = [other for other in nodes if len(other) == len(node) + 1 and other.startswith(node)]
    edges = b"".join(child[-1].encode() + b"\0" + _uleb(offsets[child]) for child in children)
    return _uleb(len(payload)) + payload + bytes([len(children)]) + edges


def _trie_fields(image: MachO) -> list[int]:
    return [at + (8 if command == LC_TRIE else 40) for command, at, _ in image.commands if command == LC_TRIE or command in LC_DYLD_INFO]


def hash_again(data: bytearray, image: MachO) -> None:
    """Give the pages of a changed image their hashes, where it has any."""
    for command, at, _ in image.commands:
        if command == LC_CODE_SIGNATURE:
            (signature,) = struct.unpack_from("<I", data, at + 8)
            directory = signature + struct.unpack_from(">I", data, signature + 16)[0]
            hashes, _, _, pages = struct.unpack_from(">4I", data, directory + 16)
            shift = data[directory + 39]
            for page in range(pages):
                place = directory + hashes + 32 * page
                data[place : place + 32] = hashlib.sha256(data[page << shift : min(signature, page + 1 << shift)]).digest()


def _uleb(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
