"""Text-based stubs: which symbols are in which list, and that YAML has every name as it is."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from madeslices import ARM64, BUNDLE, X86_64, Macho, dylib, fat, named

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Identity
from nativewheel.formats.macho import reader
from nativewheel.formats.macho.stub import link_stub
from nativewheel.formats.macho.trie import Export, encode

FIXTURES = Path(__file__).parents[2] / "fixtures" / "wheels"
READTAPI = [*sorted(Path("/usr/lib").glob("llvm-*/bin/llvm-readtapi")), *(Path(found) for found in [shutil.which("llvm-readtapi")] if found)]
IDENTITY = Identity("@rpath/libnw_made__made.dylib")
NAME = dylib(0xD, "@rpath/libmade.dylib")
WEAK, THREAD_LOCAL, REEXPORT = 0x4, 0x1, 0x8
KEY = re.compile(r"([a-z-]+):(?=[ \n])")
TEXT = re.compile(r"'(?P<single>(?:[^'\n]|'')*)'|\"(?P<double>(?:[^\"\\\n]|\\[^\n])*)\"|(?P<plain>[\w.$-]+(?=[ ,\n]))", re.ASCII)
ESCAPE = re.compile(r"\\(?:U([0-9A-F]{8})|(.))")


def library(*exports: Export, cpu: tuple[int, int] = X86_64, commands: tuple[bytes, ...] = (NAME,)) -> bytes:
    return Macho(cpu=cpu, commands=commands, trie=encode(exports)).build()


def stub(data: bytes, **plain_names: str) -> dict[str, Any]:
    return read(link_stub(data, IDENTITY, plain_names).decode())


def read(text: str) -> dict[str, Any]:
    """Parse as much of YAML as a stub has: texts, flow sequences of them, and block sequences of mappings of these."""
    start, end = "--- !tapi-tbd\n", "...\n"
    assert text.startswith(start)
    assert text.endswith(end)
    place, stop = len(start), len(text) - len(end)
    document: dict[str, Any] = {}
    target = document
    while place < stop:
        if text.startswith("  - ", place):
            target = {}
            document[next(reversed(document))].append(target)
            place += 2
        elif text[place] != " ":
            target = document
        key = KEY.match(text, place := place + len(text[place:]) - len(text[place:].lstrip(" -")))
        assert key, text[place:]
        target[key[1]], place = value(text, key.end())
        assert text[place] == "\n"
        place += 1
    return document


def value(text: str, place: int) -> tuple[str | list[str], int]:
    if text[place] == "\n":
        return [], place
    if text[place : place + 2] != " [":
        return scalar(text, place + 1)
    items, place = [], place + 2
    while True:
        found, place = scalar(text, re.compile(r"[ \n]+").match(text, place).end())  # type: ignore[union-attr]
        items.append(found)
        if text.startswith(" ]", place):
            return items, place + 2
        assert text[place] == ","
        place += 1


def scalar(text: str, place: int) -> tuple[str, int]:
    found = TEXT.match(text, place)
    assert found, text[place:]
    if found["single"] is not None:
        return found["single"].replace("''", "'"), found.end()
    if found["double"] is not None:
        return ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else escape[2], found["double"]), found.end()
    return found["plain"], found.end()


def test_a_universal_library() -> None:
    both = [Export(b"_foo_add", 0, 1), Export(b"_foo_own", THREAD_LOCAL, 1), Export(b"__ZN3FooD1Ev", WEAK, 1)]
    intel = library(*both, Export(b"_only_intel", 0, 1), Export(b"_differs", WEAK, 1))
    arm = library(*both, Export(b"_differs", 0, 1), cpu=ARM64)
    assert (
        link_stub(fat((X86_64, intel), (ARM64, arm)), IDENTITY, {}).decode()
        == """--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '@rpath/libnw_made__made.dylib'
current-version: 1.0.0
compatibility-version: 1.0.0
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [
      _foo_add ]
    weak-symbols: [
      __ZN3FooD1Ev ]
    thread-local-symbols: [
      _foo_own ]
  - targets: [ x86_64-macos ]
    symbols: [
      _only_intel ]
    weak-symbols: [
      _differs ]
  - targets: [ arm64-macos ]
    symbols: [
      _differs ]
...
"""
    )


def test_names_that_developers_know() -> None:
    data = library(Export(b"_nw_made__foo_add", 0, 1), Export(b"_weak", WEAK, 1), Export(b"_nw_made__foo_own", THREAD_LOCAL, 1))
    (exports,) = stub(data, _foo_add="_nw_made__foo_add", _foo_own="_nw_made__foo_own", _gone="_nw_made__gone")["exports"]
    assert exports == {"targets": ["x86_64-macos"], "symbols": ["_foo_add"], "weak-symbols": ["_weak"], "thread-local-symbols": ["_foo_own"]}


def test_the_order_of_the_trie_does_not_matter() -> None:
    names = [Export(name, 0, 1) for name in (b"_c", b"_a", b"_B", b"_b$x")]
    one, two = (Macho(commands=(NAME,), trie=encode(names)).build(), Macho(commands=(NAME,), trie=encode(reversed(names))).build())
    assert link_stub(one, IDENTITY, {}) == link_stub(two, IDENTITY, {})
    assert stub(one)["exports"][0]["symbols"] == ["_B", "_a", "_b$x", "_c"]


def test_reexported_symbols_are_the_library_s_own_to_linkers() -> None:
    data = library(Export(b"_alias", REEXPORT, 1, b"_real"), Export(b"_same", REEXPORT, 1), commands=(NAME, dylib(0xC, "a")))
    document = stub(data)
    assert document["exports"] == [{"targets": ["x86_64-macos"], "symbols": ["_alias", "_same"]}]
    assert "reexported-libraries" not in document


def test_reexported_libraries() -> None:
    again, system = dylib(0x8000001F, "@loader_path/lib one.dylib"), dylib(0x8000001F, "/usr/lib/libz.1.dylib")
    one, two = library(commands=(NAME, again, dylib(0xC, "a"), system)), library(cpu=ARM64, commands=(NAME, system))
    document = stub(fat((X86_64, one), (ARM64, two)))
    assert document["reexported-libraries"] == [
        {"targets": ["x86_64-macos", "arm64-macos"], "libraries": ["/usr/lib/libz.1.dylib"]},
        {"targets": ["x86_64-macos"], "libraries": ["@loader_path/lib one.dylib"]},
    ]
    assert "exports" not in document


def test_the_version_is_one_that_every_slice_has() -> None:
    old, new = (named(0xD, "@rpath/libmade.dylib", 2, *versions) for versions in ((0x10A00, 0x10000), (0x7E0102FF, 0x20000)))
    data = fat((X86_64, library(commands=(new,))), (ARM64, library(cpu=ARM64, commands=(old,))))
    document = stub(data)
    assert (document["current-version"], document["compatibility-version"]) == ("1.10.0", "1.0.0")
    assert stub(library(commands=(new,)))["current-version"] == "32257.2.255"


def test_objective_c() -> None:
    names = [
        "_OBJC_CLASS_$_Foo",
        "_OBJC_METACLASS_$_Foo",
        "_OBJC_EHTYPE_$_Foo",
        "_OBJC_IVAR_$_Foo.bar",
        "_OBJC_CLASS_$_Half",
        "_OBJC_METACLASS_$_Tail",
    ]
    weak = [Export(b"_OBJC_CLASS_$_Weak", WEAK, 1), Export(b"_OBJC_METACLASS_$_Weak", WEAK, 1)]
    (exports,) = stub(library(*[Export(name.encode(), 0, 1) for name in names], *weak))["exports"]
    assert exports == {
        "targets": ["x86_64-macos"],
        "symbols": ["_OBJC_CLASS_$_Half", "_OBJC_METACLASS_$_Tail"],
        "objc-classes": ["Foo"],
        "objc-eh-types": ["Foo"],
        "objc-ivars": ["Foo.bar"],
        "weak-symbols": ["_OBJC_CLASS_$_Weak", "_OBJC_METACLASS_$_Weak"],
    }


def test_a_weak_variable_of_each_thread_is_thread_local_to_linkers() -> None:
    (exports,) = stub(library(Export(b"_own", WEAK | THREAD_LOCAL, 1)))["exports"]
    assert exports == {"targets": ["x86_64-macos"], "thread-local-symbols": ["_own"]}


def test_what_is_no_name_for_linkers() -> None:
    data = library(Export(b"$ld$install_name$os11.0$other", 0, 1), Export(b"_\xff", 0, 1), Export(b"", 0, 1), Export(b"_$ld$", 0, 1))
    assert stub(data)["exports"] == [{"targets": ["x86_64-macos"], "symbols": ["_$ld$"]}]


@pytest.mark.parametrize("made", [Macho(filetype=BUNDLE, trie=encode([Export(b"_PyInit_x", 0, 1)])), Macho(commands=(NAME, NAME))])
def test_images_that_nothing_is_linked_with(made: Macho) -> None:
    with pytest.raises(UnreadableError):
        link_stub(made.build(), IDENTITY, {})


AWKWARD = ["_a b", "'", "''", "_it's", '"', "\\", '\\"', "_a\nb", "\x01", "é", "\u2028", "😀", "- a", "[", "]", "true", "1.5", "#c", " a", "a ", ","]
AWKWARD += ["---", "...", "\x7f", "\x85", "\ufeff", "{", "%", "@", "`", "&a", "*a", "!a", "|", ">", "?", "~", ":", "-", "_", "_$", "_a:b"]
AWKWARD += ["$s4main", "_é", "a: b"]


@settings(max_examples=300, deadline=None)
@example(set(AWKWARD), "@rpath/it's.dylib", "a b")
@given(
    st.sets(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1) | st.text("_a$'\"\\ ,:]-.#", min_size=1), max_size=12),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
)
def test_every_name_comes_back(names: set[str], identity: str, dependency: str) -> None:
    offered = {name for name in names if not name.startswith(("$ld$", "_OBJC_"))}
    data = library(*[Export(name.encode(), 0, 1) for name in offered], commands=(NAME, dylib(0x8000001F, dependency)))
    document = read(link_stub(data, Identity(identity), {}).decode())
    assert document["install-name"] == identity
    assert document["reexported-libraries"][0]["libraries"] == [dependency]
    assert [block["symbols"] for block in document.get("exports", [])] == [sorted(offered)] * bool(offered)


@pytest.mark.skipif(not READTAPI, reason="no llvm-readtapi program")
def test_llvm_reads_the_same_names(tmp_path: Path) -> None:
    objc = [Export(b"_OBJC_CLASS_$_Foo", 0, 1), Export(b"_OBJC_METACLASS_$_Foo", 0, 1)]
    data = library(*[Export(name.encode(), 0, 1) for name in AWKWARD], Export(b"_weak's", WEAK, 1), Export(b"_own", THREAD_LOCAL, 1), *objc)
    (tmp_path / "made.tbd").write_bytes(link_stub(data, Identity("@rpath/it's a.dylib"), {}))
    subprocess.run([READTAPI[-1], "--filetype=tbd-v5", "made.tbd", "-o", "made.json"], cwd=tmp_path, check=True)
    found = json.loads((tmp_path / "made.json").read_text(encoding="utf-8"))["main_library"]
    assert found["install_names"] == [{"name": "@rpath/it's a.dylib"}]
    (exports,) = found["exported_symbols"]
    assert sorted(exports["data"].pop("global")) == sorted(AWKWARD)
    assert exports["data"] == {"weak": ["_weak's"], "thread_local": ["_own"], "objc_class": ["Foo"]}


def fixture() -> bytes:
    with zipfile.ZipFile(FIXTURES / "ntcore-1.2.7-py3-none-macosx_11_0_universal2.whl") as archive:
        (member,) = (name for name in archive.namelist() if name.endswith(".dylib"))
        return archive.read(member)


CORE = fixture()


def test_a_library_that_a_linker_made() -> None:
    (exports,) = stub(CORE)["exports"]
    assert exports["targets"] == ["x86_64-macos", "arm64-macos"]
    assert [name for kind, names in exports.items() if kind != "targets" for name in names] == sorted(item.name for item in reader.exports(CORE))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_never_ends_in_another_error(data: st.DataObject) -> None:
    broken = bytearray(CORE[: data.draw(st.just(len(CORE)) | st.integers(0, len(CORE)))])
    starts = [struct.unpack_from(">5I", CORE, 8 + 20 * number)[2] for number in range(2)]
    near = st.sampled_from(starts).flatmap(lambda start: st.integers(start, start + 1600)) | st.integers(0, len(CORE) - 1)
    for place, noise in data.draw(st.lists(st.tuples(near, st.binary(min_size=1, max_size=8)), max_size=4)):
        broken[place : place + len(noise)] = noise[: max(0, len(broken) - place)]
    try:
        written = link_stub(broken, IDENTITY, {})
    except UnreadableError:
        return
    assert read(written.decode())["install-name"] == IDENTITY
