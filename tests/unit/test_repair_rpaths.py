"""Search paths: what leads out of the wheel goes, the rest stays, and what is needed is added once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeimages import extension, member
from mademacs import dylib

from nativewheel import formats
from nativewheel.formats.image import Format, Kind
from nativewheel.repair.rpaths import away_from, dropped, kept, leading_to, of_system

if TYPE_CHECKING:
    from nativewheel.linkage.contents import WheelImage

ELF = formats.conventions(Format.ELF)
FOLDERS = st.lists(st.sampled_from(["a", "b", "spam.libs"]), max_size=3).map("/".join)


def image(*rpaths: str, path: str = "pkg/sub/_x.so", installed: bool = True) -> WheelImage:
    return member(path, extension(rpaths=rpaths), installed=installed)


@pytest.mark.parametrize(
    "entry", ["$ORIGIN", "${ORIGIN}", "$ORIGIN/", "$ORIGIN/lib", "$ORIGIN/..", "$ORIGIN/../..", "$ORIGIN/../../spam.libs", "$ORIGIN/../missing"]
)
def test_what_stays_inside_the_installation_is_kept_as_it_is(entry: str) -> None:
    assert (kept(image(entry)), dropped(image(entry))) == ((entry,), ())


@pytest.mark.parametrize(
    "entry",
    [
        "/usr/lib",
        "$ORIGIN/../../..",
        "$ORIGIN/../../../lib",
        "lib",
        ".",
        "",
        "$LIB",
        "$ORIGIN/$LIB",
        "$ORIGINAL/x",
        "/$ORIGIN",
        "/opt/placehold_placehold",
    ],
)
def test_what_leads_out_of_it_is_dropped(entry: str) -> None:
    assert (kept(image(entry)), dropped(image(entry))) == ((), (entry,))


@pytest.mark.parametrize("installed", [True, False])
def test_folders_of_macos_are_on_every_mac(*, installed: bool) -> None:
    found = member("pkg/_x.so", dylib(None, rpaths=("/usr/lib/swift", "/opt/homebrew/lib", "/usr/lib/swift")), installed=installed)
    assert (kept(found), dropped(found)) == (("/usr/lib/swift",), ("/opt/homebrew/lib",))
    assert of_system(found.image) == ("/usr/lib/swift",)
    assert of_system(image("/usr/lib").image) == ()


def test_order_is_kept_and_repetition_is_not() -> None:
    found = image("/b", "$ORIGIN/y", "/a", "$ORIGIN/x", "$ORIGIN/y", "/b")
    assert kept(found) == ("$ORIGIN/y", "$ORIGIN/x")
    assert dropped(found) == ("/b", "/a")


def test_the_depth_of_the_image_decides_what_is_outside() -> None:
    assert kept(image("$ORIGIN/..", path="_x.so")) == ()
    assert kept(image("$ORIGIN/..", path="pkg/_x.so")) == ("$ORIGIN/..",)


def test_a_program_in_the_scripts_folder_keeps_what_is_relative() -> None:
    found = image("$ORIGIN/../lib/python3.11/site-packages/x", "/opt", installed=False)
    assert (kept(found), dropped(found)) == (("$ORIGIN/../lib/python3.11/site-packages/x",), ("/opt",))


def test_paths_are_added_in_order_after_those_that_are_there() -> None:
    added = leading_to(["spam.libs", "pkg/sub", "pkg", "", "spam.libs"], "pkg/sub", ("$ORIGIN/y",), ELF)
    assert added == ("$ORIGIN/y", "$ORIGIN/../../spam.libs", "$ORIGIN", "$ORIGIN/..", "$ORIGIN/../..")


@pytest.mark.parametrize("entry", ["$ORIGIN/../../spam.libs", "${ORIGIN}/../../spam.libs/", "$ORIGIN/x/../../../spam.libs"])
def test_a_folder_that_is_reached_already_is_not_added(entry: str) -> None:
    assert leading_to(["spam.libs"], "pkg/sub", (entry,), ELF) == (entry,)


def test_what_leads_to_a_folder_to_avoid_goes() -> None:
    entries = ("$ORIGIN/../ntcore/lib", "$ORIGIN/lib", "${ORIGIN}/x/../../ntcore/lib/", "$ORIGIN/../ntcore")
    assert away_from(["ntcore/lib", "spam.libs"], "pkg", entries, ELF) == ("$ORIGIN/lib", "$ORIGIN/../ntcore")


@given(st.lists(FOLDERS), FOLDERS)
def test_what_is_added_leads_where_it_should(folders: list[str], here: str) -> None:
    installed = f"{here}/_x.so" if here else "_x.so"
    entries = leading_to(folders, here, (), ELF)
    assert [ELF.expand_rpath(entry, here) for entry in entries] == list(dict.fromkeys(folders))
    assert leading_to(folders, here, entries, ELF) == entries
    assert kept(image(*entries, path=installed)) == entries


@pytest.mark.parametrize(
    ("kind", "entries", "stay"),
    [
        (Kind.EXTENSION, ("@loader_path/lib", "@executable_path/../lib", "/opt/lib", "@rpath"), ("@loader_path/lib",)),
        (Kind.LIBRARY, ("@executable_path/../lib", "@loader_path/../../.."), ()),
        (Kind.PROGRAM, ("@executable_path/../lib", "@executable_path/../../../lib", "@loader_path"), ("@executable_path/../lib", "@loader_path")),
    ],
)
def test_the_folder_of_a_program_is_known_when_the_image_is_one(kind: Kind, entries: tuple[str, ...], stay: tuple[str, ...]) -> None:
    found = member("pkg/bin/x", dylib(None, kind=kind, rpaths=entries))
    assert kept(found) == stay
    assert set(dropped(found)) == {*entries} - {*stay}


def test_a_program_among_the_scripts_keeps_all_that_is_relative() -> None:
    found = member(
        "s.data/scripts/x", dylib(None, kind=Kind.PROGRAM, rpaths=("@executable_path/../lib", "/opt/lib", "@loader_path")), installed=False
    )
    assert (kept(found), dropped(found)) == (("@executable_path/../lib", "@loader_path"), ("/opt/lib",))


def test_a_format_whose_names_say_the_place_needs_no_search_path() -> None:
    assert leading_to(["spam.libs"], "pkg", ("@loader_path",), formats.conventions(Format.MACHO)) == ("@loader_path",)
