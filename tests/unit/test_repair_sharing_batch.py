"""Sharing over a whole set: order, identical results, warnings, and what a dry run says."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from madeimages import FIXTURES
from madeshares import CORE, MODULE_TAG, PROGRAM, RULE, SHARING, USER, changed, consumer, plans, provider, repaired
from smallwheels import wheel

from nativewheel.errors import LinkageError, UsageError
from nativewheel.repair import batch
from nativewheel.repair.apply import apply
from nativewheel.repair.batch import repair_wheels
from nativewheel.repair.options import ExportRule, RepairOptions, RunOptions
from nativewheel.repair.plan import Action
from nativewheel.report import repair_text

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.repair.plan import Plan
    from nativewheel.wheel.names import WheelName

ANYBODY = replace(RULE, distribution=None)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(batch, "find_owners", lambda _: {})


def chain(folder: Path) -> list[Path]:
    """Write four wheels, each of which needs the one after it, and one that needs the first and the last."""
    libraries = []
    for number, name in enumerate(("one", "two", "three", "four")):
        needed = ("--add-needed", f"lib{('two', 'three', 'four')[number]}.so.1") if number < 3 else ()
        data = changed(folder, CORE, "--set-soname", f"lib{name}.so.1", *needed)
        libraries.append(wheel(folder, "py3-none-linux_x86_64", {f"{name}/lib{name}.so.1": data}, name=name))
    module = changed(folder, USER, "--replace-needed", "libntcore.so.1", "libone.so.1", "--add-needed", "libfour.so.1")
    return [wheel(folder, MODULE_TAG, {"user/__init__.py": b"", "user/x.so": module}, name="user"), *libraries]


CHAINED = RepairOptions(export=(replace(ANYBODY, library=("*/lib*.so.1",)),))


class TestOrder:
    def made(self, folder: Path, wheels: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
        done: list[str] = []

        def listing(plan: Plan, *arguments: object, **options: object) -> None:
            done.append(plan.name.distribution)
            apply(plan, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(batch, "apply", listing)
        repaired(wheels, folder, CHAINED)
        return done

    def test_providers_come_before_their_users(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        wheels = chain(tmp_path)
        for number, order in enumerate([wheels, wheels[::-1], [wheels[index] for index in (2, 0, 4, 1, 3)]]):
            assert self.made(tmp_path / str(number), order, monkeypatch) == ["four", "three", "two", "one", "user"]
            monkeypatch.undo()

    def test_outcomes_keep_the_order_given(self, tmp_path: Path) -> None:
        wheels = chain(tmp_path)
        found = repair_wheels(wheels, lambda _: CHAINED, RunOptions(wheel_dir=tmp_path / "out"))
        assert [outcome.plan.wheel for outcome in found] == wheels
        assert [outcome.output.name for outcome in found] == [str(outcome.plan.output) for outcome in found]

    def test_wheels_of_one_distribution_may_be_providers_and_users(self, tmp_path: Path) -> None:
        tags = [f"cp31{minor}-cp31{minor}-linux_x86_64" for minor in (1, 2)]
        modules = {"core/__init__.py": b"", "core/_e.so": USER, "core/lib/libntcore.so.1": CORE}
        wheels = [*(provider(tmp_path, modules, tag=tag) for tag in tags), *(consumer(tmp_path, tag=tag) for tag in tags)]
        found = plans(wheels)
        assert [len(plan.exports) for plan in found] == [1, 1, 0, 0]
        assert [[item.provider for item in plan.consumes] for plan in found] == [[], [], ["core"], ["core"]]


def test_the_same_bytes_for_any_order_and_any_number_of_jobs(tmp_path: Path) -> None:
    wheels = chain(tmp_path)
    contents = []
    for number, (order, jobs) in enumerate([(wheels, 1), (wheels[::-1], 4), (wheels[2:] + wheels[:2], 2)]):
        made = repaired(order, tmp_path / str(number), CHAINED, jobs=jobs)
        contents.append({path.name: path.read_bytes() for path in made})
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == 5


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    once = repaired(chain(tmp_path), tmp_path / "once", CHAINED)
    twice = repaired(once, tmp_path / "twice", CHAINED)
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in twice]
    assert {plan.action for plan in plans(once, CHAINED)} == {Action.COPY}
    assert [plan.warnings for plan in plans(once, CHAINED)] == [()] * 5


def test_what_a_repair_wrote_is_as_planned(tmp_path: Path) -> None:
    wheels = [consumer(tmp_path), provider(tmp_path)]
    for plan, path in zip(plans(wheels), repaired(wheels, tmp_path / "out"), strict=True):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            for file in plan.files:
                assert archive.read(file.member) == file.data
            assert not {*plan.removed, *(edit.member for edit in plan.edits if edit.target != edit.member)} & set(archive.namelist())
            if plan.exports:
                assert archive.getinfo(str(plan.exports[0].anchor)).external_attr >> 16 & 0o777 == 0o755


class TestUnusedExports:
    def warnings(self, *rules: ExportRule, wheels: list[Path]) -> list[str]:
        *first, last = plans(wheels, RepairOptions(export=rules))
        assert not [warning for plan in first for warning in plan.warnings if "--export" in warning]
        return [warning for warning in last.warnings if "--export" in warning]

    def test_a_rule_for_anybody_that_matches_nothing_in_the_set(self, tmp_path: Path) -> None:
        wheels = [provider(tmp_path), consumer(tmp_path)]
        unused = replace(ANYBODY, library=("libnt*", "*.dylib"))
        assert self.warnings(ANYBODY, unused, wheels=wheels) == ["--export libnt*, *.dylib matched no library"]

    def test_extension_modules_are_no_match(self, tmp_path: Path) -> None:
        unused = replace(ANYBODY, library=("user/_ext*",))
        assert self.warnings(unused, RULE, wheels=[provider(tmp_path), consumer(tmp_path)]) == ["--export user/_ext* matched no library"]

    def test_one_that_another_rule_was_before_has_matched(self, tmp_path: Path) -> None:
        assert self.warnings(RULE, ANYBODY, replace(ANYBODY, library=("*",)), wheels=[consumer(tmp_path), provider(tmp_path)]) == []

    def test_rules_for_other_distributions_wait_for_them(self, tmp_path: Path) -> None:
        assert self.warnings(replace(RULE, distribution="other"), wheels=[provider(tmp_path)]) == []

    def test_options_may_differ_between_wheels(self, tmp_path: Path) -> None:
        def options(name: WheelName) -> RepairOptions:
            return RepairOptions(export=(ANYBODY,) if name.distribution == "pure" else ())

        wheels = [provider(tmp_path), wheel(tmp_path, "py3-none-any", {"x.py": b""}, name="pure")]
        found = repair_wheels(wheels, options, RunOptions(wheel_dir=tmp_path / "out", dry_run=True))
        assert found[1].plan.warnings == ("--export */libntcore.so* matched no library",)


class TestRefused:
    def test_two_wheels_that_would_become_one_file(self, tmp_path: Path) -> None:
        wheels = [provider(tmp_path, tag=f"cp31{minor}-cp31{minor}-linux_x86_64") for minor in (1, 2)]
        with pytest.raises(UsageError, match=r"several inputs would become core-1\.2\.7-py3-none-manylinux"):
            plans(wheels)

    def test_nothing_is_left_when_a_consumer_fails(self, tmp_path: Path) -> None:
        program = changed(tmp_path, PROGRAM, "--replace-needed", "libntouter.so.2", "libntcore.so.1")
        wheels = [provider(tmp_path), consumer(tmp_path, {"user/bin/prog": program})]
        with pytest.raises(LinkageError, match="nothing can load that before a native program starts"):
            repaired(wheels, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_several_platforms_and_libcs_in_one_set(tmp_path: Path) -> None:
    rule = ExportRule(library=("ntcore/lib/libntcore.so*",), distribution="ntcore", requires="=={major}.*,>={version}", uniquify=False)
    wheels = sorted((FIXTURES / "wheels").glob("nt[cu]*linux*.whl"))
    found = plans(wheels, RepairOptions(export=(rule,), sysroot=tmp_path))
    users = [plan for plan in found if plan.name.distribution == "ntuser"]
    assert len(users) == len(found) - len(users) == 6
    assert [plan.requires for plan in users] == [("ntcore==1.*,>=1.2.7",)] * 6
    assert [plan.vendored for plan in found] == [()] * 12
    assert {plan.output.platforms[0].partition("_")[0] for plan in users} >= {"musllinux"}


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_a_dry_run_tells_what_is_shared(tmp_path: Path, order: tuple[int, ...]) -> None:
    wheels = [consumer(tmp_path), provider(tmp_path, {"core/lib/libntcore.so.1": CORE, "core/lib/libntcore.so": CORE})]
    found = repair_wheels([wheels[index] for index in order], lambda _: SHARING, RunOptions(wheel_dir=tmp_path / "out", dry_run=True))
    text = repair_text.render(found, dry_run=True)
    for line in (
        "  uses libntcore.so.1 of core 1.2.7 as libnw_core__ntcore.so.1\n",
        "  requires core==1.*,>=1.2.7\n",
        "  exports libntcore.so.1 as libnw_core__ntcore.so.1; consumers require =={major}.*,>={version}\n",
        "    user/_ext.abi3.so: libntcore.so.1 → libnw_core__ntcore.so.1; no search path\n",
        "    user/__init__.py: written\n",
        "    core/lib/libntcore.so.1: name libnw_core__ntcore.so.1, goes to core/lib/libnw_core__ntcore.so.1\n",
        "    core/lib/libnw_core__ntcore.so.1.anchor: written\n",
        "2 wheels: 2 to repair",
    ):
        assert line in text
    assert not (tmp_path / "out").exists()


def test_the_text_of_a_dry_run_says_of_each_file_one_thing(tmp_path: Path) -> None:
    wheels = [provider(tmp_path, dict.fromkeys(("core/lib/libntcore.so.1", "core/lib/libntcore.so", "core/lib/libntcore.so.1.2"), CORE))]
    text = repair_text.render(repair_wheels(wheels, lambda _: SHARING, RunOptions(wheel_dir=tmp_path, dry_run=True)), dry_run=True)
    assert text.count("    core/lib/libntcore.so: ") == 1
    assert "    core/lib/libntcore.so.1.2: removed\n" in text
