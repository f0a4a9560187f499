"""The progress bar: only on a terminal, only when work lasts, and gone afterwards."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from nativewheel.cli import progress as module
from nativewheel.cli.progress import progress
from nativewheel.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class Screen(io.StringIO):
    """A terminal to look at."""

    def isatty(self) -> bool:
        return True


def looked_at(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Put a screen in the place of standard error; in the test itself, because pytest sets its own stream after the fixtures."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return screen


class Immediate:
    """A timer that runs out at once."""

    def __init__(self, _seconds: float, function: Callable[[], None]) -> None:
        self._function = function

    def start(self) -> None:
        self._function()

    def cancel(self) -> None:
        pass


def test_nobody_looks_at_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress(Terminal()) as advance:
        assert advance is None


def test_quiet_means_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at(monkeypatch)
    with progress(Terminal(quiet=True)) as advance:
        assert advance is None


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)
    with progress(Terminal()) as advance:
        assert advance is not None
        advance("spam", 1, 2)
    assert screen.getvalue() == ""


def test_long_work_shows_where_it_is_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)
    monkeypatch.setattr(module, "Timer", Immediate)
    with progress(Terminal()) as advance:
        assert advance is not None
        advance("[bold]spam", 3, 14)
    shown = screen.getvalue()
    assert "[bold]spam" in shown
    assert "3/14" in shown
    assert shown.endswith("\x1b[2K")


def test_a_timer_that_fires_too_late_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)
    timers: list[Callable[[], None]] = []

    class Late(Immediate):
        def start(self) -> None:
            timers.append(self._function)

    monkeypatch.setattr(module, "Timer", Late)
    with progress(Terminal()):
        pass
    for fire in timers:
        fire()
    assert len(timers) == 1
    assert screen.getvalue() == ""
