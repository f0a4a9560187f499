"""A progress bar on standard error, for work that lasts."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

    from nativewheel.cli.terminal import Terminal

PATIENCE = 0.5
"""Seconds of work before the bar appears."""


@contextmanager
def progress(terminal: Terminal) -> Iterator[Callable[[str, int, int], None] | None]:
    """Give what to call with (label, done, total), from any thread; None where nobody would see a bar."""
    if terminal.quiet or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar(color=terminal.colored(sys.stderr))
    timer = Timer(PATIENCE, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield bar.update
    finally:
        timer.cancel()
        bar.close()


class _Bar:
    """The bar: hidden until ``show``, gone after ``close``."""

    def __init__(self, *, color: bool) -> None:
        self._color = color
        self._lock = Lock()
        self._state = ("", 0, 0)
        self._closed = False
        self._progress: Progress | None = None

    def show(self) -> None:
        """Draw the bar.  rich is imported only now: it costs as much as repairing a small wheel."""
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        with self._lock:
            if self._closed:
                return
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            console = Console(file=sys.stderr, no_color=not self._color)
            self._progress = Progress(*columns, console=console, transient=True)
            self._progress.start()
            self._progress.add_task("", total=None)
            self._draw()

    def update(self, label: str, done: int, total: int) -> None:
        """Tell how far the work is."""
        with self._lock:
            self._state = (label, done, total)
            self._draw()

    def close(self) -> None:
        """Take the bar away, for good."""
        with self._lock:
            self._closed = True
            if self._progress is not None:
                self._progress.stop()

    def _draw(self) -> None:
        label, done, total = self._state
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], description=label, completed=done, total=total or None)
