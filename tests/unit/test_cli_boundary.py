"""Whatever ends a run becomes one message and one exit status."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from nativewheel import __version__
from nativewheel.cli import boundary
from nativewheel.errors import LinkageError, MachineError, NativewheelError, ProviderError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "nativewheel"]


@pytest.fixture(autouse=True)
def keep_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NATIVEWHEEL_DEBUG", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "spam-1.0-cp311-cp311-linux_x86_64.whl"
    path.touch()
    return path


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def repair_wheels(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr("nativewheel.cli.repair.repair_wheels", repair_wheels)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UsageError("no"), 2, "error: no\n"),
        (UnreadableError("bad magic", where=("a.whl", "b.so")), 3, "error: a.whl → b.so: bad magic\n"),
        (LinkageError("libx.so is missing", hint="give\n  --lib-path"), 4, "error: libx.so is missing\nhint: give --lib-path\n"),
        (ProviderError("range"), 5, "error: range\n"),
        (MachineError("patchelf failed:\nfirst\nsecond"), 6, "error: patchelf failed:\n  first\n  second\n"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/out/x.whl"), 6, "error: /out/x.whl: No space left on device\n"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), 6, "error: Permission denied\n"),
        (MemoryError(), 6, "error: out of memory\nhint: fewer --jobs need less\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (UnreadableError("\x1b[2J\u202e"), 3, "error: \\x1b[2J\\u202e\n"),
    ],
)
def test_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wheel: Path, error: BaseException, status: int, message: str
) -> None:
    fail_with(monkeypatch, error)
    assert boundary.main(["repair", str(wheel)]) == status
    assert capsys.readouterr() == ("", message)


def test_an_internal_error_keeps_its_traceback_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wheel: Path
) -> None:
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    assert boundary.main(["repair", str(wheel)]) == 70
    quiet = capsys.readouterr().err
    assert quiet.startswith("error: internal error: ZeroDivisionError: division by zero\nhint: please report")
    assert "Traceback" not in quiet
    assert boundary.main(["repair", "-v", str(wheel)]) == 70
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("NATIVEWHEEL_DEBUG", "1")
    assert boundary.main(["repair", str(wheel)]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_every_subclass_owns_its_status() -> None:
    statuses = [kind.exit_status for kind in (NativewheelError, UsageError, UnreadableError, LinkageError, ProviderError, MachineError)]
    assert statuses == [70, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: Missing command."),
        (["frobnicate"], "error: No such command 'frobnicate'."),
        (["repair"], "error: Missing argument 'WHEEL...'."),
        (["repair", "--frob", "x.whl"], "error: No such option"),
        (["repair", "-z", "10", "x.whl"], "error: Invalid value for '-z' / '--zip-level'"),
        (["repair", "--format", "xml", "x.whl"], "error: Invalid value for '--format'"),
        (["repair", "-v", "-q", "x.whl"], "error: --verbose and --quiet exclude each other"),
        (["repair", "none.whl"], "error: no such wheel: none.whl"),
        (["repair", "none*.whl"], "error: no such wheel: none*.whl"),
        (["repair", "."], "error: this is a folder, not a wheel: ."),
    ],
)
def test_usage_errors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert boundary.main(arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(message)
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["repair", "show"])
def test_help_goes_to_standard_output(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert boundary.main([command, "--help"]) == 0
    output, errors = capsys.readouterr()
    assert output.startswith(f"Usage: nativewheel {command} [OPTIONS] WHEEL...")
    assert errors == ""


def test_the_version_comes_fast() -> None:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        result = subprocess.run([*COMMAND, "--version"], check=True, capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        assert result.stdout == f"nativewheel {__version__}\n"
    bare = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import click"], check=True)
        bare.append(time.perf_counter() - start)
    # The promise is 80 ms; a busy machine is measured by what Python and click alone take on it.
    assert min(times) < max(0.080, 2 * min(bare))


def test_the_version_needs_none_of_the_pipeline() -> None:
    code = "import sys; from nativewheel.cli.boundary import main; main(['--version']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"rich", "packaging", "tomllib", "zipfile", "json", "auditwheel", "nativewheel.repair.batch", "nativewheel.linkage", "nativewheel.wheel"}
    assert heavy.isdisjoint(loaded)


WAITING = """
import signal, sys, time
from pathlib import Path
from nativewheel.cli.boundary import main
import nativewheel.cli.repair as command

def wait(*arguments):
    marker = Path(sys.argv[1]).with_name("half-written")
    marker.touch()
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        marker.unlink()

command.repair_wheels = wait
sys.exit(main(["repair", sys.argv[1]]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send")
@pytest.mark.parametrize(("number", "status", "message"), [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "error: interrupted\n")])
def test_an_interrupted_run_cleans_up(wheel: Path, number: signal.Signals, status: int, message: str) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING, str(wheel)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert wheel.with_name("half-written").exists()
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (status, message)
    assert not wheel.with_name("half-written").exists()


PRINTING = """
import sys
from nativewheel.cli.boundary import main
import nativewheel.cli.show as command
command.inspect_wheel = lambda *arguments, **options: None
command.show_text.render = lambda *arguments, **options: sys.argv[2] * int(sys.argv[3])
sys.exit(main(["show", sys.argv[1]]))
"""


@pytest.mark.skipif(os.name == "nt", reason="the shell here is a POSIX one")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_the_run_quietly(wheel: Path, unbuffered: str) -> None:
    command = [sys.executable, "-c", PRINTING, str(wheel), "line\n", "100000"]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "line\n"
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_below_standard_output_is_said(wheel: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result = subprocess.run([sys.executable, "-c", PRINTING, str(wheel), "x", "9"], check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (6, "error: cannot write to standard output: No space left on device\n")


@pytest.mark.parametrize(
    ("encoding", "output"),
    [("utf-8", "→ ├── ü"), ("cp1252", "-> |-- ü"), ("ascii", "-> |-- \\xfc")],
)
def test_any_encoding_will_do(wheel: Path, encoding: str, output: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    result = subprocess.run([sys.executable, "-c", PRINTING, str(wheel), "→ ├── ü", "1"], check=True, capture_output=True, env=environment)
    assert result.stdout.decode(encoding) == output


def test_no_argument_of_the_process_is_read_when_others_are_given(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["nativewheel", "--version"])
    assert boundary.main() == 0
    assert capsys.readouterr().out == f"nativewheel {__version__}\n"
    assert boundary.main(["show", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: nativewheel show")
