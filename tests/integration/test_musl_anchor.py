"""Anchors in a real process: a C program does what the shim does, with musl's loader and with glibc's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nativewheel.formats import anchor, apply, read
from nativewheel.formats.image import Edit, Identity

if TYPE_CHECKING:
    from pathlib import Path

RENAMES = (("nt_answer", "nw_ntcore__nt_answer"),)
PLAIN, IDENTITY = Identity("libntcore.so.1"), Identity("libnw_ntcore__ntcore.so.1")
COMPILERS = {"musl": "musl-gcc", "glibc": "gcc"}
LIBRARY = "int nt_answer(void) { return %d; }"
CONSUMER = "int nt_answer(void); int answer(void) { return nt_answer() + 1; }"
HOST = """
#include <dlfcn.h>
#include <stdio.h>
/* Load each argument, as the shim does, and ask the last one for its answer. */
int main(int count, char **paths) {
    void *handle = 0;
    for (int index = 1; index < count; index++)
        if (!(handle = dlopen(paths[index], RTLD_NOW | RTLD_LOCAL))) return puts(dlerror()), 1;
    int (*answer)(void) = (int (*)(void))dlsym(handle, "answer");
    printf("%d", answer());
    return 0;
}
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a Linux loader")


@pytest.fixture(scope="module", params=COMPILERS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a host program, a repaired provider with its anchor, another library of that name, and a repaired consumer."""
    compiler = shutil.which(COMPILERS[request.param])
    if compiler is None:
        pytest.skip(f"no {COMPILERS[request.param]} program (Debian: musl-tools)")
    folder = tmp_path_factory.mktemp(request.param)

    def build(name: str, source: str, *flags: str) -> Path:
        (folder / f"{name}.c").write_text(source)
        subprocess.run(
            [compiler, *flags, "-o", name, f"{name}.c", *(["-L.", f"-l:{PLAIN}"] if name == "consumer.so" else [])], cwd=folder, check=True
        )
        return folder / name

    for part in ("provider", "other", "consumer"):
        (folder / part).mkdir()
    build("host", HOST)
    library = build(PLAIN, LIBRARY % 41, "-shared", "-fPIC", f"-Wl,-soname,{PLAIN}")
    apply(library, Edit(identity=IDENTITY, rename_symbols=RENAMES), folder / "provider" / IDENTITY)
    (folder / "provider" / "anchor.so").write_bytes(anchor(library.read_bytes(), IDENTITY))
    apply(
        build("consumer.so", CONSUMER, "-shared", "-fPIC"),
        Edit(replace=((PLAIN, IDENTITY),), rename_symbols=RENAMES),
        folder / "consumer" / "consumer.so",
    )
    apply(build("another.so", LIBRARY % 0, "-shared", "-fPIC"), Edit(identity=IDENTITY, rename_symbols=RENAMES), folder / "other" / IDENTITY)
    return folder


def load(place: Path, *files: str, search: str = "") -> tuple[int, str]:
    """Load files into one process, with LD_LIBRARY_PATH ``search``; return its status and what it printed."""
    environment = {key: value for key, value in os.environ.items() if key not in {"LD_LIBRARY_PATH", "LD_PRELOAD"}}
    environment |= {"LD_LIBRARY_PATH": str(place / search)} if search else {}
    paths = [str(place / file) for file in files]
    done = subprocess.run([place / "host", *paths], env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout


def test_library_anchor_consumer(place: Path) -> None:
    consumer = read((place / "consumer" / "consumer.so").read_bytes(), "consumer.so")
    assert (consumer.dependencies[0].name, consumer.rpaths) == (IDENTITY, ())
    assert load(place, f"provider/{IDENTITY}", "provider/anchor.so", "consumer/consumer.so") == (0, "42")


def test_without_the_anchor_musl_does_not_know_the_library(place: Path) -> None:
    status, output = load(place, f"provider/{IDENTITY}", "consumer/consumer.so")
    if place.name.startswith("musl"):
        assert status == 1
        assert output.startswith(f"Error loading shared library {IDENTITY}: No such file or directory")
    else:
        assert (status, output) == (0, "42")


def test_without_the_provider_nothing_is_found(place: Path) -> None:
    assert load(place, "consumer/consumer.so")[0] == 1
    assert load(place, "consumer/consumer.so", search="other") == (0, "1")


def test_the_library_that_was_loaded_first_stays_on_glibc(place: Path) -> None:
    """musl's search takes LD_LIBRARY_PATH first: what the shim asks the loader afterwards tells the two apart."""
    files = (f"provider/{IDENTITY}", "provider/anchor.so", "consumer/consumer.so")
    assert load(place, *files, search="other") == (0, "1" if place.name.startswith("musl") else "42")


def test_the_folder_of_the_provider_may_be_a_link(place: Path) -> None:
    (place / "linked").symlink_to(place / "provider", target_is_directory=True)
    assert load(place, f"linked/{IDENTITY}", "provider/anchor.so", "consumer/consumer.so") == (0, "42")
    assert load(place, f"provider/{IDENTITY}", "linked/anchor.so", "consumer/consumer.so") == (0, "42")
