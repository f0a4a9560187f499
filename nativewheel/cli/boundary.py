"""The outermost layer: turns whatever ends a run into one message and one exit status."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from nativewheel.cli.group import cli
from nativewheel.cli.terminal import Terminal, abandon, prepare_streams
from nativewheel.errors import MachineError, NativewheelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

INTERRUPTED = 130  # 128 + SIGINT
BROKEN_PIPE = 141  # 128 + SIGPIPE, as for any program that writes to a closed pipe
TERMINATED = 143  # 128 + SIGTERM
INTERNAL_ERROR = NativewheelError.exit_status
COLLECT_EVERY = 100_000
"""New objects between two searches for cycles.  A run of seconds leaves few; Python's 700 (before 3.14) would make a tenth of it searching."""
DEBUG_VARIABLE = "NATIVEWHEEL_DEBUG"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` (default: those of the process) and return the exit status."""
    gc.set_threshold(COLLECT_EVERY)
    prepare_streams()
    signal.signal(signal.SIGTERM, _terminate)
    terminal = Terminal()
    try:
        with cli.make_context("nativewheel", list(sys.argv[1:] if arguments is None else arguments), obj=terminal) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (the one place for it: no user may meet a traceback that was not asked for)
        return _report(terminal, error)
    return 0


def _report(terminal: Terminal, error: Exception | KeyboardInterrupt) -> int:
    """Say what ended the run, and give the exit status."""
    match error:
        case NativewheelError():
            terminal.error(str(error), error.hint)
            status = error.exit_status
        case click.ClickException():
            terminal.error(error.format_message(), _usage_hint(error))
            status = UsageError.exit_status
        case KeyboardInterrupt() | click.Abort():
            terminal.error("interrupted")
            status = INTERRUPTED
        case BrokenPipeError():
            abandon(sys.stdout)
            status = BROKEN_PIPE
        case MemoryError():
            terminal.error("out of memory", "fewer --jobs need less")
            status = MachineError.exit_status
        case OSError():
            terminal.error(_system_text(error))
            status = MachineError.exit_status
        case _:
            _report_fault(terminal, error)
            status = INTERNAL_ERROR
    return status


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by an exception, so that context managers remove what is half written."""
    raise SystemExit(TERMINATED)


def _usage_hint(error: click.ClickException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path} --help lists what there is" if context is not None else None


def _system_text(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def _report_fault(terminal: Terminal, error: BaseException) -> None:
    if terminal.verbose or os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error, file=sys.stderr)
    terminal.error(f"internal error: {type(error).__name__}: {error}", f"please report this, with what {DEBUG_VARIABLE}=1 makes it print")
