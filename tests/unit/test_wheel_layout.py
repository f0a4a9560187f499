"""The special folders of a wheel and the install schemes."""

from __future__ import annotations

import pytest

from nativewheel.errors import UnreadableError
from nativewheel.wheel.layout import Layout, Scheme
from nativewheel.wheel.names import Member, WheelName

NAME = WheelName.parse("Foo_Bar-1.0-py3-none-any.whl")


def find(*members: str, name: WheelName = NAME) -> Layout:
    return Layout.find(name, [Member(member) for member in members])


@pytest.mark.parametrize("folder", ["Foo_Bar-1.0", "foo_bar-1.0", "foo.bar-1.0", "foo-bar-1.0", "FOO__BAR-1.0.0"])
def test_a_spelling_that_is_equal_when_normalised_is_accepted(folder: str) -> None:
    layout = find(f"{folder}.dist-info/WHEEL", "a.py")
    assert layout.dist_info == f"{folder}.dist-info"
    assert layout.data_dir == f"{folder}.data"


@pytest.mark.parametrize(("version", "folder"), [("1.0+cpu", "1.0+cpu"), ("1.0+ubuntu.1", "1.0+ubuntu_1"), ("1!2.0", "1!2"), ("1.0.post1", "1.0-1")])
def test_versions_are_compared_normalised(version: str, folder: str) -> None:
    name = WheelName.parse(f"foo-{version}-py3-none-any.whl")
    assert find(f"foo-{folder}.dist-info/WHEEL", name=name).dist_info == f"foo-{folder}.dist-info"


@pytest.mark.parametrize(
    "folder", ["foo_bar-1.1", "foo-1.0", "foo_bar", "bar-1.0", "", "-", "foo_bar-", "foo_bar-1.0-2", "a-" * 2000, "9" * 250 + "-1", "\x1b-1"]
)
def test_the_folder_of_another_distribution_is_refused(folder: str) -> None:
    with pytest.raises(UnreadableError, match="does not belong to Foo_Bar") as caught:
        find(f"{folder}.dist-info/WHEEL")
    assert str(caught.value).isprintable()


def test_a_wheel_needs_its_folder() -> None:
    with pytest.raises(UnreadableError, match="found: none"):
        find("a.py", "sub/foo_bar-1.0.dist-info/WHEEL", "foo_bar-1.0.dist-info")


def test_two_folders_are_refused() -> None:
    with pytest.raises(UnreadableError, match=r"found: foo_bar-1\.0\.dist-info, Foo_Bar-1\.0\.dist-info"):
        find("foo_bar-1.0.dist-info/WHEEL", "Foo_Bar-1.0.dist-info/WHEEL")


def test_the_data_folder_may_be_spelled_in_its_own_way() -> None:
    assert find("foo_bar-1.0.dist-info/WHEEL", "Foo_Bar-1.0.data/data/x").data_dir == "Foo_Bar-1.0.data"
    assert find("foo_bar-1.0.dist-info/WHEEL", "other-1.0.data/data/x").data_dir == "foo_bar-1.0.data"


def test_two_data_folders_are_refused() -> None:
    with pytest.raises(UnreadableError, match=r"two \.data folders"):
        find("foo_bar-1.0.dist-info/WHEEL", "Foo_Bar-1.0.data/data/x", "foo_bar-1.0.data/data/x")


@pytest.mark.parametrize(
    ("member", "scheme", "installed"),
    [
        ("pkg/a.so", Scheme.ROOT, "pkg/a.so"),
        ("foo_bar-1.0.dist-info/WHEEL", Scheme.ROOT, "foo_bar-1.0.dist-info/WHEEL"),
        ("foo_bar-1.0.data/platlib/pkg/a.so", Scheme.PLATLIB, "pkg/a.so"),
        ("foo_bar-1.0.data/purelib/pkg/a.so", Scheme.PURELIB, "pkg/a.so"),
        ("foo_bar-1.0.data/scripts/tool", Scheme.SCRIPTS, None),
        ("foo_bar-1.0.data/data/lib/liba.so", Scheme.DATA, None),
        ("foo_bar-1.0.data/headers/a.h", Scheme.HEADERS, None),
        ("foo_bar-1.0.data.py", Scheme.ROOT, "foo_bar-1.0.data.py"),
    ],
)
def test_members_land_where_their_scheme_says(member: str, scheme: Scheme, installed: str | None) -> None:
    layout = find("foo_bar-1.0.dist-info/WHEEL", member)
    assert layout.scheme(Member(member)) is scheme
    assert layout.installed_path(Member(member)) == installed


@pytest.mark.parametrize("rest", ["file", "root/file", "include/file", "Scripts/file"])
def test_a_member_without_a_scheme_is_refused(rest: str) -> None:
    with pytest.raises(UnreadableError, match="no install scheme") as caught:
        find("foo_bar-1.0.dist-info/WHEEL", f"foo_bar-1.0.data/{rest}")
    assert caught.value.where == (f"foo_bar-1.0.data/{rest}",)
