"""Search path entries: written for a folder, and resolved to a folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.formats.elf.conventions import expand_rpath, is_relative_rpath, relative_rpath

FOLDERS = st.lists(st.text(alphabet="abz._-", min_size=1, max_size=4).filter(lambda name: name not in {".", ".."}), max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("from_dir", "to_dir", "entry"),
    [
        ("pkg", "pkg.libs", "$ORIGIN/../pkg.libs"),
        ("pkg/sub", "pkg.libs", "$ORIGIN/../../pkg.libs"),
        ("", "pkg.libs", "$ORIGIN/pkg.libs"),
        ("pkg.libs", "pkg.libs", "$ORIGIN"),
        ("pkg", "pkg/lib", "$ORIGIN/lib"),
        ("pkg", "", "$ORIGIN/.."),
        ("", "", "$ORIGIN"),
    ],
)
def test_relative(from_dir: str, to_dir: str, entry: str) -> None:
    assert relative_rpath(from_dir, to_dir) == entry


@pytest.mark.parametrize(
    ("entry", "folder"),
    [
        ("$ORIGIN", "pkg/sub"),
        ("${ORIGIN}", "pkg/sub"),
        ("$ORIGIN/", "pkg/sub"),
        ("$ORIGIN//lib/./x/..", "pkg/sub/lib"),
        ("${ORIGIN}/../../p.libs", "p.libs"),
        ("$ORIGIN/../..", ""),
        ("$ORIGIN/../../..", None),
        ("$ORIGIN/../../../site-packages/p.libs", None),
        ("/usr/lib", None),
        ("lib", None),
        ("", None),
        ("$ORIGINAL/lib", None),
        ("$ORIGIN.libs", None),
        ("$ORIGIN/$LIB", None),
        ("$ORIGIN/${PLATFORM}", None),
        ("/opt/$ORIGIN", None),
        ("@loader_path/lib", None),
    ],
)
def test_expand(entry: str, folder: str | None) -> None:
    assert expand_rpath(entry, "pkg/sub") == folder


def test_expand_in_the_root() -> None:
    assert expand_rpath("$ORIGIN", "") == ""
    assert expand_rpath("$ORIGIN/x", "") == "x"
    assert expand_rpath("$ORIGIN/..", "") is None


def test_what_depends_on_the_place_of_the_image() -> None:
    assert is_relative_rpath("$ORIGIN/../../../lib")
    assert is_relative_rpath("${ORIGIN}")
    assert not is_relative_rpath("/usr/lib")
    assert not is_relative_rpath("$ORIGINAL")


@given(FOLDERS, FOLDERS)
def test_what_is_written_leads_back(from_dir: str, to_dir: str) -> None:
    assert expand_rpath(relative_rpath(from_dir, to_dir), from_dir) == to_dir
