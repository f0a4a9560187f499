"""What is read of the macOS wheels of ten projects, compared with LIEF and with llvm-objdump, slice by slice."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections import Counter
from typing import TYPE_CHECKING

import lief
import pytest
from realwheels import MACOS, published

from nativewheel.formats.detect import detect
from nativewheel.formats.image import Arch, Format, Requirement, Symbol
from nativewheel.formats.macho import symbols
from nativewheel.formats.macho.constants import BIND_SPECIAL_DYLIB_WEAK_LOOKUP
from nativewheel.formats.macho.signature import Signer, verify
from nativewheel.formats.macho.slices import Slice, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.network
OBJDUMP = shutil.which("llvm-objdump-19")
ARCH_NAMES = {Arch.X86_64: "x86_64", Arch.AARCH64: "arm64"}
KINDS = {
    lief.MachO.LoadCommand.TYPE.LOAD_DYLIB: Requirement.REQUIRED,
    lief.MachO.LoadCommand.TYPE.LOAD_WEAK_DYLIB: Requirement.WEAK,
    lief.MachO.LoadCommand.TYPE.REEXPORT_DYLIB: Requirement.REEXPORT,
    lief.MachO.LoadCommand.TYPE.LOAD_UPWARD_DYLIB: Requirement.UPWARD,
}
WEAK_DEFINITION = 4
SELF = {"this-image"}
"""How objdump names the ordinal of the image itself."""


def images(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if member.endswith((".so", ".dylib")):
                yield member, archive.read(member)


def slices_beside_lief(data: bytes) -> Iterator[tuple[Slice, lief.MachO.Binary]]:
    peers = lief.MachO.parse(data, lief.MachO.ParserConfig.deep)
    assert peers is not None
    with opened(data) as file:
        assert len(file.slices) == len(peers)
        yield from zip(file.slices, peers, strict=True)


@pytest.mark.parametrize("filename", MACOS)
def test_as_lief(filename: str) -> None:
    for member, data in images(published(filename)):
        assert detect(data[:4096]) is Format.MACHO
        for image, peer in slices_beside_lief(data):
            agree_on_commands(image, peer)
            agree_on_exports(image, peer)
            agree_on_imports(image, peer)
            state = verify(image)
            assert state.problem is None, member
            assert (state.signer is not Signer.NOBODY) == peer.has_code_signature
            assert image.arch is Arch.X86_64 or state.signer is Signer.AD_HOC


@pytest.mark.parametrize("filename", [item for item in MACOS if "h5py" in item or "numpy" in item])
def test_signatures_as_apple_platform(filename: str, tmp_path: Path) -> None:
    apple = pytest.importorskip("apple_platform")
    path = tmp_path / "image"
    for _, data in images(published(filename)):
        damaged = bytearray(data)
        damaged[len(data) // 2] ^= 1
        for content in (data, damaged):
            path.write_bytes(content)
            wrong = any("digest mismatch" in item["description"] for item in apple.verify_macho(path))
            with opened(content) as file:
                states = [verify(image) for image in file.slices]
            assert any(state.problem is not None for state in states) == wrong
            assert wrong == (content is damaged and any(state.signer is not Signer.NOBODY for state in states))


def agree_on_commands(image: Slice, peer: lief.MachO.Binary) -> None:
    identity = [item.name for item in peer.libraries if item.command == lief.MachO.LoadCommand.TYPE.ID_DYLIB]
    assert ([image.id_dylib] if image.id_dylib else []) == identity
    needed = [(item.name, KINDS[item.command]) for item in peer.libraries if item.command in KINDS]
    assert [(item.name, item.kind) for item in image.dylibs] == needed
    assert [item.ordinal for item in image.dylibs] == list(range(1, len(needed) + 1))
    assert list(image.rpaths) == [item.path for item in peer.rpaths]
    assert image.build is not None
    stated = peer.build_version.minos if peer.build_version else peer.version_min.version if peer.version_min else None
    assert list(image.build.minos) == stated
    assert image.uuid == (bytes(peer.uuid.uuid) if peer.uuid else None)
    assert [(item.name, item.vmaddr, item.fileoff, item.filesize) for item in image.segments] == [
        (item.name, item.virtual_address, item.file_offset, item.file_size) for item in peer.segments
    ]
    assert [(item.name, item.offset, item.size) for segment in image.segments for item in segment.sections] == [
        (item.name, item.offset, item.size) for segment in peer.segments for item in segment.sections
    ]


def agree_on_exports(image: Slice, peer: lief.MachO.Binary) -> None:
    place = peer.dyld_exports_trie or peer.dyld_info
    expected = {Symbol(name=name(item), weak=bool(item.flags & WEAK_DEFINITION)) for item in (place.exports if place else ())}
    assert set(symbols.exports(image)) == expected


def name(item: lief.MachO.ExportInfo | lief.MachO.BindingInfo) -> str:
    assert item.symbol is not None
    return str(item.symbol.name)


def agree_on_imports(image: Slice, peer: lief.MachO.Binary) -> None:
    """LIEF lists the pointers, so that all pointers to a symbol must allow that it is missing, for it to be weak."""
    names = {item.ordinal: item.name for item in image.dylibs}
    own = {item.name for item in symbols.exports(image)}
    required: dict[tuple[str, int], bool] = {}
    for item in peer.bindings:
        if isinstance(item, lief.MachO.DyldBindingInfo) and item.binding_class == lief.MachO.DyldBindingInfo.CLASS.WEAK:
            continue
        key = (name(item), item.library_ordinal)
        required[key] = required.get(key, False) or not item.weak_import
    expected = {
        (symbol, names.get(ordinal), not strict)
        for (symbol, ordinal), strict in required.items()
        if ordinal != 0 and not (ordinal == BIND_SPECIAL_DYLIB_WEAK_LOOKUP and symbol in own)
    }
    assert {(item.name, item.library, item.weak) for item in symbols.imports(image)} == expected


Row = tuple[str, str, bool | None]
"""The short name of a library, a symbol, and whether it may be missing, which objdump does not show for lazy pointers."""

BIND = re.compile(r"^__\S+ +\S+ +0x[0-9A-F]+ ( *pointer +-?\d+ )? *(\S+(?: ordinal \S+)?) +(\S+?)( \(weak_import\))?$", re.MULTILINE)
CHAINED = re.compile(r"lib_ordinal = -?\d+ \((.*)\)\n +weak_import = (\d)\n +name_offset = \d+ \((.*)\)")
EXPORT = re.compile(r"^(?:0x[0-9A-F]+|\[re-export\]) +(\S+)(.*)$", re.MULTILINE)


@pytest.mark.skipif(OBJDUMP is None, reason="no llvm-objdump-19")
@pytest.mark.parametrize("filename", MACOS)
def test_as_llvm_objdump(filename: str, tmp_path: Path) -> None:
    for member, data in images(published(filename)):
        path = tmp_path / member.replace("/", "_")
        path.write_bytes(data)
        with opened(data) as file:
            for image in file.slices:
                agree_with_objdump(image, path)
        path.unlink()


def agree_with_objdump(image: Slice, path: Path) -> None:
    assert OBJDUMP
    options = ["--exports-trie", "--dylibs-used", "--bind", "--lazy-bind", "--chained-fixups"]
    command = [OBJDUMP, "--macho", "--arch", ARCH_NAMES[image.arch], *options, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = output.splitlines()
    assert {(title, "weak_def" in rest) for title, rest in EXPORT.findall(output)} == {(item.name, item.weak) for item in symbols.exports(image)}
    libraries = [line.strip().rpartition(" (compatibility")[0] for line in lines if line.startswith("\t")]
    assert libraries[1 if image.id_dylib else 0 :] == [item.name for item in image.dylibs]
    found = BIND.findall(output)
    assert len(found) == sum(line.startswith("__") for line in lines)
    rows: set[Row] = {(library, title, bool(weak) if regular else None) for regular, library, title, weak in found}
    rows |= {(library, title, weak == "1") for library, weak, title in CHAINED.findall(output)}
    agree_on_short_names(image, rows)


def agree_on_short_names(image: Slice, rows: set[Row]) -> None:
    """Compare imports with what objdump shows; it shortens the names of libraries, each to one."""
    own = {item.name for item in symbols.exports(image)}
    imports = {(item.name, item.library): item.weak for item in symbols.imports(image)}
    flags: dict[tuple[str, str], set[bool | None]] = {}
    for title, symbol, weak in rows:
        flags.setdefault((title, symbol), set()).add(weak)
    shown = {(library, symbol) for library, symbol, _ in rows if library not in SELF and not (library == "weak" and symbol in own)}
    assert Counter(symbol for _, symbol in shown) == Counter(symbol for symbol, _ in imports)
    titles: dict[str, set[str]] = {}
    for title, symbol in shown:
        titles.setdefault(symbol, set()).add(title)
    short: dict[str | None, str] = {}
    for (symbol, library), weak in imports.items():
        if len(titles[symbol]) == 1:
            (title,) = titles[symbol]
            assert short.setdefault(library, title) == title or library is None
            known = flags[title, symbol] - {None}
            assert weak == all(known) or (not weak and None in flags[title, symbol])
