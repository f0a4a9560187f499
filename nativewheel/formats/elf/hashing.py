"""The hash tables by which loaders find dynamic symbols: DT_GNU_HASH, and DT_HASH of the gABI.

Source: the gABI, "Hash Table"; for DT_GNU_HASH, which has no specification, glibc's `elf/dl-lookup.c`.
"""

from __future__ import annotations

from functools import cache
from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from nativewheel.formats.elf.layout import Layout

WORD = 0xFFFFFFFF
GNU_HASH_HEADER = 16
GNU_HASH_START = 5381
HASH_BLOCK = 4096


@cache
def _powers() -> tuple[int, ...]:
    """Return the powers of 33, modulo 2**32."""
    powers = [1]
    for _ in range(HASH_BLOCK):
        powers.append(powers[-1] * 33 & WORD)
    return tuple(powers)


def gnu_hash(name: bytes) -> int:
    """Return the hash of a symbol name in DT_GNU_HASH: 5381, then for each byte the hash times 33 plus the byte."""
    powers = _powers()
    value = GNU_HASH_START
    # As sums, because a loop over the bytes of a hundred thousand C++ names takes seconds.
    for start in range(0, len(name), HASH_BLOCK):
        block = name[start : start + HASH_BLOCK]
        total: int = sum(map(mul, block[::-1], powers))
        value = (value * powers[len(block)] + total) & WORD
    return value


def sysv_hash(name: bytes) -> int:
    """Return the hash of a symbol name in DT_HASH."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        value = (value ^ (value >> 24 & 0xF0)) & 0x0FFFFFFF
    return value


def gnu_problem(layout: Layout, table: bytes, names: Sequence[bytes]) -> str | None:
    """Say why a loader would miss a symbol by the DT_GNU_HASH ``table``; None when it finds every one that the table is for.

    ``names`` are the names of all symbols, in the order of the symbol table.
    """
    count, first, words, shift = layout.numbers(table[:GNU_HASH_HEADER], 4)
    bits = 64 if layout.wide else 32
    bloom_end = GNU_HASH_HEADER + words * bits // 8
    bloom = layout.numbers(table[GNU_HASH_HEADER:bloom_end], 8 if layout.wide else 4)
    links = layout.numbers(table[bloom_end:], 4)
    buckets, chains = links[:count], links[count:]
    if len(chains) != max(len(names) - first, 0):
        return "it is for another number of symbols"
    if not count or not words:
        return "it has no buckets or no Bloom filter"
    previous = -1
    for index, name in enumerate(names[first:]):
        value = gnu_hash(name)
        bucket = value % count
        if chains[index] | 1 != value | 1:
            return f"the hash of {name!r} is wrong"
        mask = 1 << value % bits | 1 << (value >> shift) % bits
        if bloom[value // bits % words] & mask != mask:
            return f"the Bloom filter hides {name!r}"
        starts, ended = bucket != previous, not index or bool(chains[index - 1] & 1)
        if starts != ended or (starts and buckets[bucket] != first + index):
            return f"{name!r} is not in the chain of its bucket"
        previous = bucket
    return None if not chains or chains[-1] & 1 else "the last chain has no end"


def sysv_problem(table: array[int], names: Sequence[bytes], found: Sequence[bool]) -> str | None:
    """Say why a loader would miss a symbol by the words of the DT_HASH ``table``; None when it finds every one.

    ``names`` are the names of all symbols, in the order of the symbol table; ``found`` tells which of them must be there.
    """
    count, links = table[0], table[2 + table[0] :]
    home: dict[int, int] = {}
    for bucket in range(count):
        index = table[2 + bucket]
        while index:
            if index in home or index >= len(links) or index >= len(names):
                return "a chain has no end"
            home[index] = bucket
            index = links[index]
    for index, name in enumerate(names):
        if found[index] and (index not in home or sysv_hash(name) % count != home[index]):
            return f"{name!r} is not in the chain of its bucket"
    return None
