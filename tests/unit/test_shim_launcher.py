"""The script that takes a native program's place, run for real where installers put it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativewheel.shim import launcher as source
from nativewheel.shim.inject import launcher

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Linux wheels are used on Linux")

PROGRAM = "small.scripts/prog"
SCRIPT = '#!/bin/sh\necho "$0" "$@"\ncat\nexit 7\n'


def put_program(root: Path, name: str = PROGRAM) -> Path:
    path = root / name
    path.parent.mkdir(parents=True)
    path.write_text(SCRIPT)
    path.chmod(0o755)
    return path


def put_launcher(folder: Path, program: str = PROGRAM) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "prog"
    # As installers do it.
    path.write_bytes(launcher(program).replace(b"#!python\n", f"#!{sys.executable}\n".encode()))
    path.chmod(0o755)
    return path


def run(command: Sequence[str | Path], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, input="input\n", text=True, capture_output=True, check=False, env={**os.environ, **environment})


def test_the_program_beside_the_bin_folder_is_run(tmp_path: Path) -> None:
    """As `pip install --target` lays them out."""
    program = put_program(tmp_path / "target")
    script = put_launcher(tmp_path / "target/bin")
    for command in ([script], [Path("bin/prog")]):
        done = run([*command, "a b", "-c", ""], tmp_path / "target")
        assert (done.stdout, done.stderr, done.returncode) == (f"{program} a b -c \ninput\n", "", 7)


def test_the_program_on_the_search_path_is_run(tmp_path: Path) -> None:
    """As an installation for the user, or with a prefix, lays them out."""
    program = put_program(tmp_path / "site")
    done = run([put_launcher(tmp_path / "elsewhere/bin"), "x"], tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert (done.stdout, done.returncode) == (f"{program} x\ninput\n", 7)


def test_the_copy_beside_the_script_comes_first(tmp_path: Path) -> None:
    own = put_program(tmp_path / "target")
    put_program(tmp_path / "site")
    assert run([put_launcher(tmp_path / "target/bin")], tmp_path, PYTHONPATH=str(tmp_path / "site")).stdout.startswith(f"{own}\n")


def test_a_missing_program_is_an_error_that_says_where_it_was_looked_for(tmp_path: Path) -> None:
    done = run([put_launcher(tmp_path / "bin")], tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{PROGRAM} was not found below any of {tmp_path}, ")
    assert done.stderr.endswith("is the package installed for this Python?\n")


def test_names_are_quoted(tmp_path: Path) -> None:
    name = 'small.scripts/it\'s "quoted" \\ é'
    program = put_program(tmp_path, name)
    assert run([put_launcher(tmp_path / "bin", name), "x"], tmp_path).stdout == f"{program} x\ninput\n"


def test_platlib_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a virtual environment, where the folder is not beside bin."""
    program = put_program(tmp_path / "lib/site-packages")
    monkeypatch.setattr(sysconfig, "get_path", {"platlib": str(tmp_path / "lib/site-packages")}.get)
    assert source.find(PROGRAM) == str(program)


def test_a_folder_of_the_programs_name_is_not_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / PROGRAM).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(SystemExit, match="was not found"):
        source.find(PROGRAM)
