"""`nativewheel check` and `nativewheel rule`: options, exit statuses, configuration, and what goes where."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from madeshares import CORE
from smallwheels import rewritten, wheel

from nativewheel.cli import boundary

if TYPE_CHECKING:
    from collections.abc import Iterator

TAG = "py3-none-manylinux_2_17_x86_64"
GOOD, BAD, ODD = (f"{name}-1.0-{TAG}.whl" for name in ("good", "bad", "odd"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a folder with a good wheel, one with an error (NW101) and one with a warning (NW109)."""
    for name in ("good", "bad"):
        wheel(tmp_path / "made", TAG, {f"{name}/__init__.py": b""}, name=name)
    odd = wheel(tmp_path / "made", TAG, {"odd/libntcore.so": CORE, "odd/libntcore.so.1": CORE}, name="odd")
    monkeypatch.chdir(tmp_path)
    shutil.copy(tmp_path / "made" / GOOD, GOOD)
    shutil.copy(odd, ODD)
    rewritten(tmp_path / "made" / BAD, tmp_path, {"bad/__init__.py": b"1"})
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def check(*arguments: str) -> int:
    return boundary.main(["check", *arguments])


def rules(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    check("--format", "json", *arguments)
    return [finding["rule"] for finding in json.loads(capsys.readouterr().out)["findings"]]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((GOOD,), 0),
        ((ODD,), 0),
        (("--strict", ODD), 1),
        ((BAD,), 1),
        ((GOOD, BAD), 1),
        (("--exit-zero", BAD), 0),
        (("--strict", "--exit-zero", ODD), 0),
        (("--ignore", "NW1", BAD), 0),
        (("--select", "NW109", BAD), 0),
        (("--select", "NW109", "--strict", ODD), 1),
        (("--select", "NW999", GOOD), 2),
        (("--ignore", "E", GOOD), 2),
        (("--statistics", "--format", "sarif", GOOD), 2),
        (("missing-1.0-py3-none-any.whl",), 2),
        (("--config", "missing.toml", GOOD), 2),
        (("--against", "missing-1.0-py3-none-any.whl", GOOD), 2),
        (("--provider", "missing", GOOD), 2),
        (("--against", ".", "--provider", ".", "--select", "NW5", GOOD), 0),
    ],
)
def test_exit_statuses(arguments: tuple[str, ...], status: int) -> None:
    assert check(*arguments) == status


def test_a_code_that_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--ignore", "NW101,", GOOD) == 2
    assert capsys.readouterr().err == "error: --ignore: expected some text, got an empty string\n"


def test_text_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    check(GOOD, BAD)
    output, errors = capsys.readouterr()
    assert output.startswith(f"{BAD}\n  NW101 bad/__init__.py: ")
    assert errors == ""
    check(GOOD)
    assert capsys.readouterr().out == "1 wheel checked, nothing found.\n"
    check("-q", GOOD)
    assert capsys.readouterr().out == ""


def test_folders_stand_for_their_wheels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "notes.txt").touch()
    check(".", GOOD)
    assert capsys.readouterr().out.endswith(" in 2 of 3 wheels; `nativewheel rule NW101` explains a rule.\n")
    (folder / "empty").mkdir()
    assert check("empty") == 2
    assert "there is no wheel in this folder: empty" in capsys.readouterr().err


def test_wheels_that_cannot_be_read_do_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    broken = f"broken-1.0-{TAG}.whl"
    Path(broken).write_bytes(b"not a zip archive")
    Path("nonsense.whl").touch()
    assert check("--exit-zero", broken, BAD, "nonsense.whl") == 3
    output, errors = capsys.readouterr()
    assert "NW101" in output
    assert f"error: {broken}: not a zip archive" in errors
    assert "error: nonsense.whl: not the file name of a wheel" in errors


def test_codes_may_have_commas_between(capsys: pytest.CaptureFixture[str]) -> None:
    assert rules(capsys, "--select", "NW109, NW101", ".") == ["NW101", "NW109"]
    assert rules(capsys, "--select", "NW109", "--extend-select", "NW101", ".") == ["NW101", "NW109"]
    assert rules(capsys, "--select", "NW1", "--ignore", "NW109", ".") == ["NW101"]


def test_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.nativewheel.check]\nignore = ["NW101"]\nstrict = true\nper-wheel-ignores = { "odd-*" = ["NW109"], "*-win32" = ["NW2"] }\n'
    )
    assert rules(capsys, ".") == []
    assert rules(capsys, "--select", "NW1", ".") == ["NW101"]
    (folder / "pyproject.toml").write_text("[tool.nativewheel.check]\nstrict = true\n")
    assert check(ODD) == 1
    (folder / "pyproject.toml").write_text('[tool.nativewheel.check]\nper-wheel-ignores = { "other-*" = ["NX"] }\n')
    capsys.readouterr()
    assert check(ODD) == 2
    assert 'tool.nativewheel.check.per-wheel-ignores."other-*"' in capsys.readouterr().err


def test_forms(capsys: pytest.CaptureFixture[str]) -> None:
    check("--format", "sarif", ".")
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert {result["ruleId"] for result in run["results"]} == {"NW101", "NW109"}
    check("--format", "junit", ".")
    assert ET.fromstring(capsys.readouterr().out).get("failures") == "1"  # noqa: S314  (our own)
    check("--format", "github", ".")
    assert capsys.readouterr().out.startswith(f"::error title=NW101 record-disagrees::{BAD}: bad/__init__.py: ")
    check("--statistics", ".")
    assert capsys.readouterr().out.startswith("1 NW101 RECORD disagrees with the archive\n")


def test_the_page_of_a_wheel_shows_its_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", "--format", "html", GOOD, ODD]) == 0
    page = capsys.readouterr().out
    assert page.count(">NW109<") == 1
    assert ">NW101<" not in page


def test_rules_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["rule", "NW104"]) == 0
    assert capsys.readouterr().out.startswith("NW104 beyond-tag (error)\n")
    assert boundary.main(["rule", "NW60"]) == 0
    assert [line[:5] for line in capsys.readouterr().out.splitlines()] == ["NW601", "NW602", "NW603", "NW604"]
    assert boundary.main(["rule"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 38
    assert boundary.main(["rule", "NW100"]) == 2
