"""`nativewheel doctor`: forms and exit status."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from nativewheel.cli import boundary
from nativewheel.linkage.health import Health, Problem, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

WELL = Health(providers=(), consumers=(), problems=())
ILL = Health(providers=(), consumers=(), problems=(Problem(code=ProblemCode.LOAD_FAILED, message="it broke", fix="mend it"),))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Health]]:
    """Replace the examination; the last item is what it finds."""
    states = [WELL]
    monkeypatch.setattr("nativewheel.cli.doctor.examine", lambda: states[-1])
    before = signal.getsignal(signal.SIGTERM)
    yield states
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("found")
def test_no_problem_is_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["doctor"]) == 0
    assert capsys.readouterr() == ("No installed wheel shares native libraries.\n", "")


@pytest.mark.parametrize("options", [(), ("-q",), ("-v",), ("--color", "never"), ("--format", "text")])
def test_a_problem_is_status_1(found: list[Health], capsys: pytest.CaptureFixture[str], options: tuple[str, ...]) -> None:
    found.append(ILL)
    assert boundary.main(["doctor", *options]) == 1
    assert capsys.readouterr() == ("load-failed: it broke\n  mend it\n0 providers, 0 consumers: 1 problem.\n", "")


def test_json(found: list[Health], capsys: pytest.CaptureFixture[str]) -> None:
    found.append(ILL)
    assert boundary.main(["doctor", "--format", "json"]) == 1
    assert [problem["code"] for problem in json.loads(capsys.readouterr().out)["problems"]] == ["load-failed"]


def test_colours(found: list[Health], capsys: pytest.CaptureFixture[str]) -> None:
    found.append(ILL)
    assert boundary.main(["doctor", "--color", "always"]) == 1
    assert capsys.readouterr().out.startswith("\x1b[31;1mload-failed: \x1b[0mit broke\n")


@pytest.mark.usefixtures("found")
def test_there_is_nothing_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.main(["doctor", "x.whl"]) == 2
    assert "x.whl" in capsys.readouterr().err
