"""Where text goes: results to standard output, everything else to standard error, and how both are written."""

from __future__ import annotations

import codecs
import io
import os
import sys
from dataclasses import dataclass
from typing import TextIO

from nativewheel.errors import MachineError
from nativewheel.report.sheet import Sheet, bad, faint, notice, printable

PIECE = 4096
"""Characters to write at once: with PYTHONUNBUFFERED, Python drops without a word what a single write to a pipe could not place."""

_PLAIN = str.maketrans({"→": "->", "←": "<-", "└": "`", "├": "|", "│": "|", "─": "-"})


@dataclass(slots=True, kw_only=True)
class Terminal:
    """How much to say and in which colours; ``color`` is auto, always or never."""

    verbose: bool = False
    quiet: bool = False
    color: str = "auto"

    def result(self, text: str) -> None:
        """Write the result of a command.  A full disk is a ``MachineError``; a reader that has gone away stays a ``BrokenPipeError``."""
        try:
            for start in range(0, len(text), PIECE):
                sys.stdout.write(text[start : start + PIECE])
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            abandon(sys.stdout)
            raise MachineError(f"cannot write to standard output: {error.strerror}") from error

    def warning(self, text: str) -> None:
        """Write a warning, unless only errors are wanted."""
        if not self.quiet:
            sheet = Sheet(color=self.colored(sys.stderr))
            sheet.line(notice("warning: "), text)
            self._remark(str(sheet))

    def error(self, message: str, hint: str | None = None) -> None:
        """Write an error, and a hint below it.  A message can have several lines, where it quotes a program."""
        sheet = Sheet(color=self.colored(sys.stderr))
        first, *others = message.splitlines() or [""]
        sheet.line(bad("error: "), first)
        for line in others:
            sheet.line(line, indent=1)
        if hint:
            sheet.line(faint("hint: "), " ".join(hint.split()))
        self._remark(str(sheet))

    def colored(self, stream: TextIO) -> bool:
        """Decide whether ``stream`` gets colours: the option, then NO_COLOR (no-color.org), then FORCE_COLOR, then whether it is a terminal."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")

    def _remark(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            abandon(sys.stderr)


def prepare_streams() -> None:
    """Let both streams write any text: what their encoding lacks is drawn in ASCII or escaped, instead of ending in a UnicodeEncodeError."""
    codecs.register_error("nativewheel", _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="nativewheel")


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return printable(text.translate(_PLAIN)).encode("ascii", "backslashreplace").decode("ascii"), error.end


def abandon(stream: TextIO) -> None:
    """Point a stream that cannot be written at the null device, so that what it still holds does not fail again when Python exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, stream.fileno())
    finally:
        os.close(null)
