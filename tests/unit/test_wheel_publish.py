"""Outputs appear all together, or leave no trace."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from nativewheel.errors import MachineError, UsageError
from nativewheel.wheel.publish import OutputSet


class Failure(Exception):  # noqa: N818  (not an error of the program)
    """Stands for whatever goes wrong while outputs are made."""


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_outputs_appear_with_commit_and_not_before(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with OutputSet(folder) as outputs:
        outputs.reserve("one.whl").write_bytes(b"1")
        outputs.reserve("two.whl").write_bytes(b"2")
        assert all(name.startswith(".nativewheel-") for name in tree(folder))
        assert outputs.commit() == (folder / "one.whl", folder / "two.whl")
    assert tree(folder) == {"one.whl": b"1", "two.whl": b"2"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_outputs_have_the_mode_of_any_other_file(tmp_path: Path, umask: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"2")
    source.chmod(0o600)
    before = os.umask(umask)
    try:
        with OutputSet(tmp_path / "out") as outputs:
            outputs.reserve("one.whl").write_bytes(b"1")
            outputs.copy_of(source, "two.whl")
            paths = outputs.commit()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o666 & ~umask] * 2


def fail_within(folder: Path) -> None:
    with OutputSet(folder) as outputs:
        outputs.reserve("one.whl").write_bytes(b"1")
        outputs.reserve("two.whl")
        raise Failure


def test_a_failure_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(Failure):
        fail_within(tmp_path / "a" / "b")
    assert tree(tmp_path) == {}


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "one.whl").write_bytes(b"old")
    with pytest.raises(Failure):
        fail_within(tmp_path)
    assert tree(tmp_path) == {"one.whl": b"old"}


def test_leaving_without_commit_publishes_nothing(tmp_path: Path) -> None:
    with OutputSet(tmp_path / "out") as outputs:
        outputs.reserve("one.whl")
    assert tree(tmp_path) == {}


def test_a_folder_that_others_use_by_now_stays(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with OutputSet(folder) as outputs:
        outputs.reserve("one.whl")
        (folder / "other").write_bytes(b"")
    assert tree(folder) == {"other": b""}


def test_an_older_output_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "one.whl").write_bytes(b"old")
    with OutputSet(tmp_path) as outputs:
        outputs.reserve("one.whl").write_bytes(b"new")
        outputs.commit()
    assert tree(tmp_path) == {"one.whl": b"new"}


def test_a_rename_that_fails_takes_back_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.replace

    def fail_for_two(source: Path, target: Path) -> Path:
        if target.name == "two.whl":
            raise PermissionError(13, "Permission denied")
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", fail_for_two)
    with OutputSet(tmp_path / "out") as outputs:
        outputs.reserve("one.whl")
        outputs.reserve("two.whl")
        with pytest.raises(MachineError, match="Permission denied") as caught:
            outputs.commit()
    assert caught.value.where == (str(tmp_path / "out" / "two.whl"),)
    assert tree(tmp_path) == {}


def test_a_copy_has_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "source.whl"
    source.write_bytes(bytes(range(256)) * 1000)
    with OutputSet(tmp_path / "out", inputs=[source]) as outputs:
        outputs.copy_of(source, "copy.whl")
        outputs.commit()
    assert (tmp_path / "out" / "copy.whl").read_bytes() == source.read_bytes()


def test_a_missing_source_is_the_machines_fault(tmp_path: Path) -> None:
    with OutputSet(tmp_path) as outputs, pytest.raises(MachineError, match="No such file"):
        outputs.copy_of(tmp_path / "absent", "copy.whl")
    assert tree(tmp_path) == {}


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "in.whl"
    source.write_bytes(b"in")
    (tmp_path / "link.whl").symlink_to(source)
    (tmp_path / "hard.whl").hardlink_to(source)
    with OutputSet(tmp_path, inputs=[source]) as outputs:
        for name in ("in.whl", "link.whl", "hard.whl"):
            with pytest.raises(UsageError, match="overwrite its input"):
                outputs.reserve(name)
            with pytest.raises(UsageError, match="overwrite its input"):
                outputs.copy_of(source, name)
        outputs.reserve("out.whl").write_bytes(b"out")
        outputs.commit()
    assert source.read_bytes() == b"in"
    assert (tmp_path / "out.whl").read_bytes() == b"out"


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    with OutputSet(tmp_path) as outputs:
        outputs.reserve("one.whl")
        with pytest.raises(UsageError, match="two inputs"):
            outputs.reserve("one.whl")


def test_a_folder_in_the_way_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "one.whl").mkdir()
    with OutputSet(tmp_path) as outputs, pytest.raises(UsageError, match="a folder has the name"):
        outputs.reserve("one.whl")
    assert tree(tmp_path) == {"one.whl": None}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(UsageError, match="not a folder"), OutputSet(tmp_path / "out"):
        pytest.fail("entered")
    with pytest.raises(MachineError, match="Not a directory"), OutputSet(tmp_path / "out" / "sub"):
        pytest.fail("entered")


def test_a_folder_that_cannot_be_made_leaves_no_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Path.mkdir

    def fail_for_b(path: Path) -> None:
        if path.name == "b":
            raise OSError(28, "No space left on device")
        make(path)

    monkeypatch.setattr(Path, "mkdir", fail_for_b)
    with pytest.raises(MachineError, match="No space left") as caught, OutputSet(tmp_path / "a" / "b"):
        pytest.fail("entered")
    assert caught.value.exit_status == 6
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("error", [(5, "Input/output error"), (28, "No space left on device")])
def test_a_disk_that_fails_late_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: tuple[int, str]) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(*error)

    monkeypatch.setattr(os, "fsync", fail)
    with OutputSet(tmp_path / "out") as outputs:
        outputs.reserve("one.whl")
        with pytest.raises(MachineError, match=error[1]):
            outputs.commit()
    assert tree(tmp_path) == {}
