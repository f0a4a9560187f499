"""What a user sees when a provider is missing, too old or damaged: an ImportError that says what to do, and never a crash."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from cpythons import fault, good, run
from sharedwheels import SET_CONFIG, VALUES, core, core_wheel, library, needs_linux, repaired, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sharedwheels import SharedSet

pytestmark = needs_linux
UNIQUE = "libnw_ntcore__ntcore.so.1"
RANGE = "ntcore==1.*,>=1.2.7"
COMMAND = f'python -m pip install "{RANGE}"'
USERS = ["ntuser", "ntsub", "ntspace_alpha", "ntspace_beta", "nttop"]


@pytest.fixture
def provider(shared: SharedSet, tmp_path: Path) -> Path:
    """Return a copy of the provider, to damage."""
    return shutil.copytree(shared.folders["ntcore"], tmp_path / "provider")


@pytest.mark.parametrize("consumer", USERS)
def test_the_provider_is_missing(cpython: Path, shared: SharedSet, consumer: str) -> None:
    said = fault(run(cpython, VALUES[consumer][0], shared.folders[consumer]))
    assert consumer.replace("_", "-") in said
    assert RANGE in said
    assert "not found" in said
    assert COMMAND in said


def test_the_process_lives_on_and_can_try_again(cpython: Path, shared: SharedSet) -> None:
    code = f"""
import sys
for imported in {[VALUES[name][0] for name in USERS]!r}:
    try:
        exec(imported)
    except ImportError as error:
        assert {RANGE!r} in str(error), error
    else:
        sys.exit(imported)
sys.path.append({str(shared.folders["ntcore"])!r})
import importlib
importlib.invalidate_caches()
import nttop
from ntspace import alpha
from ntuser import five
assert (five(), alpha.seven(), nttop.nine()) == (5, 7, 9)
"""
    good(run(cpython, code, *shared.only(*USERS)))


def test_a_provider_that_was_not_repaired_is_none(cpython: Path, shared: SharedSet, tmp_path: Path) -> None:
    said = fault(run(cpython, "import ntuser", unpacked(shared.inputs["ntcore"], tmp_path / "plain"), *shared.only("ntuser")))
    assert COMMAND in said


def test_the_provider_of_a_provider_is_missing(cpython: Path, shared: SharedSet) -> None:
    said = fault(run(cpython, "import nw_ntmath; nw_ntmath.load()", *shared.only("ntmath")))
    assert "ntmath 1.0 needs ntcore==1.*,>=1.2.7" in said


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older")
    return unpacked(repaired([core_wheel(folder, "1.2.0")], folder / "out", SET_CONFIG[0])["ntcore"], folder / "site")


@pytest.mark.parametrize("consumer", USERS)
def test_the_provider_is_too_old(cpython: Path, shared: SharedSet, older: Path, consumer: str) -> None:
    said = fault(run(cpython, VALUES[consumer][0], older, shared.folders[consumer]))
    assert RANGE in said
    assert re.search(r"ntcore 1\.2\.0 was found in \S*/nw_ntcore", said)
    assert COMMAND in said


DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "gone": lambda _path, _data: None,
    "text": lambda path, _data: path.write_text("INPUT(something.so)"),
    "empty": lambda path, _data: path.touch(),
    "cut": lambda path, data: path.write_bytes(data[:100]),
    "folder": lambda path, _data: path.mkdir(),
    "another machine": lambda path, data: path.write_bytes(data[:18] + b"\xb7\x00" + data[20:]),  # e_machine: EM_AARCH64
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_library_was_replaced(cpython: Path, shared: SharedSet, provider: Path, damage: str) -> None:
    path = provider / "ntcore/lib" / UNIQUE
    data = path.read_bytes()
    path.unlink()
    DAMAGES[damage](path, data)
    code = "import sys\ntry:\n    import ntuser\nfinally:\n    print('alive')"
    done = run(cpython, code, provider, *shared.only("ntuser"))
    said = fault(done)
    assert done.stdout == "alive\n"
    assert "ntcore 1.2.7 cannot load" in said
    assert str(path) in said
    assert 'python -m pip install --force-reinstall "ntcore==1.2.7"' in said


def test_another_library_lies_in_its_place(cpython: Path, shared: SharedSet, provider: Path, tmp_path: Path) -> None:
    """The loader cannot tell, but for what the library lacks."""
    shutil.copy(library(tmp_path, "libother.so.1", "int other(void) { return 1; }"), provider / "ntcore/lib" / UNIQUE)
    code = "import sys\ntry:\n    import ntuser\nfinally:\n    print('alive')"
    done = run(cpython, code, provider, *shared.only("ntuser"))
    assert "nt_add" in fault(done)
    assert done.stdout == "alive\n"


def test_another_file_was_loaded_under_the_name_before(cpython: Path, shared: SharedSet, provider: Path) -> None:
    first = shared.folders["ntcore"] / "ntcore/lib" / UNIQUE
    said = fault(run(cpython, f"import ctypes; ctypes.CDLL({str(first)!r}); import ntuser", provider, *shared.only("ntuser")))
    assert str(first) in said
    assert str(provider / "ntcore/lib" / UNIQUE) in said


def test_the_search_path_of_the_loader_is_out_of_play(cpython: Path, shared: SharedSet, tmp_path: Path) -> None:
    """N-41, "env": neither variables set at start nor later ones decide which file is loaded."""
    wrong = core(tmp_path / "wrong", offset=100)
    shutil.copy(wrong, wrong.with_name(UNIQUE))
    env = {"LD_LIBRARY_PATH": str(wrong.parent)}
    assert good(run(cpython, "import ntuser; print(ntuser.five())", *shared.only("ntuser", "ntcore"), env=env)) == "5"
    code = f"import os; os.environ['LD_LIBRARY_PATH'] = {os.fspath(wrong.parent)!r}; import ntuser"
    assert COMMAND in fault(run(cpython, code, *shared.only("ntuser")))
