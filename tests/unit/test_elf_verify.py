"""What a check after a write finds: each kind of damage to an edited image is named."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import lief
import pytest

from nativewheel.errors import MachineError
from nativewheel.formats.elf.snapshot import Snapshot, take
from nativewheel.formats.elf.verify import verify
from nativewheel.formats.elf.writer import apply
from nativewheel.formats.image import Edit, Identity

if TYPE_CHECKING:
    from collections.abc import Callable

WHEEL = Path(__file__).parents[2] / "fixtures" / "wheels" / "ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl"
EDIT = Edit(identity=Identity("_vend-1a2b3c4d.so"), rpaths=("$ORIGIN/../ntvendor.libs",))


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, bytes]:
    """Return the source of an edit and its good result."""
    folder = tmp_path_factory.mktemp("edited")
    with zipfile.ZipFile(WHEEL) as archive:
        data = archive.read("ntvendor/_vend.abi3.so")
    (folder / "in").write_bytes(data)
    apply(folder / "in", EDIT, folder / "out")
    return take(data, "_vend.abi3.so"), (folder / "out").read_bytes()


def test_the_good_result_passes(edited: tuple[Snapshot, bytes]) -> None:
    before, result = edited
    assert verify(before, result, EDIT, "patchelf").identity == "_vend-1a2b3c4d.so"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit(identity=Identity("other.so"), rpaths=EDIT.rpaths), "DT_SONAME is"),
        (Edit(identity=EDIT.identity), "the library search path is"),
        (Edit(identity=EDIT.identity, rpaths=()), "the library search path is"),
        (Edit(identity=EDIT.identity, rpaths=EDIT.rpaths, remove=(Identity("libntouter.so.2"),)), "DT_NEEDED is"),
        (Edit(identity=EDIT.identity, rpaths=EDIT.rpaths, replace=((Identity("libc.so.6"), Identity("c")),)), "DT_NEEDED is"),
    ],
)
def test_another_edit_than_asked(edited: tuple[Snapshot, bytes], edit: Edit, message: str) -> None:
    before, result = edited
    with pytest.raises(MachineError, match=message):
        verify(before, result, edit, "patchelf")


def place(result: bytes) -> lief.ELF.Binary:
    binary = lief.ELF.parse(list(result))
    assert binary is not None
    return binary


def tag_value(result: bytes, tag: lief.ELF.DynamicEntry.TAG) -> int:
    """Return the file offset that a dynamic tag points to."""
    binary = place(result)
    entry = binary.get(tag)
    assert entry is not None
    offset = binary.virtual_address_to_offset(entry.value)
    assert isinstance(offset, int)
    return offset


def dynamic_entry(result: bytes, tag: lief.ELF.DynamicEntry.TAG) -> int:
    """Return the file offset of a dynamic entry itself."""
    binary = place(result)
    segment = binary.get(lief.ELF.Segment.TYPE.DYNAMIC)
    assert segment is not None
    return next(segment.file_offset + 16 * index for index, entry in enumerate(binary.dynamic_entries) if entry.tag == tag)


def last_load(result: bytes) -> int:
    """Return the file offset of the program header of the last PT_LOAD."""
    headers = range(64, 64 + 56 * result[56], 56)
    return next(at for at in reversed(headers) if result[at : at + 4] == b"\1\0\0\0")


TAG = lief.ELF.DynamicEntry.TAG


@pytest.mark.parametrize(
    ("find", "value", "message"),
    [
        (lambda data: tag_value(data, TAG.SYMTAB) + 24 + 4, b"\x7f", "dynamic symbol table"),  # st_info
        (lambda data: tag_value(data, TAG.SYMTAB) + 24 + 6, b"\x05\x00", "dynamic symbol table"),  # undefined becomes defined
        (lambda data: tag_value(data, TAG.STRTAB) + 2, b"\x7f", "names in the dynamic string table"),
        (lambda data: tag_value(data, TAG.VERSYM) + 2, b"\x7f", "symbol versions"),
        (lambda data: tag_value(data, TAG.VERNEED) + 16 + 6, b"\x7f", "wanted symbol versions"),
        (lambda data: tag_value(data, TAG.RELA) + 16, b"\x7f\x7f", "the relocations"),
        (lambda data: tag_value(data, TAG.GNU_HASH) + 16, b"\x55\x55", r"DT_GNU_HASH\) changed"),  # Bloom filter
        (lambda data: tag_value(data, TAG.GNU_HASH), b"\xff\xff\xff\x0f", "DT_GNU_HASH"),
        (lambda data: dynamic_entry(data, TAG.RELAENT), b"\x7f", "other dynamic tags"),
        (lambda data: dynamic_entry(data, TAG.RELAENT) + 8, b"\x10", "dynamic tag 0x9 changed"),
        (lambda data: dynamic_entry(data, TAG.NEEDED), b"\0", "patchelf damaged the file"),
        (lambda _: 48, b"\1", "the type, the machine or the flags"),
        (lambda data: last_load(data) + 48, b"\0\2\0\0", "aligned to 0x200 only"),  # p_align
        (lambda data: last_load(data) + 16, b"\0\0\0\0", "overlaps|damaged"),  # p_vaddr
        (last_load, b"\x04", "damaged"),  # no PT_LOAD any more
    ],
)
def test_damage(edited: tuple[Snapshot, bytes], find: Callable[[bytes], int], value: bytes, message: str) -> None:
    before, result = edited
    start = find(result)
    damaged = result[:start] + value + result[start + len(value) :]
    assert damaged != result
    with pytest.raises(MachineError, match=message) as caught:
        verify(before, damaged, EDIT, "patchelf")
    assert caught.value.hint == "try another version of patchelf"


def test_a_name_that_shares_the_old_search_path_is_protected(edited: tuple[Snapshot, bytes]) -> None:
    """patchelf overwrites the old search path, which may be the tail of a symbol's name."""
    before, result = edited
    assert before.dynamic is not None
    name = before.strings.index(b"PyInit__vend") + 2
    sharing = {**before.dynamic.values, 15: name}
    changed = type(before.dynamic)(
        values=sharing,
        tags=before.dynamic.tags,
        needed=before.dynamic.needed,
        soname=None,
        rpaths=(),
        inherited_rpaths=False,
        strings=before.dynamic.strings,
    )
    start = tag_value(result, TAG.STRTAB) + name
    damaged = result[:start] + b"XXXXXXXXXX" + result[start + 10 :]
    source = Snapshot(**{slot: getattr(before, slot) for slot in Snapshot.__slots__} | {"dynamic": changed})
    with pytest.raises(MachineError, match="names in the dynamic string table"):
        verify(source, damaged, EDIT, "patchelf")
