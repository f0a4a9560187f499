"""`[tool.nativewheel]`: found, checked, and merged for each wheel in the promised order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nativewheel.config.document import Configuration, Override, discover, load
from nativewheel.config.settings import Settings
from nativewheel.errors import UsageError
from nativewheel.wheel.names import WheelName

if TYPE_CHECKING:
    from pathlib import Path

LINUX = WheelName.parse("spam-1.0-cp311-cp311-linux_x86_64.whl")
WINDOWS = WheelName.parse("spam-1.0-cp311-cp311-win_amd64.whl")


def written(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [tool.nativewheel]
        exclude = ["libcuda.so.*"]
        lib-path = ["build/deps/lib"]
        [[tool.nativewheel.overrides]]
        select = "*-win_*"
        strip = true
        [[tool.nativewheel.overrides]]
        select = ["cp311-*", "cp312-*"]
        lib-path = ["more"]
        """,
    )
    expected = Configuration(
        settings=Settings(exclude=("libcuda.so.*",), lib_path=(tmp_path / "build/deps/lib",)),
        overrides=(
            Override(select=("*-win_*",), settings=Settings(strip=True)),
            Override(select=("cp311-*", "cp312-*"), settings=Settings(lib_path=(tmp_path / "more",))),
        ),
    )
    assert load(path) == expected
    assert discover(tmp_path) == expected


@pytest.mark.parametrize("text", ["", "[project]\nname = 'spam'", "[tool.other]\nx = 1"])
def test_a_pyproject_without_the_table_says_nothing(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    assert discover(tmp_path) == Configuration()
    with pytest.raises(UsageError, match=r"no \[tool\.nativewheel\] table"):
        load(path)


def test_a_folder_without_a_pyproject_says_nothing(tmp_path: Path) -> None:
    assert discover(tmp_path) == Configuration()


@pytest.mark.parametrize("name", ["none.toml", ".", "file/none.toml"])
def test_a_file_that_was_named_must_be_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no such configuration file"):
        load(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.nativewheel]\nexclude = ]", "not valid TOML: .*line 2"),
        (b"# \xff", "byte 2 is not UTF-8"),
        (b"x = " + b"[" * 100_000, "nested too deeply"),
        (b"x = " + b"9" * 10_000, "not valid TOML: .*digits"),
        (b"tool = 1", "tool: expected a table, got int"),
        (b"[tool]\nnativewheel = []", r"tool\.nativewheel: expected a table, got list"),
        (b"[tool.nativewheel]\noverrides = {}", r"tool\.nativewheel\.overrides: expected a list of tables, got dict"),
        (b"[tool.nativewheel]\noverrides = [1]", r"tool\.nativewheel\.overrides\[0\]: expected a table, got int"),
        (b"[[tool.nativewheel.overrides]]\nstrip = true", r"tool\.nativewheel\.overrides\[0\]\.select: missing"),
        (b"[[tool.nativewheel.overrides]]\nselect = ['a', 1]", r"tool\.nativewheel\.overrides\[0\]\.select\[1\]: expected a string, got int"),
        (b"[[tool.nativewheel.overrides]]\nselect = 'a'\nexclude = ['a', 1]", r"tool\.nativewheel\.overrides\[0\]\.exclude\[1\]: expected a string"),
        (b"[[tool.nativewheel.overrides]]\nselect = 'a'\njobs = 2", r"tool\.nativewheel\.overrides\[0\]\.jobs: .*whole run"),
        (b"[tool.nativewheel.check]\nselected = ['NW']", r"tool\.nativewheel\.check\.selected: unknown key"),
        (b"[tool.nativewheel.check]\nselect = 'NW'", r"tool\.nativewheel\.check\.select: expected a list, got str"),
        (b"[tool.nativewheel.check]\nper-wheel-ignores = ['NW']", r"tool\.nativewheel\.check\.per-wheel-ignores: expected a table, got list"),
        (b"[tool.nativewheel.check.per-wheel-ignores]\n'*-win*' = 'NW'", r"check\.per-wheel-ignores\.\"\*-win\*\": expected a list, got str"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "nativewheel.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        load(path)
    assert caught.value.where[0] == str(path)
    assert caught.value.exit_status == 2


def test_layers_come_in_order() -> None:
    configuration = Configuration(
        settings=Settings(plat="file", exclude=("file",), lib_sdir="file"),
        overrides=(
            Override(select=("cp311-*",), settings=Settings(plat="first", exclude=("first",), lib_sdir="first")),
            Override(select=("*-win_*",), settings=Settings(exclude=("windows",))),
            Override(select=("spam-*",), settings=Settings(exclude=("last",), lib_sdir="last")),
        ),
    )
    environment = {"AUDITWHEEL_PLAT": "environment"}
    command = Settings(exclude=("command",))
    assert configuration.for_wheel(LINUX, command, environment) == Settings(
        plat="environment", exclude=("file", "first", "last", "command"), lib_sdir="last"
    )
    assert configuration.for_wheel(WINDOWS, command, environment) == Settings(
        plat="first", exclude=("file", "first", "windows", "last", "command"), lib_sdir="last"
    )
    assert configuration.for_wheel(LINUX, Settings(plat="auto"), environment).plat == "auto"
    assert configuration.for_wheel(LINUX, command, {"AUDITWHEEL_PLAT": ""}).plat == "first"


def test_the_environment_tells_musl_wheels() -> None:
    configuration = Configuration(overrides=(Override(select=("*-musllinux_*",), settings=Settings(strip=True)),))
    assert configuration.for_wheel(LINUX, Settings(), {}).strip is None
    assert configuration.for_wheel(LINUX, Settings(), {"AUDITWHEEL_PLAT": "musllinux_1_2_x86_64"}).strip is True


def test_the_deployment_target_comes_from_the_environment() -> None:
    configuration = Configuration(settings=Settings())
    assert configuration.for_wheel(LINUX, Settings(), {"MACOSX_DEPLOYMENT_TARGET": "11.0"}).deployment_target == "11.0"
    assert configuration.for_wheel(LINUX, Settings(), {"MACOSX_DEPLOYMENT_TARGET": ""}).deployment_target is None
