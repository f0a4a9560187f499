"""New load commands: names, search paths, the UUID, and the room that there is for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslices import ARM64, BASE, BUNDLE, EXECUTE, Macho, build_version, command, dylib, named, segment

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, FlatBinding, Identity
from nativewheel.formats.macho.codesign import EXECSEG_MAIN_BINARY
from nativewheel.formats.macho.loadedit import room
from nativewheel.formats.macho.signature import Signer, verify
from nativewheel.formats.macho.slices import parse
from nativewheel.formats.macho.writer import apply

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.macho.slices import Slice

ID, LOAD, WEAK, RPATH, UUID = 0xD, 0xC, 0x80000018, 0x8000001C, 0x1B
FOO, NEW = Identity("libfoo.dylib"), Identity("@rpath/libnew.dylib")
COMMANDS = (dylib(ID, "libmade.dylib"), dylib(LOAD, FOO), dylib(LOAD, "libbar.dylib"), command(UUID, bytes(range(16))))
MADE = Macho(commands=COMMANDS, trie=b"\0\0")


def rewritten(folder: Path, data: bytes, edit: Edit) -> Slice:
    source, destination = folder / "made.dylib", folder / "edited.dylib"
    source.write_bytes(data)
    apply(source, edit, destination)
    return parse(destination.read_bytes()).slices[0]


def padding_of(data: bytes, wanted: int) -> bytes:
    """Fill the room for load commands with a search path, until ``wanted`` bytes are left."""
    image = parse(data).slices[0]
    spare = room(image) - wanted
    return replace(MADE, commands=(*COMMANDS, named(RPATH, "x" * (spare - 13)))).build()


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=20).filter(str.isprintable), max_size=8))
def test_any_search_path(tmp_path_factory: pytest.TempPathFactory, entries: list[str]) -> None:
    image = rewritten(tmp_path_factory.mktemp("paths"), MADE.build(), Edit(rpaths=tuple(entries)))
    assert image.rpaths == tuple(entries)
    assert all(item.size % 8 == 0 for item in image.commands)


def test_a_search_path_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    data = replace(MADE, commands=(COMMANDS[0], named(RPATH, "/old"), *COMMANDS[1:], named(RPATH, "/other"))).build()
    image = rewritten(tmp_path, data, Edit(rpaths=("/new", "/newer", "/newest")))
    assert [item.cmd for item in image.commands][:6] == [ID, RPATH, RPATH, RPATH, LOAD, LOAD]
    assert image.rpaths == ("/new", "/newer", "/newest")


def test_what_the_versions_of_a_library_are_stays(tmp_path: Path) -> None:
    image = rewritten(tmp_path, MADE.build(), Edit(identity=NEW, replace=((FOO, NEW),)))
    assert [item.body[12:24] for item in image.commands[:2]] == [item[12:24] for item in COMMANDS[:2]]
    assert (image.id_dylib, image.dylibs[0].name) == (NEW, NEW)


def test_a_use_of_a_library_as_macos_15_states_it(tmp_path: Path) -> None:
    use = named(LOAD, FOO, 0x1A741800, 0x10000, 0x10000, 4)  # the flag says upward
    data = replace(MADE, commands=(use, *COMMANDS[2:])).build()
    renamed = rewritten(tmp_path, data, Edit(replace=((FOO, NEW),)))
    assert (renamed.commands[0].body[12:28], renamed.dylibs[0].name, renamed.dylibs[0].kind) == (use[12:28], NEW, "upward")
    flat = rewritten(tmp_path, data, Edit(flat=(FlatBinding(dependency=FOO, identity=NEW),)))
    assert (flat.commands[0].cmd, flat.commands[0].body[8:12], flat.commands[0].body[12:16]) == (WEAK, b"\x18\0\0\0", b"\2\0\0\0")
    assert flat.dylibs[0].kind == "weak"


def test_the_uuid_follows_the_symbols_and_nothing_else(tmp_path: Path) -> None:
    first = Edit(flat=(FlatBinding(dependency=FOO, identity=NEW, renames=(("_a", "_b"),)),))
    second = Edit(flat=(FlatBinding(dependency=FOO, identity=NEW, renames=(("_a", "_c"),)),))
    found = [rewritten(tmp_path, MADE.build(), edit).uuid for edit in (Edit(identity=NEW, rpaths=("/a",)), first, second, first)]
    assert found[0] == bytes(range(16))
    assert len(set(found)) == 3
    assert found[1] == found[3]


@pytest.mark.parametrize("left", [0, 8, 48])
def test_names_use_all_the_room_there_is_and_no_more(tmp_path: Path, left: int) -> None:
    data = padding_of(MADE.build(), left)
    assert room(parse(data).slices[0]) == left
    # A command of 40 bytes holds a name of 15: 24 bytes are fixed, and one ends it.
    fitting = Identity("x" * (15 + left))
    image = rewritten(tmp_path, data, Edit(replace=((FOO, fitting),)))
    assert image.dylibs[0].name == fitting
    assert image.commands_end == image.header_limit == BASE - 16
    with pytest.raises(LinkageError, match=rf"need {left + 8} bytes more, and there is room for {left}") as caught:
        rewritten(tmp_path, data, Edit(replace=((FOO, Identity(fitting + "x")),)))
    assert caught.value.hint is not None
    assert "headerpad" in caught.value.hint


def test_no_room_where_somebody_has_put_something(tmp_path: Path) -> None:
    data = bytearray(MADE.build())
    image = parse(data).slices[0]
    data[image.commands_end + 16] = 1
    assert room(parse(data).slices[0]) == 16
    rewritten(tmp_path, bytes(data), Edit(replace=((FOO, Identity("x" * 31)),)))
    with pytest.raises(LinkageError, match="need 24 bytes more, and there is room for 16"):
        rewritten(tmp_path, bytes(data), Edit(replace=((FOO, Identity("x" * 39)),)))


def test_shorter_names_leave_zeros(tmp_path: Path) -> None:
    data = padding_of(MADE.build(), 0)
    image = rewritten(tmp_path, data, Edit(rpaths=()))
    assert not any(image.data[image.commands_end : image.header_limit])


def test_an_unsigned_image_for_arm64_is_signed(tmp_path: Path) -> None:
    image = rewritten(tmp_path, replace(MADE, cpu=ARM64).build(), Edit(identity=NEW))
    state = verify(image)
    assert (state.signer, state.identifier, state.problem) == (Signer.AD_HOC, "libnew.dylib", None)
    assert image.commands[-1].cmd == 0x1D


@pytest.mark.parametrize(("signed", "signer"), [(False, Signer.NOBODY), (True, Signer.AD_HOC)])
def test_an_image_for_x86_64_is_signed_if_it_was(tmp_path: Path, signed: bool, signer: Signer) -> None:  # noqa: FBT001
    state = verify(rewritten(tmp_path, replace(MADE, signed=signed).build(), Edit(replace=((FOO, NEW),))))
    assert (state.signer, state.problem) == (signer, None)


def test_the_signature_of_a_program_says_so(tmp_path: Path) -> None:
    image = rewritten(tmp_path, replace(MADE, filetype=EXECUTE, signed=True, commands=COMMANDS[1:]).build(), Edit(replace=((FOO, NEW),)))
    assert image.code_signature is not None
    flags = image.take(image.code_signature.offset + 20 + 80, 8, "execSegFlags")
    assert int.from_bytes(flags, "big") == EXECSEG_MAIN_BINARY
    assert verify(image).identifier == "made"


@pytest.mark.parametrize(("signed", "identifier"), [(True, "made"), (False, bytes(range(16)).hex())])
@pytest.mark.parametrize("filetype", [BUNDLE, EXECUTE])
def test_the_name_of_the_file_leaves_no_trace(tmp_path: Path, filetype: int, signed: bool, identifier: str) -> None:  # noqa: FBT001
    """Without an install name, a signature calls the image as the last one did, or else by its UUID."""
    data = replace(MADE, cpu=ARM64, filetype=filetype, signed=signed, commands=COMMANDS[1:]).build()
    results = []
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(data)
        apply(tmp_path / name, Edit(replace=((FOO, NEW),)), tmp_path / "edited")
        results.append((tmp_path / "edited").read_bytes())
    assert results[0] == results[1]
    state = verify(parse(results[0]).slices[0])
    assert (state.identifier, state.problem) == (identifier, None)


def test_an_install_name_for_what_has_none(tmp_path: Path) -> None:
    with pytest.raises(LinkageError, match="that has none"):
        rewritten(tmp_path, replace(MADE, commands=COMMANDS[1:]).build(), Edit(identity=NEW))


def test_two_libraries_of_one_name(tmp_path: Path) -> None:
    """dyld refuses them from the SDK of macOS 26 on, and no load command can be dropped."""
    edit = Edit(replace=((FOO, Identity("libbar.dylib")),))
    old = rewritten(tmp_path, MADE.build(), edit)
    assert [item.name for item in old.dylibs] == ["libbar.dylib", "libbar.dylib"]
    newer = build_version(0xB0000).replace((0xF0000).to_bytes(4, "little"), (0x1A0000).to_bytes(4, "little"))
    with pytest.raises(LinkageError, match=r"libbar.dylib twice"):
        rewritten(tmp_path, replace(MADE, commands=(*COMMANDS, newer)).build(), edit)


def test_linkedit_that_would_grow_over_another_segment(tmp_path: Path) -> None:
    data = replace(MADE, commands=(*COMMANDS, segment("__FAR", 0x100000, 16, 0))).build()
    with pytest.raises(LinkageError, match="not the last segment"):
        rewritten(tmp_path, data, Edit(identity=NEW))
