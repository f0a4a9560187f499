"""How layers of options are merged, and the defaults below them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nativewheel.config.settings import Settings, usable_cpus
from nativewheel.errors import UsageError
from nativewheel.repair.options import AddedLibrary, RepairOptions, RunOptions


def test_single_values_replace_and_lists_are_extended() -> None:
    lower = Settings(plat="manylinux_2_17_x86_64", exclude=("a",), lib_path=(Path("x"),), strip=True)
    upper = Settings(plat="manylinux_2_28_x86_64", exclude=("b", "c"))
    assert upper.over(lower) == Settings(plat="manylinux_2_28_x86_64", exclude=("a", "b", "c"), lib_path=(Path("x"),), strip=True)


@pytest.mark.parametrize("upper", [Settings(strip=False), Settings(zip_level=0), Settings(plat="")])
def test_a_false_value_still_is_a_value(upper: Settings) -> None:
    lower = Settings(strip=True, zip_level=9, plat="manylinux_2_28_x86_64")
    merged = upper.over(lower)
    assert merged != lower
    assert upper.over(merged) == merged


def test_nothing_said_changes_nothing() -> None:
    lower = Settings(jobs=3, verify=True, no_mangle=("x",))
    assert Settings().over(lower) == lower


def test_defaults() -> None:
    assert Settings().repair_options() == RepairOptions()
    run = Settings().run_options(dry_run=False)
    assert run == RunOptions(wheel_dir=Path("wheelhouse"), zip_level=6, jobs=usable_cpus(), verify=False, dry_run=False)


@pytest.mark.parametrize(("plat", "asked"), [(None, None), ("", None), ("auto", None), ("manylinux_2_28_x86_64", "manylinux_2_28_x86_64")])
def test_auto_means_the_best_that_the_content_allows(plat: str | None, asked: str | None) -> None:
    assert Settings(plat=plat).repair_options().plat == asked


def test_a_level_of_zero_is_not_the_default() -> None:
    assert Settings(zip_level=0).run_options(dry_run=True).zip_level == 0


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not a file: .*libx\.so"):
        Settings(add_library=(AddedLibrary(path=tmp_path / "libx.so"),)).repair_options()
    with pytest.raises(UsageError, match="sysroot is not a folder"):
        Settings(sysroot=tmp_path / "none").repair_options()
    library = AddedLibrary(path=tmp_path / "libx.so", place="pkg")
    library.path.touch()
    options = Settings(add_library=(library,), sysroot=tmp_path).repair_options()
    assert options == RepairOptions(add_library=(library,), sysroot=tmp_path)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no processor affinity")
def test_only_processors_that_may_be_used_count() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)
