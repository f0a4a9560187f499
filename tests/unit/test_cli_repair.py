"""`nativewheel repair`: options arrive where they should, and results go where they should."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativewheel.cli import boundary
from nativewheel.config.settings import usable_cpus
from nativewheel.repair.options import AddedLibrary, RepairOptions, RunOptions
from nativewheel.repair.outcome import Outcome
from nativewheel.repair.plan import Action, Plan
from nativewheel.wheel.names import WheelName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LINUX = "spam-1.0-cp311-cp311-linux_x86_64.whl"
WINDOWS = "spam-1.0-cp311-cp311-win_amd64.whl"


class Pipeline:
    """Stands for `repair_wheels`: remembers what was asked and copies everything, with a warning."""

    def __init__(self) -> None:
        self.wheels: tuple[Path, ...] = ()
        self.options: dict[str, RepairOptions] = {}
        self.run: RunOptions | None = None

    def __call__(
        self, wheels: Sequence[Path], options_for: Callable[[WheelName], RepairOptions], run: RunOptions, progress: object
    ) -> tuple[Outcome, ...]:
        assert progress is None  # nobody sees a bar here
        self.wheels, self.run = tuple(wheels), run
        names = [WheelName.parse(path.name) for path in wheels]
        self.options = {str(name): options_for(name) for name in names}
        return tuple(
            Outcome(
                plan=Plan(wheel=path, name=name, output=name, action=Action.COPY, reason="a test", warnings=("A warning.",)),
                output=run.wheel_dir / path.name,
                size=1,
            )
            for path, name in zip(wheels, names, strict=True)
        )


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pipeline]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDITWHEEL_PLAT", raising=False)
    Path(LINUX).touch()
    Path(WINDOWS).touch()
    fake = Pipeline()
    monkeypatch.setattr("nativewheel.cli.repair.repair_wheels", fake)
    before = signal.getsignal(signal.SIGTERM)
    yield fake
    signal.signal(signal.SIGTERM, before)


def test_defaults(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["repair", LINUX]) == 0
    assert pipeline.wheels == (Path(LINUX),)
    assert pipeline.options == {LINUX: RepairOptions()}
    assert pipeline.run == RunOptions(wheel_dir=Path("wheelhouse"), zip_level=6, jobs=usable_cpus(), verify=False, dry_run=False)
    output, errors = capsys.readouterr()
    assert output == f"copied {LINUX} → {Path('wheelhouse') / LINUX}\n  unchanged: a test\n"
    assert errors == f"warning: {LINUX}: A warning.\n"


def test_every_option(pipeline: Pipeline, tmp_path: Path) -> None:
    Path("liba.so").touch()
    arguments = "repair -w out --plat manylinux_2_28_x86_64 --only-plat --lib-path x --lib-path y --sysroot . --exclude a --exclude b"
    arguments += " --add-library liba.so=pkg/lib --allow-missing c --no-mangle d -L .dylibs --strip -z 9 -j 3 --verify --dry-run --color never"
    assert boundary.main([*arguments.split(), str(tmp_path / LINUX)]) == 0
    assert pipeline.options[LINUX] == RepairOptions(
        plat="manylinux_2_28_x86_64",
        only_plat=True,
        lib_path=(Path("x"), Path("y")),
        sysroot=Path(),
        exclude=("a", "b"),
        add_library=(AddedLibrary(path=Path("liba.so"), place="pkg/lib"),),
        allow_missing=("c",),
        no_mangle=("d",),
        lib_sdir=".dylibs",
        strip=True,
    )
    assert pipeline.run == RunOptions(wheel_dir=Path("out"), zip_level=9, jobs=3, verify=True, dry_run=True)


def test_configuration_environment_and_command_line(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text(
        '[tool.nativewheel]\nexclude = ["file"]\nplat = "from_file"\nwheel-dir = "out"\njobs = 7\n'
        '[[tool.nativewheel.overrides]]\nselect = "*-win_*"\nexclude = ["windows"]\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("AUDITWHEEL_PLAT", "manylinux_2_28_x86_64")
    assert boundary.main(["repair", "--exclude", "command", "-j", "1", LINUX, WINDOWS]) == 0
    assert pipeline.options == {
        LINUX: RepairOptions(plat="manylinux_2_28_x86_64", exclude=("file", "command")),
        WINDOWS: RepairOptions(plat="from_file", exclude=("file", "windows", "command")),
    }
    assert pipeline.run is not None
    assert (pipeline.run.wheel_dir, pipeline.run.jobs) == (Path("out"), 1)
    assert boundary.main(["repair", "--plat", "auto", LINUX]) == 0
    assert pipeline.options[LINUX].plat is None


def test_a_named_configuration_replaces_that_of_the_folder(pipeline: Pipeline) -> None:
    Path("pyproject.toml").write_text("[tool.nativewheel]\nstrip = true\n", encoding="utf-8")
    Path("conf").mkdir()
    Path("conf/other.toml").write_text('[tool.nativewheel]\nlib-path = ["lib"]\nwheel-dir = "out"\n', encoding="utf-8")
    assert boundary.main(["repair", "--config", "conf/other.toml", LINUX]) == 0
    assert pipeline.options[LINUX] == RepairOptions(lib_path=(Path("conf/lib"),))
    assert pipeline.run is not None
    assert pipeline.run.wheel_dir == Path("conf/out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "none.toml"], "error: none.toml: there is no such configuration file"),
        (["--config", "bad.toml"], "error: bad.toml → tool.nativewheel.exclude[1]: expected a string, got int"),
        (["--add-library", "none.so"], "error: the library to add is not a file: none.so"),
        (["--add-library", "x.so=../pkg"], "error: --add-library: not PATH or PATH=PLACE"),
        (["--sysroot", "none"], "error: the sysroot is not a folder: none"),
        (["--lib-sdir", "../x"], "error: --lib-sdir: not the end of a folder's name"),
        (["--exclude", ""], "error: --exclude: expected some text"),
        (["-w", ""], "error: --wheel-dir: expected some text"),
    ],
)
@pytest.mark.usefixtures("pipeline")
def test_nonsense_is_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    Path("bad.toml").write_text('[tool.nativewheel]\nexclude = ["a", 1]\n', encoding="utf-8")
    assert boundary.main(["repair", *arguments, LINUX]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(message)


@pytest.mark.usefixtures("pipeline")
def test_a_search_folder_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["repair", "--lib-path", "nowhere", LINUX]) == 0
    assert capsys.readouterr().err.startswith("warning: there is no folder nowhere to search for libraries\n")


@pytest.mark.usefixtures("pipeline")
def test_quiet_says_nothing_but_json_stays(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["repair", "-q", LINUX]) == 0
    assert capsys.readouterr() == ("", "")
    assert boundary.main(["repair", "-q", "--format", "json", LINUX]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert json.loads(output)["wheels"][0]["warnings"] == ["A warning."]


@pytest.mark.usefixtures("pipeline")
def test_colours_by_option_and_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def colored(*options: str) -> bool:
        assert boundary.main(["repair", *options, LINUX]) == 0
        output, errors = capsys.readouterr()
        assert ("\x1b[" in output) is ("\x1b[" in errors)
        return "\x1b[" in output

    assert not colored()
    assert colored("--color", "always")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert colored()
    assert not colored("--color", "never")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colored()
    assert colored("--color", "always")


def test_globs_that_the_shell_left_alone(pipeline: Pipeline) -> None:
    assert boundary.main(["repair", "*.whl", "./**/*win*.whl"]) == 0
    assert pipeline.wheels == (Path(LINUX), Path(WINDOWS), Path(WINDOWS))
