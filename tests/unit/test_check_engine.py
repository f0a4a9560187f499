"""The run as a whole: the same result for any number of processes, sets, and what does not fit into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checked import found
from madeshares import CORE, changed, consumer, provider, repaired
from smallwheels import rewritten, wheel

import nativewheel
from nativewheel.check import engine
from nativewheel.check.options import CheckOptions
from nativewheel.errors import UnreadableError, UsageError
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.wheel.names import Member

TAG = "py3-none-manylinux_2_17_x86_64"


@pytest.fixture
def several(tmp_path: Path) -> list[Path]:
    """Return wheels with findings of their own and together, and one that cannot be read."""
    names = ("spam", "eggs", "ham")
    wheels = [wheel(tmp_path, TAG, {f"{name}/libntcore.so.1": CORE, f"{name}/libntcore.so": CORE}, name=name) for name in names]
    broken = tmp_path / f"broken-1.0-{TAG}.whl"
    broken.write_bytes(b"")
    return [wheels[0], broken, wheels[1], rewritten(wheels[2], tmp_path / "out", {"ham/x": b""})]


def test_processes_change_nothing(several: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    one = nativewheel.check(several)
    monkeypatch.setattr(engine, "WORTHWHILE", 0)
    two = nativewheel.check(several, jobs=2)
    assert [(finding.wheel[:4], finding.rule) for finding in one.findings] == [
        ("spam", "NW109"),
        ("spam", "NW601"),
        ("spam", "NW601"),
        ("spam", "NW604"),
        ("eggs", "NW109"),
        ("eggs", "NW601"),
        ("ham-", "NW101"),
        ("ham-", "NW109"),
    ]
    assert (one.wheels, one.findings) == (two.wheels, two.findings)
    (failure,) = two.failures
    assert isinstance(failure, UnreadableError)
    assert (str(failure), failure.hint, failure.where) == (str(one.failures[0]), one.failures[0].hint, one.failures[0].where)


def test_progress(several: list[Path]) -> None:
    seen: list[tuple[str, int, int]] = []
    assignments = [engine.Assignment(path=path, options=CheckOptions(), codes=frozenset()) for path in several]
    engine.check_wheels(assignments, progress=lambda *state: seen.append(state))
    assert seen == [(path.name, index, 4) for index, path in enumerate(several)]


def test_every_member_is_inflated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = repaired([provider(tmp_path)], tmp_path / "out")
    read: list[str] = []
    raw = WheelArchive.raw

    def counted(archive: WheelArchive, member: Member) -> bytes:
        read.append(member)
        return raw(archive, member)

    monkeypatch.setattr(WheelArchive, "raw", counted)
    assert nativewheel.check([path], jobs=4).findings == ()
    with WheelArchive(path) as archive:
        members = set(archive.entries)
    dist_info = {member for member in members if "/nativewheel.json" in member or member.endswith("/RECORD")}
    assert set(read) == members
    assert [member for member in sorted(members - dist_info) if read.count(member) > 1] == []


def test_rules_about_sets_want_a_set(several: list[Path]) -> None:
    assert found("NW6", several[0]) == []


def test_ignores_hold_for_findings_about_sets(several: list[Path]) -> None:
    def ignoring(glob: str) -> set[str]:
        result = nativewheel.check(several, select=["NW601"], per_wheel_ignores={glob: ["NW6"]})
        return {finding.wheel[:4] for finding in result.findings}

    assert ignoring("other-*") == {"spam", "eggs"}
    assert ignoring("spam-*") == {"eggs"}


def test_the_wheels_of_a_set_supply_each_other(tmp_path: Path) -> None:
    wheels = repaired([consumer(tmp_path), provider(tmp_path)], tmp_path / "out")
    assert [finding.rule for finding in nativewheel.check(wheels).findings] == []


def test_one_wheel_twice_is_one(tmp_path: Path) -> None:
    path = wheel(tmp_path, TAG, {"small/libntcore.so.1": CORE, "small/libntcore.so": CORE})
    assert len(nativewheel.check([path, path]).findings) == 1


def test_options_of_python(tmp_path: Path) -> None:
    path = wheel(tmp_path, TAG, {"small/libother.so.1": changed(tmp_path, CORE, "--add-needed", "libabsent.so.9")})
    assert [finding.member for finding in found("NW501", path)] == ["small/libother.so.1"]
    assert found("NW501", path, allow_missing=["libabsent.*"]) == []
    with pytest.raises(UsageError, match="no rule has the code"):
        nativewheel.check([path], select=["NW9"])
    with pytest.raises(UsageError, match="unknown key"):
        nativewheel.check([path], strictly=True)  # type: ignore[call-arg]
