"""Reading back: every kind of damage to an edited image is found; and the layout rules, each broken once."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madeslices import BASE, Macho, build_version, command, dylib, nlist, padded, segment

from nativewheel.errors import MachineError, NativewheelError
from nativewheel.formats.image import Edit, FlatBinding, Identity
from nativewheel.formats.macho import bindopcodes, chained, trie
from nativewheel.formats.macho.bindopcodes import Bind
from nativewheel.formats.macho.chained import ChainedFixups, ChainedImport
from nativewheel.formats.macho.layoutcheck import layout_problems
from nativewheel.formats.macho.rewrite import rewrite
from nativewheel.formats.macho.slices import opened, parse
from nativewheel.formats.macho.trie import Export
from nativewheel.formats.macho.verify import verify
from nativewheel.formats.macho.writer import apply

if TYPE_CHECKING:
    from collections.abc import Callable

WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"
FOO, NEW = Identity("libfoo.dylib"), Identity("libnwfoo.dylib")
EDIT = Edit(
    identity=NEW,
    rpaths=("/new",),
    rename_symbols=(("_mine", "_nw_mine"),),
    flat=(FlatBinding(dependency=FOO, identity=NEW, renames=(("_add", "_nw_add"),)),),
)
COMMANDS = (dylib(0xD, "libmade.dylib"), dylib(0xC, FOO), dylib(0xC, "libbar.dylib"), command(0x1B, bytes(range(16))), build_version(0xB0000))
STRINGS = padded(b" \0_add\0_mine\0_bar\0")
SYMBOLS = (
    nlist(STRINGS.index(b"_mine"), 0xF, 0, 8),
    nlist(STRINGS.index(b"_add"), 0x1, 0x100),
    nlist(STRINGS.index(b"_bar"), 0x1, 0x200),
)
OPCODES = Macho(
    commands=COMMANDS,
    trie=padded(trie.encode([Export(b"_mine", 0, 8)])),
    bind=padded(bindopcodes.encode([Bind(1, b"_add", 0, 1, 0, 0, 0), Bind(2, b"_bar", 1, 1, 8, 0, 8)])),
    weak_bind=padded(bindopcodes.encode_weak([Bind(0, b"_weak", 0, 1, 0, 0, 16)], [(b"_weak", 0)])),
    symbols=SYMBOLS,
    strings=STRINGS,
)
IMPORTS = (ChainedImport(1, weak=False, name=b"_add"), ChainedImport(2, weak=True, name=b"_bar"))
CHAINED = replace(
    OPCODES,
    bind=b"",
    weak_bind=b"",
    chained=padded(chained.encode(ChainedFixups(starts=b"starts__", imports_format=1, imports=IMPORTS))),
)


def checked(made: Macho, damage: Callable[[bytearray], None]) -> None:
    with opened(made.build()) as before:
        (image,) = before.slices
        rewritten = rewrite(image, EDIT)
        assert rewritten is not None
        damage(rewritten.content)
        verify(before, rewritten.content, EDIT, [rewritten.changes], "made.dylib")


def swap(old: bytes, new: bytes) -> Callable[[bytearray], None]:
    def damage(content: bytearray) -> None:
        assert content.count(old) == 1
        assert len(old) == len(new)
        content[:] = content.replace(old, new)

    return damage


def end_early(content: bytearray) -> None:
    del content[-8:]


def nothing(_: bytearray) -> None:
    """The result as it should be."""


@pytest.mark.parametrize("made", [OPCODES, CHAINED])
def test_what_was_asked_is_accepted(made: Macho) -> None:
    checked(made, nothing)


ID_NAME = struct.pack("<IIIIII", 0xD, 40, 24, 2, 0x10000, 0x10000) + b"lib"
BUILD = struct.pack("<IIIH", 0x32, 24, 1, 0)
DAMAGE = {
    "the dependencies are": swap(b"libbar.dylib", b"libbaz.dylib"),
    "the install name is": swap(ID_NAME + b"nw", ID_NAME + b"mw"),
    "the search path is": swap(b"/new", b"/old"),
    "other load commands changed": swap(BUILD + b"\x0b", BUILD + b"\x0c"),
    "shorter than its segment": end_early,
}
OPCODE_DAMAGE = {
    "the bound symbols are not": swap(b"\x3e\x40_nw_add\0", b"\x3e\x40_nw_dad\0"),
    "the weakly bound symbols are not": swap(b"_weak\0", b"_week\0"),
}
CHAINED_DAMAGE = {
    "the starts of the fixup chains changed": swap(b"starts__", b"stairs__"),
    "the imported symbols are not": swap(b"\0\0_nw_add\0_bar", b"\0\0_nw_dad\0_bar"),
}


@pytest.mark.parametrize(("problem", "damage"), [*DAMAGE.items(), *OPCODE_DAMAGE.items()])
def test_damage(problem: str, damage: Callable[[bytearray], None]) -> None:
    with pytest.raises(MachineError, match=problem):
        checked(OPCODES, damage)


@pytest.mark.parametrize(("problem", "damage"), [*DAMAGE.items(), *CHAINED_DAMAGE.items()])
def test_damage_with_chained_fixups(problem: str, damage: Callable[[bytearray], None]) -> None:
    with pytest.raises(MachineError, match=problem):
        checked(CHAINED, damage)


def test_damage_to_code() -> None:
    def damage(content: bytearray) -> None:
        content[BASE - 1] ^= 1

    with pytest.raises(MachineError, match="code or data changed"):
        checked(OPCODES, damage)


def test_every_byte_of_the_result_matters() -> None:
    """A wrong bit anywhere is found, but for what has no meaning: filling, the UUID, and numbers that nothing reads."""
    with opened(OPCODES.build()) as before:
        rewritten = rewrite(before.slices[0], EDIT)
        assert rewritten is not None
        good = rewritten.content
        missed = [place for place in range(len(good)) if not _found(before, good, place, rewritten.changes)]
    image = parse(bytes(good)).slices[0]
    uuid = bytes(good).index(b"\x1b\0\0\0\x18\0\0\0") + 8
    meaningless = {*range(image.commands_end, BASE - 16), *range(uuid, uuid + 16)}
    # Time stamps of libraries, offsets of what is empty, what fills strings and tables up.
    assert len(set(missed) - meaningless) < 60


def _found(before: object, good: bytearray, place: int, changes: object) -> bool:
    broken = bytearray(good)
    broken[place] ^= 1
    try:
        verify(before, broken, EDIT, [changes], "made.dylib")  # type: ignore[arg-type, list-item]
    except MachineError:
        return True
    return False


def example(member: str, platform: str) -> bytes:
    (wheel,) = WHEELS.glob(f"{member.partition('/')[0]}-*-macosx_11_0_{platform}.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)


EXAMPLE = example("ntuser/_ext.abi3.so", "universal2")
HEADERS = [*range(8, 48), *range(0x4000, 0x4600), *range(len(EXAMPLE) - 2000, len(EXAMPLE))]


@settings(max_examples=150, deadline=2000)
@given(st.lists(st.tuples(st.sampled_from(HEADERS), st.integers(0, 255)), min_size=1, max_size=4))
def test_hostile_files_are_edited_or_refused(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]) -> None:
    data = bytearray(EXAMPLE)
    for place, value in changes:
        data[place] = value
    folder = tmp_path_factory.mktemp("hostile")
    source = folder / "_ext.abi3.so"
    source.write_bytes(data)
    edit = Edit(
        rpaths=(),
        strip=True,
        rename_symbols=(("_PyInit__ext", "_renamed"),),
        flat=(FlatBinding(dependency=Identity("@rpath/libntcore.dylib"), identity=NEW, renames=(("_nt_add", "_nw_nt_add"),)),),
    )
    try:
        apply(source, edit, folder / "edited")
    except NativewheelError:
        assert not (folder / "edited").exists()


def problems(made: Macho, **fields: object) -> list[str]:
    return list(layout_problems(parse(replace(made, **fields).build()).slices[0]))  # type: ignore[arg-type]


def test_the_layout_of_a_rewritten_image(tmp_path: Path) -> None:
    (tmp_path / "made.dylib").write_bytes(replace(OPCODES, cpu=(0x0100000C, 0)).build())
    apply(tmp_path / "made.dylib", EDIT, tmp_path / "edited")
    found = list(layout_problems(parse((tmp_path / "edited").read_bytes()).slices[0]))
    assert found == ["__LINKEDIT is not read-only"]


def test_layout_rules() -> None:
    usual = problems(OPCODES)
    odd = dylib(0xC, FOO)
    odd = odd[:4] + (len(odd) + 4).to_bytes(4, "little") + odd[8:] + bytes(4)
    newest = build_version(0xB0000).replace(b"\0\0\x0f\0", b"\0\0\x1a\0")
    cases = {
        "function starts at 0x404 is not aligned to 8 bytes": (*COMMANDS, command(0x26, struct.pack("<II", BASE + 4, 4))),
        "function starts at 0x408 is over bind table, which reaches to 0x418": (*COMMANDS, command(0x26, struct.pack("<II", BASE + 8, 4))),
        "function starts reaches past the end of __LINKEDIT": (*COMMANDS, command(0x26, struct.pack("<II", BASE + 0x200, 1 << 20))),
        "libfoo.dylib is there 2 times": (*COMMANDS[:4], COMMANDS[1], newest),
        f"load command 0xc has {len(odd)} bytes": (odd,),
        "__LINKEDIT is not the last segment": (*COMMANDS, segment("__LAST", 1 << 20, 16, 0)),
    }
    for problem, commands in cases.items():
        assert problem not in usual
        assert problem in problems(OPCODES, commands=commands)
    assert list(layout_problems(parse(OPCODES.build().replace(b"__LINKEDIT\0", b"__LINKEDOT\0")).slices[0])) == ["there is no __LINKEDIT segment"]
