"""Which symbols keep their names when those of a library become unique."""

from __future__ import annotations

import struct

import pytest
from madeslices import Macho, command

from nativewheel.errors import LinkageError
from nativewheel.formats.macho import bindopcodes, chained, trie
from nativewheel.formats.macho.chained import ChainedFixups, ChainedImport
from nativewheel.formats.macho.trie import Export
from nativewheel.formats.macho.uniquify import kept_names, named_in_strings

EXPORTS = [Export(b"_add", 0, 1), Export(b"__ZTI5Shape", 4, 2), Export(b"__Znwm", 0, 3), Export(b"_OBJC_CLASS_$_Foo", 0, 4), Export(b"_own", 1, 5)]


def test_opcodes() -> None:
    weak = bindopcodes.encode_weak([], [(b"__Znwm", 8), (b"_elsewhere", 0)])
    assert kept_names(Macho(trie=trie.encode(EXPORTS), weak_bind=weak).build()) == {"__ZTI5Shape", "__Znwm", "_OBJC_CLASS_$_Foo"}
    assert kept_names(Macho(trie=trie.encode(EXPORTS), weak_bind=weak).build(), rename_weak=True) == {"__Znwm", "_OBJC_CLASS_$_Foo"}


def test_chained_fixups() -> None:
    imports = (ChainedImport(-3, weak=False, name=b"__Znwm"), ChainedImport(-2, weak=False, name=b"_add"))
    blob = chained.encode(ChainedFixups(starts=bytes(4), imports_format=1, imports=imports))
    assert kept_names(Macho(trie=trie.encode(EXPORTS), chained=blob).build()) == {"__ZTI5Shape", "__Znwm", "_OBJC_CLASS_$_Foo"}


def test_a_library_in_swift() -> None:
    with pytest.raises(LinkageError, match="Swift"):
        kept_names(Macho(trie=trie.encode([Export(b"_$s3Foo3barSiyF", 0, 1)])).build())


def test_names_in_strings() -> None:
    section = struct.pack("<16s16sQQ8I", b"__cstring", b"__TEXT", 0x300, 32, 0x300, 0, 0, 0, 2, 0, 0, 0)
    body = struct.pack("<16sQQQQiiII", b"__STRINGS", 0, 0x400, 0, 0x400, 5, 5, 1, 0) + section
    data = bytearray(Macho(commands=(command(0x19, body),)).build())
    data[0x300:0x320] = b"add\0add_too\0a longer text\0".ljust(32, b"\0")
    assert named_in_strings(data, ["_add", "_add_two", "_text", "_"]) == {"_add", "_"}
