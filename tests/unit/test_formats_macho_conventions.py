"""Names that are relative to an image: written for a place, and resolved to a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.formats.macho.conventions import behind_rpath, expand_rpath, is_of_system, is_relative_rpath, reference, relative_rpath

FOLDERS = st.lists(st.text(alphabet="abz._-@", min_size=1, max_size=4).filter(lambda name: name not in {".", ".."}), max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("from_dir", "to_dir", "entry"),
    [
        ("pkg", "pkg.libs", "@loader_path/../pkg.libs"),
        ("pkg/sub", "pkg.libs", "@loader_path/../../pkg.libs"),
        ("", "pkg.libs", "@loader_path/pkg.libs"),
        ("pkg.libs", "pkg.libs", "@loader_path"),
        ("pkg", "", "@loader_path/.."),
    ],
)
def test_relative_rpath(from_dir: str, to_dir: str, entry: str) -> None:
    assert relative_rpath(from_dir, to_dir) == entry


@pytest.mark.parametrize(
    ("folder", "library", "name"),
    [
        ("pkg", "pkg.libs/libfoo.dylib", "@loader_path/../pkg.libs/libfoo.dylib"),
        ("pkg.libs", "pkg.libs/libfoo.dylib", "@loader_path/libfoo.dylib"),
        ("", "pkg.libs/libfoo.dylib", "@loader_path/pkg.libs/libfoo.dylib"),
        ("a/b", "libfoo.dylib", "@loader_path/../../libfoo.dylib"),
    ],
)
def test_reference(folder: str, library: str, name: str) -> None:
    assert reference(folder, library) == name


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("@loader_path", "pkg/sub"),
        ("@loader_path/", "pkg/sub"),
        ("@loader_path/.", "pkg/sub"),
        ("@loader_path//lib/./x/..", "pkg/sub/lib"),
        ("@loader_path/../../p.libs/libfoo.dylib", "p.libs/libfoo.dylib"),
        ("@loader_path/../..", ""),
        ("@loader_path/../../..", None),
        ("@loader_path/../../../site-packages/p.libs", None),
        ("@loader_paths/lib", None),
        ("@loader_path.libs", None),
        ("@executable_path/../lib", None),
        ("@rpath/libfoo.dylib", None),
        ("/usr/lib/libz.1.dylib", None),
        ("libfoo.dylib", None),
        ("", None),
        ("$ORIGIN/lib", None),
    ],
)
def test_expand(entry: str, place: str | None) -> None:
    assert expand_rpath(entry, "pkg/sub") == place


def test_expand_for_a_program_that_is_installed_too() -> None:
    assert expand_rpath("@executable_path/../lib", "pkg/sub", "p.data/scripts") == "p.data/lib"
    assert expand_rpath("@executable_path", "pkg/sub", "") == ""
    assert expand_rpath("@executable_path/..", "pkg/sub", "") is None
    assert expand_rpath("@loader_path", "pkg/sub", "bin") == "pkg/sub"


@pytest.mark.parametrize(
    ("name", "leaf"),
    [
        ("@rpath/libfoo.dylib", "libfoo.dylib"),
        ("@rpath/Foo.framework/Foo", "Foo.framework/Foo"),
        ("@rpath//libfoo.dylib", "libfoo.dylib"),
        ("@rpath", None),
        ("@rpath/", None),
        ("@rpaths/libfoo.dylib", None),
        ("libfoo.dylib", None),
        ("@loader_path/libfoo.dylib", None),
    ],
)
def test_behind_rpath(name: str, leaf: str | None) -> None:
    assert behind_rpath(name) == leaf


def test_what_depends_on_the_place_of_the_image() -> None:
    assert is_relative_rpath("@loader_path/../../../lib")
    assert is_relative_rpath("@executable_path")
    assert is_relative_rpath("@rpath/libfoo.dylib")
    assert not is_relative_rpath("/usr/lib")
    assert not is_relative_rpath("@loader_pathological")


@given(FOLDERS, FOLDERS)
def test_what_is_written_leads_back(from_dir: str, to_dir: str) -> None:
    assert expand_rpath(relative_rpath(from_dir, to_dir), from_dir) == to_dir
    assert expand_rpath(reference(from_dir, f"{to_dir}/b.dylib".lstrip("/")), from_dir) == f"{to_dir}/b.dylib".lstrip("/")


@pytest.mark.parametrize(
    ("path", "brought"),
    [
        ("/usr/lib", True),
        ("/usr/lib/swift", True),
        ("/System/Library/Frameworks", True),
        ("/usr/libexec", False),
        ("/usr/lib/../local/lib", False),
        ("/usr/local/lib", False),
        ("@loader_path", False),
        ("", False),
    ],
)
def test_what_macos_has_everywhere(path: str, *, brought: bool) -> None:
    assert is_of_system(path) is brought
