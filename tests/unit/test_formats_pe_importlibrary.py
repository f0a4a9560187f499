"""DLLs in import libraries get other names."""

from __future__ import annotations

import pytest
from madelib import archive, coff, gnu_library, microsoft_library, short

from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.formats.pe.archive import read_archive
from nativewheel.formats.pe.importlibrary import dll_names, rename_dlls

LONG = "nw_core__a-name-that-is-longer.dll"


@pytest.mark.parametrize("name", ["x.dll", "core-1a2b3c4d.dll", LONG, "core.1.2.dll"])
def test_microsoft_libraries_become_those_of_the_other_name(name: str) -> None:
    data = microsoft_library(b"core.dll")
    assert dll_names(data) == {"core.dll"}
    assert rename_dlls(data, {"Core.DLL": name}) == microsoft_library(name.encode())


@pytest.mark.parametrize("name", ["x.dll", LONG])
@pytest.mark.parametrize(("head", "last"), [("_head_{}", "{}_iname"), ("__head_{}", "_{}_iname"), ("_head_{}", "__{}_iname")])
def test_gnu_libraries_become_those_of_the_other_name(name: str, head: str, last: str) -> None:
    data = gnu_library(b"libcore.dll", head.format("libcore_dll_a").encode(), last.format("libcore_dll_a").encode())
    assert dll_names(data) == {"libcore.dll"}
    label = name.replace(".", "_").replace("-", "_")
    assert rename_dlls(data, {"libcore.dll": name}) == gnu_library(name.encode(), head.format(label).encode(), last.format(label).encode())


def test_other_dlls_of_the_library_keep_their_names() -> None:
    data = archive([(b"a.dll", short(b"f", b"a.dll"), [b"f"]), (b"b.dll", short(b"g", b"b.dll"), [b"g"])], microsoft=True)
    assert dll_names(data) == {"a.dll", "b.dll"}
    assert rename_dlls(data, {"b.dll": "c.dll"}) == archive(
        [(b"a.dll", short(b"f", b"a.dll"), [b"f"]), (b"c.dll", short(b"g", b"c.dll"), [b"g"])], microsoft=True
    )


def test_code_is_none_of_our_business() -> None:
    bigobj = b"\0\0\xff\xff\2\0\x64\x86" + bytes(60)
    code = coff([(b".text", b"code", b""), (b".idata$7", bytes(4), bytes(10))], [(b"f", 1, 2, b"")])
    data = archive([(b"a.obj", bigobj, [b"big"]), (b"b.obj", code, [b"f"]), (b"c.obj", b"text", [])], microsoft=True)
    assert dll_names(data) == set()
    assert rename_dlls(data, {"core.dll": "x.dll"}) == data


def test_large_objects_are_code_whatever_they_hold() -> None:
    code = coff([(b".rdata", b".idata$6\0__IMPORT_DESCRIPTOR_core" + bytes(1 << 16), b"")], [(b"f", 1, 2, b"")])
    damaged = code[:2] + b"\xff\xff" + code[4:]
    members = [(b"a.obj", damaged, [b"f"]), (b"core.dll", short(b"g", b"core.dll"), [b"g"])]
    data = archive(members, microsoft=True)
    assert dll_names(data) == {"core.dll"}
    assert rename_dlls(data, {"core.dll": "x.dll"}) == archive([members[0], (b"x.dll", short(b"g", b"x.dll"), [b"g"])], microsoft=True)


def test_names_that_are_not_there_change_nothing() -> None:
    data = microsoft_library(b"core.dll")
    assert rename_dlls(data, {"other.dll": "x.dll"}) == data
    assert rename_dlls(data, {}) == data


def test_what_cannot_be_done() -> None:
    with pytest.raises(LinkageError, match="no name that a DLL can have"):
        rename_dlls(microsoft_library(b"core.dll"), {"core.dll": "a/b.dll"})
    with pytest.raises(UnreadableError, match="damaged member"):
        dll_names(archive([(b"core.dll", short(b"f", b"core.dll")[:24], [])], microsoft=True))
    with pytest.raises(UnreadableError):
        rename_dlls(b"MZ", {})


def test_any_cut_is_an_error_or_a_smaller_library() -> None:
    data = microsoft_library(b"core.dll")
    members = len(read_archive(data).members)
    for size in range(len(data)):
        try:
            names = dll_names(data[:size])
        except UnreadableError:
            continue
        assert names <= {"core.dll"}
        assert len(read_archive(data[:size]).members) < members
