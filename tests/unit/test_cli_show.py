"""`nativewheel show`: forms, several wheels, and wheels that cannot be read."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativewheel.cli import boundary
from nativewheel.config.settings import usable_cpus
from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.linkage.inspection import Inspection
from nativewheel.wheel.names import WheelName

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE, TWO, BAD = "one-1.0-py3-none-any.whl", "two-2.0-py3-none-any.whl", "bad-1.0-py3-none-any.whl"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[dict[str, object]]]:
    """Replace the inspection, and give the options that it was called with."""
    monkeypatch.chdir(tmp_path)
    for name in (ONE, TWO, BAD):
        Path(name).touch()
    calls: list[dict[str, object]] = []

    def inspect_wheel(path: Path, **options: object) -> Inspection:
        calls.append(options)
        if path.name == BAD:
            raise UnreadableError("not a zip archive", where=(path.name,), hint="build it again")
        name = WheelName.parse(path.name)
        return Inspection(wheel=path, name=name, version=name.version, tags=name.tags, verdict=None, repaired=None, images=())

    monkeypatch.setattr("nativewheel.cli.show.inspect_wheel", inspect_wheel)
    before = signal.getsignal(signal.SIGTERM)
    yield calls
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("asked")
def test_text_separates_wheels_by_a_blank_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", ONE, TWO]) == 0
    output, errors = capsys.readouterr()
    assert output == (
        f"{ONE}\n  one 1.0\n  tags: py3-none-any\n  pure: no native files.\n\n{TWO}\n  two 2.0\n  tags: py3-none-any\n  pure: no native files.\n"
    )
    assert errors == ""


@pytest.mark.usefixtures("asked")
def test_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", "--format", "tree", ONE]) == 0
    assert capsys.readouterr().out.startswith(f"{ONE}\n")


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("form", "start"), [("mermaid", "flowchart LR\n"), ("dot", "digraph wheels {\n"), ("svg", "<svg ")])
def test_a_picture_is_one_for_all_wheels(form: str, start: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", "--format", form, ONE, TWO]) == 0
    output = capsys.readouterr().out
    assert output.startswith(start)
    assert output.count(start) == 1
    assert ONE in output
    assert TWO in output


@pytest.mark.usefixtures("asked")
def test_a_page_has_the_symbols_of_each_wheel_that_can_be_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []

    def asked_symbols(inspection: Inspection, *, jobs: int) -> dict[str, object]:
        seen.append((inspection.wheel.name, jobs))
        if inspection.wheel.name == TWO:
            raise UnreadableError("no table", where=(TWO,))
        return {}

    monkeypatch.setattr("nativewheel.linkage.asked.asked_symbols", asked_symbols)
    assert boundary.main(["show", "--format", "html", "-j", "3", TWO, ONE]) == 3
    output, errors = capsys.readouterr()
    assert seen == [(TWO, 3), (ONE, 3)]
    assert output.startswith("<!doctype html>\n")
    assert f"<title>Native libraries of {ONE}</title>" in output
    assert TWO not in output
    unchecked = f"warning: its page has no findings, because it could not be checked: {ONE}: not a zip archive, or truncated"
    assert errors.splitlines() == [unchecked, f"error: {TWO}: no table"]


@pytest.mark.usefixtures("asked")
def test_json_is_an_object_for_one_wheel_and_an_array_for_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", "--format", "json", ONE]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "one"
    assert boundary.main(["show", "--format", "json", ONE, TWO]) == 0
    assert [wheel["name"] for wheel in json.loads(capsys.readouterr().out)] == ["one", "two"]


@pytest.mark.usefixtures("asked")
def test_a_wheel_that_cannot_be_read_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", "--format", "json", BAD, ONE]) == 3
    output, errors = capsys.readouterr()
    assert [wheel["name"] for wheel in json.loads(output)] == ["one"]
    assert errors == f"error: {BAD}: not a zip archive\nhint: build it again\n"
    assert boundary.main(["show", BAD]) == 3
    assert capsys.readouterr() == ("", errors)


def test_each_failure_is_said(asked: list[dict[str, object]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def inspect_wheel(path: Path, **_options: object) -> Inspection:
        raise LinkageError(f"no {path}")

    monkeypatch.setattr("nativewheel.cli.show.inspect_wheel", inspect_wheel)
    assert boundary.main(["show", ONE, TWO]) == 4
    assert capsys.readouterr() == ("", f"error: no {ONE}\nerror: no {TWO}\n")
    assert asked == []


def test_options_arrive(asked: list[dict[str, object]]) -> None:
    assert boundary.main(["show", ONE]) == 0
    assert boundary.main(["show", "--lib-path", "a", "--lib-path", "b", "--sysroot", ".", "-j", "3", ONE]) == 0
    assert asked == [
        {"lib_path": (), "sysroot": None, "jobs": usable_cpus()},
        {"lib_path": (Path("a"), Path("b")), "sysroot": Path(), "jobs": 3},
    ]


@pytest.mark.usefixtures("asked")
def test_a_search_folder_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", "--lib-path", "nowhere", ONE]) == 0
    assert capsys.readouterr().err == "warning: there is no folder nowhere to search for libraries\n"
    assert boundary.main(["show", "-q", "--lib-path", "nowhere", ONE]) == 0
    assert capsys.readouterr().err == ""


def test_a_sysroot_must_be_there(asked: list[dict[str, object]], capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["show", "--sysroot", "none", ONE]) == 2
    assert capsys.readouterr().err == "error: the sysroot is not a folder: none\n"
    assert asked == []
