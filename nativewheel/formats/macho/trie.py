"""The export trie: what an image offers, as dyld searches it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.uleb import read_uleb, uleb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WEAK_DEFINITION = 0x04
REEXPORT = 0x08
STUB_AND_RESOLVER = 0x10

MAX_NAME = 1 << 16
MAX_NAMES = 1 << 28
"""Bytes of all names together, so that a small file cannot fill the memory: names share their beginnings in the trie, but not here."""
NODE_COST = 64
"""What a node adds to that: a label may be empty."""

WIDTHS = (1 << 7, 1 << 14, 1 << 21, 1 << 28, 1 << 35)
"""From these offsets on, a node's offset takes one byte more."""


class Export(NamedTuple):
    """One exported symbol; a tuple, because libraries have a hundred thousand of them.

    ``value`` is an offset from the Mach-O header, for kind 2 an absolute value, and for a re-export the ordinal of the library.  ``target`` is
    the name there, empty for the same name.  ``resolver`` goes with STUB_AND_RESOLVER.
    """

    name: bytes
    flags: int
    value: int
    target: bytes = b""
    resolver: int = 0


def decode(data: bytes) -> list[Export]:
    """Return the symbols of a trie in the order of its nodes.

    Labels may be empty, as newer linkers write them.  dyld takes the first label that fits and never comes back: what only a later one leads to is
    not exported, and not returned.  Raises ``UnreadableError`` for loops and whatever else no linker writes.
    """
    if not data:
        return []
    exports: list[Export] = []
    seen: set[int] = set()
    budget = MAX_NAMES
    waiting = [(0, b"")]
    while waiting:
        offset, name = waiting.pop()
        if offset in seen:
            raise UnreadableError("two ways lead to one node of the export trie", where=(f"trie offset {offset:#x}",))
        seen.add(offset)
        size, start = _number(data, offset)
        children = start + size
        if children >= len(data):
            raise UnreadableError("a node reaches past the end of the export trie", where=(f"trie offset {offset:#x}",))
        if size:
            exports.append(_read_terminal(data, start, children, name))
        if data[children]:
            found = _read_children(data, children, name)
            budget -= sum([NODE_COST + len(longer) for _, longer in found])
            if budget < 0:
                raise UnreadableError("the names in the export trie are too long")
            found.reverse()
            waiting += found
    return exports


def _number(data: bytes, offset: int) -> tuple[int, int]:
    """Decode a ULEB128 number; nearly all of them have one byte."""
    if offset < len(data) and data[offset] < 0x80:  # noqa: PLR2004  (the continuation bit)
        return data[offset], offset + 1
    return read_uleb(data, offset)


def encode(exports: Iterable[Export]) -> bytes:
    """Return the smallest trie of symbols with different names; the same bytes for any order of them."""
    nodes = _preorder(_grow(sorted(exports)))
    return b"".join(_write(nodes, _offsets(nodes)))


def _read_terminal(data: bytes, start: int, end: int, name: bytes) -> Export:
    flags, start = _number(data, start)
    value, start = read_uleb(data, start)
    target, resolver = b"", 0
    if flags & REEXPORT:
        stop = data.find(b"\0", start, end)
        if stop < 0:
            raise UnreadableError("the name of a re-exported symbol does not end", where=(f"trie offset {start:#x}",))
        target, start = data[start:stop], stop + 1
    elif flags & STUB_AND_RESOLVER:
        resolver, start = read_uleb(data, start)
    if start > end:
        raise UnreadableError("a symbol is larger than its node of the export trie", where=(f"trie offset {start:#x}",))
    return Export(name, flags, value, target, resolver)


def _read_children(data: bytes, offset: int, name: bytes) -> list[tuple[int, bytes]]:
    """Return the offsets of a node's children and the names so far, which begin with ``name``."""
    children: list[tuple[int, bytes]] = []
    labels: list[bytes] = []
    firsts: set[bytes] = set()
    count, offset = data[offset], offset + 1
    for _ in range(count):
        stop = data.find(b"\0", offset, offset + MAX_NAME)
        if stop < 0:
            raise UnreadableError("a label of the export trie does not end", where=(f"trie offset {offset:#x}",))
        label = data[offset:stop]
        child, offset = _number(data, stop + 1)
        first = label[:1]
        if (first in firsts or b"" in firsts) and label.startswith(tuple(labels)):
            continue
        firsts.add(first)
        labels.append(label)
        children.append((child, name + label))
    return children


class _Node:
    """A node while the trie grows: it stands for the first ``depth`` bytes of ``name``."""

    __slots__ = ("children", "depth", "index", "name", "terminal")

    def __init__(self, name: bytes, depth: int, terminal: bytes = b"") -> None:
        self.name = name
        self.depth = depth
        self.terminal = terminal
        self.children: list[_Node] = []
        self.index = 0


def _grow(exports: list[Export]) -> _Node:
    """Build the tree of sorted symbols: each new one branches off somewhere on the way to the one before it."""
    root = _Node(b"", 0)
    way = [root]
    for export in exports:
        name = export.name
        shared = _shared(way[-1].name, name)
        last = way[-1]
        while way[-1].depth > shared:
            last = way.pop()
        top = way[-1]
        if top.depth < shared:
            branch = _Node(name, shared)
            top.children[-1] = branch
            branch.children.append(last)
            way.append(branch)
            top = branch
        if len(name) == top.depth:
            top.terminal = _terminal(export)
            continue
        leaf = _Node(name, len(name), _terminal(export))
        top.children.append(leaf)
        way.append(leaf)
    return root


def _shared(one: bytes, two: bytes) -> int:
    """Return how many bytes two names have in common at their start; by arithmetic, which is faster than a loop."""
    size = min(len(one), len(two))
    difference = int.from_bytes(one[:size]) ^ int.from_bytes(two[:size])
    return size - (difference.bit_length() + 7) // 8


def _terminal(export: Export) -> bytes:
    payload = uleb(export.flags) + uleb(export.value)
    if export.flags & REEXPORT:
        payload += export.target + b"\0"
    elif export.flags & STUB_AND_RESOLVER:
        payload += uleb(export.resolver)
    return payload


def _preorder(root: _Node) -> list[_Node]:
    nodes: list[_Node] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        node.index = len(nodes)
        nodes.append(node)
        waiting += reversed(node.children)
    return nodes


def _offsets(nodes: list[_Node]) -> list[int]:
    """Place the nodes one after the other.

    How long a node is depends on the offsets of its children, which depend on the lengths: start with one byte for each offset, and grow.
    """
    parents = [0] * len(nodes)
    sizes: list[int] = []
    for node in nodes:
        size = len(uleb(len(node.terminal))) + len(node.terminal) + 1
        for child in node.children:
            parents[child.index] = node.index
            size += child.depth - node.depth + 2
        sizes.append(size)
    bounds = [len(nodes)] * len(WIDTHS)
    while True:
        offsets = list(accumulate(sizes, initial=0))[:-1]
        found = [bisect_left(offsets, width) for width in WIDTHS]
        if found == bounds:
            return offsets
        for new, old in zip(found, bounds, strict=True):
            for index in range(new, old):
                sizes[parents[index]] += 1
        bounds = found


def _write(nodes: list[_Node], offsets: list[int]) -> Iterator[bytes]:
    for node in nodes:
        yield uleb(len(node.terminal))
        yield node.terminal
        yield len(node.children).to_bytes()
        depth = node.depth
        for child in node.children:
            yield child.name[depth : child.depth] + b"\0" + uleb(offsets[child.index])
