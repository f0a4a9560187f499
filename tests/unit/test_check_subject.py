"""What rules see of a wheel: each part made once, in bounded memory, without the build host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import content
from madeshares import CORE, USER, changed
from smallwheels import rewritten, wheel

from nativewheel.check.few import few
from nativewheel.check.options import CheckOptions
from nativewheel.check.subject import CheckedWheel
from nativewheel.errors import UnreadableError
from nativewheel.linkage.graph import Reach
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

TAG = "cp38-abi3-manylinux_2_17_x86_64"
MODULE, LIBRARY = Member("small/_ext.abi3.so"), Member("small/libntcore.so.1")


def opened(path: Path, *, kept: int = 1 << 20) -> CheckedWheel:
    return CheckedWheel(path, CheckOptions(), jobs=2, kept=kept)


@pytest.mark.parametrize(("kept", "reads"), [(1 << 20, 1), (len(USER), 2), (0, 3)])
def test_inflated_images_are_kept_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int, reads: int) -> None:
    with opened(wheel(tmp_path, TAG, {MODULE: USER, LIBRARY: CORE}), kept=kept) as subject:
        read: list[Member] = []
        raw = WheelArchive.raw

        def counted(archive: WheelArchive, member: Member) -> bytes:
            read.append(member)
            return raw(archive, member)

        monkeypatch.setattr(WheelArchive, "raw", counted)
        assert len(CORE) < len(USER)
        assert subject.data(MODULE) == subject.data(MODULE) == USER
        subject.data(LIBRARY)
        assert subject.data(MODULE) == USER
        assert read.count(MODULE) == reads


def test_libraries_of_this_machine_do_not_count(tmp_path: Path) -> None:
    module = changed(tmp_path, USER, "--add-needed", "libz.so.1", "--add-needed", "libstdc++.so.6", "--add-needed", "libabsent.so.1")
    with opened(wheel(tmp_path, TAG, {MODULE: module, LIBRARY: CORE})) as subject:
        assert subject.graph is not None
        assert {str(link.name): link.reach for link in subject.graph.links[MODULE]} == {
            "libntcore.so.1": Reach.MEMBER,
            "libz.so.1": Reach.PLATFORM,
            "libstdc++.so.6": Reach.PLATFORM,
            "libabsent.so.1": Reach.NOWHERE,
            "libc.so.6": Reach.PLATFORM,
        }
        assert [policy.tag for policy in subject.promised] == ["manylinux_2_17_x86_64"]


def test_images_that_do_not_agree_are_no_error(tmp_path: Path) -> None:
    arm = content("ntuser-0.4.0-cp38-abi3-linux_aarch64.whl", "ntuser/_ext.abi3.so")
    with opened(wheel(tmp_path, TAG, {MODULE: arm})) as subject:
        assert (subject.contents.images, subject.graph, subject.judge, subject.verdict) == ((), None, None, None)
        assert "made for aarch64" in str(subject.disagreement)
        assert MODULE in subject.read_images


def test_broken_images_count_where_they_are_of_the_wheels_own_kind(tmp_path: Path) -> None:
    path = wheel(tmp_path, TAG, {MODULE: USER, "small/other.dll": b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0"})
    with opened(path) as subject:
        assert set(subject.natives) == {MODULE, "small/other.dll"}
        assert set(subject.read_images) == {MODULE}
    with opened(rewritten(path, tmp_path / "out", {MODULE: USER[:100]})) as subject, pytest.raises(UnreadableError):
        _ = subject.contents


def test_systems_that_nobody_knows(tmp_path: Path) -> None:
    with opened(wheel(tmp_path, "cp38-abi3-android_21_x86_64", {MODULE: USER})) as subject, pytest.raises(UnreadableError, match="not supported"):
        _ = subject.contents


def test_a_few_of_many() -> None:
    assert list(few("ab", most=2)) == [("a", ""), ("b", "")]
    assert list(few("abcd", most=2)) == [("a", ""), ("b", " (and 2 more)")]
    assert list(few("")) == []
