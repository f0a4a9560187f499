"""Loading a provider in a process of its own: whatever happens there is told, and does not happen here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from nativewheel.linkage import loading
from nativewheel.linkage.loading import Loaded, load_apart
from nativewheel.linkage.loadprobe import mapped_files

if TYPE_CHECKING:
    from pathlib import Path

STANDARD = [entry for entry in sys.path if "site-packages" not in entry and entry]


def load(folder: Path, source: str) -> Loaded:
    (folder / "nw_made.py").write_text(source)
    return load_apart("nw_made", {"libmade.so": "libmade.so"}, [str(folder), *STANDARD], {})


def test_nothing_loaded(tmp_path: Path) -> None:
    assert load(tmp_path, "def load(): print('hello')\n") == Loaded(files={"libmade.so": ()})


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def load():\n    raise ImportError('no such luck')\n", "ImportError: no such luck"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import absent_module\n", "ModuleNotFoundError: No module named 'absent_module'"),
        ("def load():\n    import os; os.kill(os.getpid(), 9)\n", "the interpreter was ended by SIGKILL"),
        ("def load():\n    import os; os.kill(os.getpid(), 40)\n", "the interpreter was ended by signal 40"),
        ("def load():\n    import os; os._exit(3)\n", "the interpreter ended with status 3"),
        ("def load():\n    print('all is well', flush=True); import os; os._exit(0)\n", "the interpreter ended with status 0"),
    ],
)
def test_failures(tmp_path: Path, source: str, error: str) -> None:
    assert load(tmp_path, source) == Loaded(files={}, error=error)


def test_time_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SECONDS", 0.2)
    assert load(tmp_path, "def load():\n    import time; time.sleep(60)\n").error == "it did not finish within 0.2 seconds"


def test_no_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert load(tmp_path, "").error == f"cannot run {tmp_path / 'python'}: No such file or directory"


def test_tables_of_mappings() -> None:
    table = (
        "1-2 r-xp 0 00:00 1 /a b/libx.so\n2-3 r--p 0 00:00 1 /a b/libx.so\n"
        "3-4 r--p 0 00:00 2 /c/liblibx.so\n4-5 rw-p 0 00:00 0\n5-6 r 0 0 3 /d/libx.so\n"
    )
    assert mapped_files(table, "libx.so") == ["/a b/libx.so", "/d/libx.so"]
