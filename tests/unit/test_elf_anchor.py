"""Anchors of every architecture, read back by four readers, and loaded by this machine's loader."""

from __future__ import annotations

import ctypes
import io
import platform
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import lief
import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.formats import anchor, exports, imports, read
from nativewheel.formats.elf.snapshot import take
from nativewheel.formats.image import Arch, Identity, Image, Kind

LIBRARIES = Path(__file__).parents[2] / "fixtures" / "lib"
IDENTITY = Identity("libnw_ntcore__ntcore.so.1")

MACHINES = {
    # word size, byte order, e_machine, e_flags, EI_OSABI
    Arch.X86_64: (64, "<", 62, 0, 3),
    Arch.I686: (32, "<", 3, 0, 0),
    Arch.AARCH64: (64, "<", 183, 0, 0),
    Arch.ARMV7L: (32, "<", 40, 0x5000400, 0),
    Arch.PPC64LE: (64, "<", 21, 2, 0),
    Arch.PPC64: (64, ">", 21, 1, 0),
    Arch.S390X: (64, ">", 22, 0, 0),
    Arch.RISCV64: (64, "<", 243, 5, 0),
    Arch.LOONGARCH64: (64, "<", 258, 0x43, 0),
}


def header(arch: Arch, *, machine: int | None = None) -> bytes:
    """Return the ELF header of a shared object without segments: all that an anchor takes from a library."""
    bits, order, number, flags, osabi = MACHINES[arch]
    wide = bits == 64
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1, osabi]) + bytes(8)
    fields = (3, machine or number, 1, 0, 0, 0, flags, 64 if wide else 52, 0, 0, 0, 0, 0)
    return ident + struct.pack(f"{order}HHIQQQIHHHHHH" if wide else f"{order}HHIIIIIHHHHHH", *fields)


@pytest.mark.parametrize("arch", MACHINES)
def test_the_own_reader(arch: Arch) -> None:
    data = anchor(header(arch), IDENTITY)
    image = read(data, "anchor.so")
    assert isinstance(image, Image)
    assert (image.archs, image.kind, image.identity) == ((arch,), Kind.LIBRARY, None)
    assert [item.name for item in image.dependencies] == [IDENTITY]
    assert (image.rpaths, image.inherited_rpaths, image.interpreter) == (("$ORIGIN",), False, None)
    assert imports(data) == exports(data) == ()
    assert take(data, "anchor.so").faults == ()


@pytest.mark.parametrize("arch", MACHINES)
def test_what_loaders_insist_on(arch: Arch) -> None:
    bits, order, machine, flags, osabi = MACHINES[arch]
    data = anchor(header(arch), IDENTITY)
    assert len(data) < 1024
    elf: Any = ELFFile(io.BytesIO(data))
    assert (elf.elfclass, elf.little_endian, elf["e_flags"], data[7], data[18:20]) == (
        bits,
        order == "<",
        flags,
        osabi,
        struct.pack(f"{order}H", machine),
    )
    load, dynamic, stack = elf.iter_segments()
    assert (load["p_type"], load["p_offset"], load["p_vaddr"], load["p_flags"]) == ("PT_LOAD", 0, 0, 6)
    assert load["p_align"] % 0x10000 == 0  # the largest page that a kernel may have
    assert load["p_filesz"] == load["p_memsz"] <= len(data)
    assert dynamic["p_offset"] + dynamic["p_filesz"] <= load["p_filesz"]
    assert (stack["p_type"], stack["p_flags"]) == ("PT_GNU_STACK", 6)
    tags = {tag.entry.d_tag: tag for tag in dynamic.iter_tags()}
    assert list(tags) == ["DT_NEEDED", "DT_RUNPATH", "DT_GNU_HASH", "DT_STRTAB", "DT_SYMTAB", "DT_STRSZ", "DT_SYMENT", "DT_NULL"]
    assert (tags["DT_NEEDED"].needed, tags["DT_RUNPATH"].runpath) == (IDENTITY, "$ORIGIN")
    assert tags["DT_GNU_HASH"].entry.d_val % (bits // 8) == tags["DT_SYMTAB"].entry.d_val % (bits // 8) == 0
    assert dynamic["p_vaddr"] % (bits // 8) == 0
    assert elf.get_section_by_name(".dynsym").num_symbols() == 1
    assert elf.get_section_by_name(".dynamic").header.sh_addr == dynamic["p_vaddr"]


@pytest.mark.parametrize("arch", MACHINES)
def test_lief_agrees(arch: Arch) -> None:
    binary = lief.ELF.parse(list(anchor(header(arch), IDENTITY)))
    assert binary is not None
    assert binary.libraries == [IDENTITY]
    runpath = binary.get(lief.ELF.DynamicEntry.TAG.RUNPATH)
    assert isinstance(runpath, lief.ELF.DynamicEntryRunPath)
    assert runpath.runpath == "$ORIGIN"
    assert [section.name for section in binary.sections] == ["", ".gnu.hash", ".dynsym", ".dynstr", ".dynamic", ".shstrtab"]
    table = binary.gnu_hash
    assert table is not None
    assert (table.nb_buckets, table.symbol_index, table.bloom_filters, table.buckets) == (1, 1, [0], [0])


@pytest.mark.skipif(not shutil.which("readelf"), reason="no readelf program")
@pytest.mark.parametrize("arch", MACHINES)
def test_readelf_has_no_complaint(arch: Arch, tmp_path: Path) -> None:
    (tmp_path / "anchor.so").write_bytes(anchor(header(arch), IDENTITY))
    done = subprocess.run(["readelf", "-aW", tmp_path / "anchor.so"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "Warning" not in done.stdout
    assert f"Shared library: [{IDENTITY}]" in done.stdout
    assert "Library runpath: [$ORIGIN]" in done.stdout


@pytest.mark.parametrize("target", sorted(path.name for path in LIBRARIES.iterdir()))
def test_the_machine_is_that_of_the_library(target: str) -> None:
    data = (LIBRARIES / target / "libntcore.so.1").read_bytes()
    written = anchor(data, IDENTITY)
    assert written == anchor(data, IDENTITY)
    assert written[:16] == data[:16]
    assert written[18:20] == data[18:20]
    flags = slice(48, 52) if data[4] == 2 else slice(36, 40)
    assert written[flags] == data[flags]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200), st.sampled_from(list(MACHINES)))
def test_any_name(name: str, arch: Arch) -> None:
    assert [item.name for item in read(anchor(header(arch), Identity(name)), "anchor.so").dependencies] == [name]


def test_machines_without_a_wheel_platform_are_refused() -> None:
    with pytest.raises(UnreadableError, match="no wheel platform exists"):
        anchor(header(Arch.X86_64, machine=43), IDENTITY)
    with pytest.raises(UnreadableError, match="not a native image"):
        anchor(b"text", IDENTITY)
    with pytest.raises(UnreadableError, match="anchors are for libraries of Linux"):
        anchor(b"\xcf\xfa\xed\xfe" + bytes(8) + b"\6" + bytes(60), IDENTITY)


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"}, reason="no fixture for this machine")
def test_the_loader_of_this_machine(tmp_path: Path) -> None:
    source = LIBRARIES / f"linux-{platform.machine()}-glibc" / "libntinner.so.1"
    name = Identity("libntinner.so.1")
    (tmp_path / "anchor.so").write_bytes(anchor(source.read_bytes(), name))
    with pytest.raises(OSError, match=r"libntinner\.so\.1: cannot open shared object file"):
        ctypes.CDLL(str(tmp_path / "anchor.so"))
    shutil.copy(source, tmp_path / name)
    handle = ctypes.CDLL(str(tmp_path / "anchor.so"))
    assert hasattr(handle, "nt_inner")
    maps = Path("/proc/self/maps").read_text()
    assert str(tmp_path / name) in maps
    assert not [line for line in maps.splitlines() if "anchor.so" in line and "x" in line.split()[1]]
