"""The Requires-Dist lines that wheels gain, and which of them stay as they are."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeimages import LIBRARIES
from madeshares import CORE, LIBRARY_TAG, RULE, SHARING, USER, changed, consumer, plans, provider, repaired, written
from smallwheels import rewritten, wheel

from nativewheel.errors import ProviderError
from nativewheel.formats.image import Identity
from nativewheel.linkage.provider import ProviderNaming
from nativewheel.repair.plan import Action
from nativewheel.wheel.record import record_hash

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.repair.plan import Plan

METADATA = "user-1.0.dist-info/METADATA"
LINE = "core==1.*,>=1.2.7"
MARKED = f'{LINE}; sys_platform == "linux"'
WITH_MARKER = replace(SHARING, providers=((Identity("libntcore.so.1"), ProviderNaming(dist="core", marker="sys_platform == 'linux'")),))


def pure(folder: Path, name: str = "user", *requires: str) -> Path:
    return wheel(folder, "py3-none-any", {"user/__init__.py": b"", "user/x.py": b""}, name=name, requires=requires)


def lines(found: Plan) -> list[str]:
    """Return the requirements as METADATA will have them."""
    return [line.removeprefix("Requires-Dist: ") for line in written(found)[METADATA].decode().splitlines() if line.startswith("Requires-Dist")]


class TestOneLine:
    def test_it_follows_those_that_are_there(self, tmp_path: Path) -> None:
        found, _ = plans([consumer(tmp_path, requires=("zlib>1", 'core; extra == "x"')), provider(tmp_path)])
        assert lines(found) == ["zlib>1", 'core; extra == "x"', LINE]
        assert found.requires == (LINE,)

    @pytest.mark.parametrize("own", ["core==1.2.9", "core<1.3,>=1.2.8", LINE])
    def test_a_range_as_narrow_is_enough(self, tmp_path: Path, own: str) -> None:
        found, _ = plans([consumer(tmp_path, requires=(own,)), provider(tmp_path)])
        assert METADATA not in written(found)
        assert found.requires == ()
        assert [item.provider for item in found.consumes] == ["core"]

    def test_a_range_that_excludes_it_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderError, match="no version satisfies both") as caught:
            plans([consumer(tmp_path, requires=("core<1",)), provider(tmp_path)])
        assert caught.value.exit_status == 5
        assert caught.value.where == ("user-1.0-cp38-abi3-linux_x86_64.whl", "METADATA", "Requires-Dist")

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b"Metadata-Version: 2.1\nName: user\nVersion: 1.0", b"Metadata-Version: 2.1\nName: user\nVersion: 1.0\nRequires-Dist: %s\n"),
            (b"Metadata-Version: 2.1\r\nName: user\r\n\r\nText\r\n", b"Metadata-Version: 2.1\r\nName: user\r\nRequires-Dist: %s\r\n\r\nText\r\n"),
            (b"Metadata-Version: 2.2\nName: user\n\nA\n", b"Metadata-Version: 2.2\nName: user\nRequires-Dist: %s\nDynamic: Requires-Dist\n\nA\n"),
        ],
    )
    def test_every_other_byte_stays(self, tmp_path: Path, before: bytes, after: bytes) -> None:
        old, record = consumer(tmp_path / "old"), "user-1.0.dist-info/RECORD"
        with zipfile.ZipFile(old) as archive:
            rows = [row for row in archive.read(record).decode().splitlines() if not row.startswith(METADATA)]
        row = f"{METADATA},{record_hash(before)},{len(before)}"
        source = rewritten(old, tmp_path, {METADATA: before, record: "\n".join([row, *rows, ""]).encode()})
        found, _ = plans([source, provider(tmp_path)])
        assert written(found)[METADATA] == after.replace(b"%s", LINE.encode())


def test_libraries_of_one_provider_may_ask_for_different_ranges(tmp_path: Path) -> None:
    inner = (LIBRARIES / "libntinner.so.1").read_bytes()
    both = provider(tmp_path, {"core/libntcore.so.1": CORE, "core/libntinner.so.1": inner})
    files = {"user/__init__.py": b"", "user/_ext.abi3.so": changed(tmp_path, USER, "--add-needed", "libntinner.so.1")}
    rules = (replace(RULE, library=("*ntcore*",)), replace(RULE, library=("*ntinner*",), requires="=={major}.{minor}.*"))
    found, _ = plans([consumer(tmp_path, files), both], replace(SHARING, export=rules))
    assert lines(found) == [LINE, "core==1.2.*"]
    assert {item.original: item.requires for item in found.consumes} == {"libntcore.so.1": "==1.*,>=1.2.7", "libntinner.so.1": "==1.2.*"}
    assert b'"requirement": "==1.*,>=1.2.7,==1.2.*"' in written(found)["nw_user/__init__.py"]
    assert b'"minimum": (0, 1, 2, 7)' in written(found)["nw_user/__init__.py"]


class TestMarkers:
    def test_a_line_with_one_goes_into_every_wheel_of_the_distribution(self, tmp_path: Path) -> None:
        without = consumer(tmp_path, {"user/__init__.py": b"", "user/x.so": CORE}, tag="cp311-cp311-manylinux_2_5_x86_64")
        found = plans([pure(tmp_path), without, pure(tmp_path, "other"), consumer(tmp_path), provider(tmp_path)], WITH_MARKER)
        assert [plan.requires for plan in found] == [(MARKED,), (MARKED,), (), (MARKED,), ()]
        assert [plan.action for plan in found] == [Action.REPAIR, Action.REPAIR, Action.COPY, Action.REPAIR, Action.REPAIR]
        assert [set(written(plan)) for plan in found[:3]] == [{METADATA}, {METADATA}, set()]
        assert [str(plan.output) for plan in found[:2]] == [str(plan.name) for plan in found[:2]]
        assert [plan.reason for plan in found[:2]] == ["", ""]

    def test_such_a_wheel_stays_what_it_is(self, tmp_path: Path) -> None:
        made, *_ = repaired([pure(tmp_path), consumer(tmp_path), provider(tmp_path)], tmp_path / "out", WITH_MARKER)
        with zipfile.ZipFile(made) as archive:
            assert b"Root-Is-Purelib: true" in archive.read("user-1.0.dist-info/WHEEL")
            assert f"Requires-Dist: {MARKED}\n".encode() in archive.read(METADATA)
            assert archive.testzip() is None
        again = plans([made], WITH_MARKER)
        assert [plan.action for plan in again] == [Action.COPY]

    def test_a_line_without_one_goes_where_it_is_needed(self, tmp_path: Path) -> None:
        found = plans([pure(tmp_path), consumer(tmp_path), provider(tmp_path)])
        assert [plan.requires for plan in found] == [(), (LINE,), ()]

    def test_a_wheel_that_asks_for_as_much_stays(self, tmp_path: Path) -> None:
        found = plans([pure(tmp_path, "user", LINE), consumer(tmp_path), provider(tmp_path)], WITH_MARKER)
        assert [(plan.action, plan.requires) for plan in found] == [(Action.COPY, ()), (Action.REPAIR, (MARKED,)), (Action.REPAIR, ())]

    def test_one_that_contradicts_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderError, match="no version satisfies both") as caught:
            plans([pure(tmp_path, "user", "core>2"), consumer(tmp_path), provider(tmp_path)], WITH_MARKER)
        assert caught.value.where[0] == "user-1.0-py3-none-any.whl"

    def test_a_repaired_wheel_is_never_changed(self, tmp_path: Path) -> None:
        inner = (LIBRARIES / "libntinner.so.1").read_bytes()
        (before,) = repaired([consumer(tmp_path, {"user/__init__.py": b"", "user/x.so": inner}, tag="cp311-cp311-linux_x86_64")], tmp_path / "out")
        wheels = [before, consumer(tmp_path), provider(tmp_path)]
        found = plans(wheels, WITH_MARKER)[0]
        assert (found.action, found.requires, found.files) == (Action.COPY, (), ())
        assert found.warnings == (f"repaired before, so it does not get what its other wheels require: {MARKED}",)
        assert repaired(wheels, tmp_path / "again", WITH_MARKER)[0].read_bytes() == before.read_bytes()


def test_the_version_is_the_provider_s_own(tmp_path: Path) -> None:
    for number, (version, template, line) in enumerate(
        [
            ("1.2.7", "=={major}.{minor}.*,>={version}", "core==1.2.*,>=1.2.7"),
            ("1.2.7", "=={major}.*,>={version}", "core==1.*,>=1.2.7"),
            ("1.2.7", "=={version}", "core==1.2.7"),
            ("1!2.0", "=={major}.*", "core==1!2.*"),
            ("3", ">={version},<{major}.{minor}.{micro}.1", "core>=3,<3.0.0.1"),
        ]
    ):
        wheels = [consumer(tmp_path / str(number)), provider(tmp_path / str(number), version=version, tag=LIBRARY_TAG)]
        found, _ = plans(wheels, replace(SHARING, export=(replace(RULE, requires=template),)))
        assert found.requires == (line,)
