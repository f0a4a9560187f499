"""A set of wheels: all of them are repaired, or none is; and what one run says of the whole set."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from madeimages import FIXTURES, LIBRARIES, vend
from smallwheels import wheel

from nativewheel.errors import LinkageError, MachineError, UnreadableError, UsageError
from nativewheel.linkage.host import HostLibraries
from nativewheel.repair import batch
from nativewheel.repair.apply import apply
from nativewheel.repair.batch import repair_wheels
from nativewheel.repair.options import RepairOptions, RunOptions
from nativewheel.repair.plan import Action

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nativewheel.repair.outcome import Outcome
    from nativewheel.wheel.names import WheelName

WHEELS = FIXTURES / "wheels"
VENDOR = WHEELS / "ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl"
USER = WHEELS / "ntuser-0.4.0-cp38-abi3-linux_x86_64.whl"
INNER = (LIBRARIES / "libntinner.so.1").read_bytes()
FOUND = RepairOptions(lib_path=(LIBRARIES,))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(batch, "find_owners", lambda _: {})


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "made" / "wheelhouse"


def repair(
    output: Path, wheels: Sequence[Path], options: RepairOptions = FOUND, *, dry_run: bool = False, verify: bool = False
) -> tuple[Outcome, ...]:
    return repair_wheels(wheels, lambda _: options, RunOptions(wheel_dir=output, dry_run=dry_run, verify=verify))


def pure(folder: Path, name: str = "pure") -> Path:
    return wheel(folder, "py3-none-any", {f"{name}/__init__.py": b""}, name=name)


def test_outcomes_come_in_the_order_given(tmp_path: Path, output: Path) -> None:
    wheels = [USER, pure(tmp_path), VENDOR]
    outcomes = repair(output, wheels)
    assert [outcome.plan.wheel for outcome in outcomes] == wheels
    assert [outcome.plan.action for outcome in outcomes] == [Action.REPAIR, Action.COPY, Action.REPAIR]
    assert [outcome.output for outcome in outcomes] == [output / str(outcome.plan.output) for outcome in outcomes]
    assert [outcome.size for outcome in outcomes] == [outcome.output.stat().st_size for outcome in outcomes]
    assert sorted(output.iterdir()) == sorted(outcome.output for outcome in outcomes)


def test_a_copy_is_the_same_byte_for_byte(tmp_path: Path, output: Path) -> None:
    (repaired,) = repair(tmp_path / "once", [VENDOR])
    wheels = [repaired.output, pure(tmp_path)]
    for source, outcome in zip(wheels, repair(output, wheels), strict=True):
        assert (outcome.plan.action, outcome.output.name) == (Action.COPY, source.name)
        assert outcome.output.read_bytes() == source.read_bytes()


def test_nothing_given_is_nothing_done(output: Path) -> None:
    assert repair(output, []) == ()


class TestAllOrNothing:
    def failing(self, folder: Path) -> Path:
        return wheel(folder, "cp311-cp311-linux_x86_64", {"pkg/x.so": vend()}, name="failing")

    def test_a_second_wheel_that_cannot_be_planned(self, tmp_path: Path, output: Path) -> None:
        damaged = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": vend()[:1000]}, name="damaged")
        with pytest.raises(UnreadableError, match="damaged-1"):
            repair(output, [VENDOR, damaged])
        assert not output.parent.exists()

    def test_a_second_wheel_that_cannot_be_made(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[str] = []

        def second_fails(*args: object, **kwargs: object) -> None:
            if made:
                raise MachineError("disk full")
            apply(*args, **kwargs)  # type: ignore[arg-type]
            made.append("one")

        monkeypatch.setattr(batch, "apply", second_fails)
        with pytest.raises(MachineError, match="disk full"):
            repair(output, [VENDOR, USER])
        assert made == ["one"]
        assert not output.parent.exists()

    def test_what_was_in_the_folder_stays(self, tmp_path: Path, output: Path) -> None:
        output.mkdir(parents=True)
        (output / "other.txt").write_text("kept")
        before = repair(output, [VENDOR])[0].output
        content = before.read_bytes()
        with pytest.raises(LinkageError):
            repair(output, [VENDOR, self.failing(tmp_path)], RepairOptions())
        assert sorted(path.name for path in output.iterdir()) == sorted([before.name, "other.txt"])
        assert before.read_bytes() == content

    def test_inputs_are_never_touched(self, tmp_path: Path, output: Path) -> None:
        source = tmp_path / "in" / VENDOR.name
        source.parent.mkdir()
        shutil.copy(VENDOR, source)
        source.chmod(0o444)
        repair(output, [source])
        assert source.read_bytes() == VENDOR.read_bytes()
        copied = pure(tmp_path / "in")
        with pytest.raises(UsageError, match="would overwrite its input"):
            repair(tmp_path / "in", [copied])


class TestRefused:
    def test_two_versions_of_a_distribution(self, tmp_path: Path, output: Path) -> None:
        newer = tmp_path / "Nt.Vendor-0.2.0-cp38-abi3-linux_x86_64.whl"
        shutil.copy(VENDOR, tmp_path / "nt_vendor-0.1.0-py3-none-any.whl")
        with pytest.raises(UsageError, match=r"two versions of nt-vendor in one set: 0\.1\.0 and 0\.2\.0"):
            repair(output, [tmp_path / "nt_vendor-0.1.0-py3-none-any.whl", newer])  # before any file is opened
        assert not output.exists()

    def test_two_inputs_of_one_output(self, tmp_path: Path, output: Path) -> None:
        one = wheel(tmp_path / "1", "cp311-cp311-linux_x86_64", {"pkg/x.so": INNER})
        two = wheel(tmp_path / "2", "cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64", {"pkg/x.so": INNER})
        for other in (one, two):
            with pytest.raises(
                UsageError, match=r"several inputs would become small-1\.0-cp311-cp311-manylinux2014_x86_64\.manylinux_2_17_x86_64\.whl"
            ):
                repair(output, [one, other])
        assert not output.exists()

    @pytest.mark.parametrize("name", ["x.zip", "x-1.0.whl", "x-1.0-py3-none-any.zip"])
    def test_what_is_no_wheel(self, tmp_path: Path, output: Path, name: str) -> None:
        with pytest.raises(UnreadableError, match="not the file name of a wheel"):
            repair(output, [tmp_path / name])

    def test_what_is_not_there(self, tmp_path: Path, output: Path) -> None:
        with pytest.raises(UsageError, match="there is no such file"):
            repair(output, [tmp_path / VENDOR.name])
        assert not output.exists()


class TestUnusedGlobs:
    def warnings(self, outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
        return [outcome.plan.warnings for outcome in outcomes]

    def test_one_that_matched_anywhere_in_the_set_is_used(self, output: Path) -> None:
        options = RepairOptions(lib_path=(LIBRARIES,), exclude=("libntcore*",), no_mangle=("libntinner*",))
        assert self.warnings(repair(output, [USER, VENDOR], options))[1] == ()

    def test_others_are_reported_once_with_the_last_wheel(self, output: Path) -> None:
        options = RepairOptions(lib_path=(LIBRARIES,), exclude=("libcuda*",), no_mangle=("LIBNT*",), allow_missing=("libnt*",))
        assert self.warnings(repair(output, [USER, VENDOR], options))[1] == (
            "--exclude libcuda* matched nothing",
            "--allow-missing libnt* matched nothing",
            "--no-mangle LIBNT* matched nothing",
        )

    def test_options_may_differ_between_wheels(self, output: Path) -> None:
        def options(name: WheelName) -> RepairOptions:
            return RepairOptions(lib_path=(LIBRARIES,), exclude=("libntcore*",) if name.distribution == "ntuser" else ())

        outcomes = repair_wheels([USER, VENDOR], options, RunOptions(wheel_dir=output))
        assert [len(outcome.plan.vendored) for outcome in outcomes] == [0, 2]
        assert outcomes[1].plan.warnings == ()


def test_a_dry_run_plans_everything_and_writes_nothing(tmp_path: Path, output: Path) -> None:
    wheels = [VENDOR, pure(tmp_path)]
    outcomes = repair(output, wheels, dry_run=True)
    assert [(outcome.output, outcome.size) for outcome in outcomes] == [(output / str(outcome.plan.output), 0) for outcome in outcomes]
    assert not output.parent.exists()
    assert [outcome.plan for outcome in outcomes] == [outcome.plan for outcome in repair(output, wheels)]


def test_verification_reads_what_repair_would_only_copy(tmp_path: Path, output: Path) -> None:
    path = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/data.bin": bytes(range(256)) * 9, "pkg/x.so": INNER})
    data = bytearray(path.read_bytes())
    data[data.index(b"pkg/data.bin") + len("pkg/data.bin") + 40] ^= 0xFF
    path.write_bytes(data)
    repair(output, [path])
    with pytest.raises(UnreadableError, match=r"pkg/data\.bin"):
        repair(tmp_path / "verified", [path], verify=True)
    assert not (tmp_path / "verified").exists()


def test_progress_counts_over_the_whole_set(output: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    def progress(name: str, done: int, total: int) -> None:
        seen.append((name, done, total))

    repair_wheels([USER, VENDOR], lambda _: FOUND, RunOptions(wheel_dir=output), progress)
    names = [USER.name] * 2 + [VENDOR.name] * 5
    assert [name for name, _, _ in seen] == names
    assert [(done, total) for _, done, total in seen] == [(done + 1, len(names)) for done in range(len(names))]


def test_owners_are_asked_once_for_the_whole_set(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    def find(paths: set[Path]) -> dict[Path, object]:
        asked.append({path.name for path in paths})
        return {}

    monkeypatch.setattr(batch, "find_owners", find)
    repair(output, [USER, VENDOR])
    assert asked == [{"libntcore.so.1", "libntinner.so.1", "libntouter.so.2"}]


def test_the_host_is_read_once_for_the_whole_set(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[HostLibraries] = []

    def counting() -> HostLibraries:
        made.append(HostLibraries())
        return made[-1]

    monkeypatch.setattr(batch, "HostLibraries", counting)
    repair(output, [USER, VENDOR])
    assert len(made) == 1
