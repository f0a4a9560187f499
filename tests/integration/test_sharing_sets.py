"""Sets of wheels: several platforms and Pythons at once, what is left and removed when wheels come and go, what is edited and what is not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from command import dynamic, extract, nativewheel
from cpythons import cpythons, everywhere, good, run
from madeimages import LIBRARIES, content
from sharedwheels import (
    LIBRARY,
    MODULE,
    NT_ADD,
    VALUES,
    config,
    core_link,
    core_wheel,
    export,
    module,
    needs_linux,
    pip,
    repaired,
    requirements_of,
    unpacked,
    user_wheel,
    uv,
)
from smallwheels import MUSL, wheel

if TYPE_CHECKING:
    from pathlib import Path

    from sharedwheels import SharedSet

pytestmark = needs_linux
needs_readelf = pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf program")


@needs_readelf
def test_one_command_for_platforms_and_pythons(tmp_path: Path) -> None:
    """The provider has a wheel for each C library and processor; the consumer one for each of those and two Pythons."""
    aarch64 = "aarch64-linux-gnu.2.17"
    targets = {"x86_64-linux-gnu": "x86_64-linux-gnu.2.17", "x86_64-linux-musl": MUSL, "aarch64-linux-gnu": aarch64}
    wheels = []
    for name, target in targets.items():
        folder, machine = tmp_path / name, name.partition("-")[0]
        platform = f"musllinux_1_2_{machine}" if "musl" in name else f"linux_{machine}"
        wheels.append(core_wheel(folder, tag=f"py3-none-{platform}", target=target))
        for minor in (11, 12):
            image = module(folder, "_ext", NT_ADD, {"five": "nt_add(2, 3)"}, core_link(folder, target=target), target=target)
            files = {"ntuser/__init__.py": b"from ._ext import five\n", f"ntuser/_ext.cpython-3{minor}-{name}.so": image}
            wheels.append(wheel(folder, f"cp3{minor}-cp3{minor}-{platform}", files, name="ntuser"))
    done = nativewheel("repair", "-w", tmp_path / "out", "--config", config(tmp_path, export("ntcore")), "--format", "json", *wheels)
    report = json.loads(done.stdout)["wheels"]
    assert len(report) == len(wheels) == 9
    outputs = sorted((tmp_path / "out").glob("*.whl"))
    assert len(outputs) == 9
    for output in outputs:
        if output.name.startswith("ntuser-"):
            assert requirements_of(output) == ["ntcore==1.*,>=1.2.7"]
            with zipfile.ZipFile(output) as archive:
                (image_name,) = (member for member in archive.namelist() if "_ext.cpython" in member)
            assert "libnw_ntcore__ntcore.so.1" in dynamic(extract(output, image_name, tmp_path))["NEEDED"]
        else:
            assert output.name.startswith("ntcore-1.2.7-py3-none-")
    assert sum("musllinux_1_2_x86_64" in output.name for output in outputs) == 3
    assert sum("aarch64" in output.name for output in outputs) == 3


def test_a_provider_for_another_platform_does_not_count(tmp_path: Path) -> None:
    """No wheel of ntcore can be installed together with this consumer, and it is nothing that a host search finds."""
    folder = tmp_path / "musl"
    wheels = [core_wheel(folder, tag="py3-none-musllinux_1_2_x86_64", target=MUSL), user_wheel(tmp_path)]
    done = nativewheel("repair", "-w", tmp_path / "out", "--config", config(tmp_path, export("ntcore")), *wheels, status=4)
    assert "libntcore.so.1" in done.stderr


@pytest.mark.parametrize("order", list(permutations(["ntspace_alpha", "ntspace_beta"])), ids="-".join)
def test_two_packages_in_one_namespace_come_and_go(shared: SharedSet, tmp_path: Path, order: tuple[str, str]) -> None:
    environment = tmp_path / "venv"
    uv("venv", "-q", "--python", sys.executable, environment)
    python = environment / "bin/python"
    for name in order:
        pip("install", "-q", "--no-deps", shared.outputs["ntcore"], shared.outputs[name], python=python)
    both = "; ".join(f"{VALUES[name][0]}; assert {VALUES[name][1]} == {VALUES[name][2]}" for name in order)
    good(run(python, both))
    gone, left = order
    pip("uninstall", "-q", "-y", gone.replace("_", "-"), python=python)
    imported, value, expected = VALUES[left]
    good(run(python, f"{imported}; assert {value} == {expected}"))
    done = run(python, VALUES[gone][0])
    assert done.returncode == 1
    assert "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr
    pip("uninstall", "-q", "-y", left.replace("_", "-"), "ntcore", python=python)
    (site,) = environment.glob("lib/python*/site-packages")
    assert not [path for path in site.rglob("*") if path.is_file() and path.relative_to(site).parts[0].startswith(("nt", "nw_"))]


def test_unchecked_byte_code_is_not_run_instead(tmp_path: Path) -> None:
    source = tmp_path / "__init__.py"
    source.write_text("from ._ext import five\nfrom ._ext import release\n")
    files: dict[str, bytes] = {}
    for python in cpythons().values():
        code = "import py_compile, sys; print(py_compile.compile(sys.argv[1], invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))"
        cached = subprocess.run([python, "-c", code, source], capture_output=True, text=True, check=True).stdout.strip()
        path = tmp_path / cached
        files[f"ntuser/__pycache__/{path.name}"] = path.read_bytes()
    files["ntuser/__pycache__/other.cpython-311.pyc"] = b"not of an edited source"
    outputs = repaired(
        [core_wheel(tmp_path), user_wheel(tmp_path, files={**files, "ntuser/__init__.py": source.read_bytes()})], tmp_path / "out", export("ntcore")
    )
    with zipfile.ZipFile(outputs["ntuser"]) as archive:
        assert [name for name in archive.namelist() if name.endswith(".pyc")] == ["ntuser/__pycache__/other.cpython-311.pyc"]
    folders = [unpacked(output, tmp_path / name) for name, output in outputs.items()]
    assert everywhere("import ntuser; print(ntuser.five())", *folders) == "5"


@pytest.mark.parametrize(
    ("before", "start"),
    [
        (b"", b""),
        (b'"""Docs."""', b'"""Docs."""'),
        (
            b'# -*- coding: latin-1 -*-\r\n"""\xe4"""\r\nfrom __future__ import annotations\r\nx = 1',
            b'# -*- coding: latin-1 -*-\r\n"""\xe4"""\r\nfrom __future__ ',
        ),
        (b"#!/usr/bin/env python\n# (c)\nimport os\n", b"#!/usr/bin/env python\n# (c)\n"),
    ],
    ids=["empty", "docstring", "latin-1", "comments"],
)
def test_the_call_is_put_where_it_belongs(tmp_path: Path, before: bytes, start: bytes) -> None:
    outputs = repaired([core_wheel(tmp_path), user_wheel(tmp_path, files={"ntuser/__init__.py": before})], tmp_path / "out", export("ntcore"))
    with zipfile.ZipFile(outputs["ntuser"]) as archive:
        after = archive.read("ntuser/__init__.py")
    assert after.startswith(start)
    assert after.count(b'__import__("nw_ntuser").load()') == 1
    assert (b"\r\n" in before) == (b"\r\n" in after)
    assert after.replace(b"\r\n", b"").count(b"\n") == 0 or b"\r\n" not in before
    folders = [unpacked(output, tmp_path / name) for name, output in outputs.items()]
    code = "import ntuser; from ntuser._ext import five; print(five(), sorted(name for name in vars(ntuser) if not name.startswith('__')))"
    names = ["_ext", *(["annotations", "x"] if b"__future__" in before else []), *(["os"] if b"import os" in before else [])]
    assert good(run(sys.executable, code, *folders)) == f"5 {names}"


@pytest.mark.parametrize(
    "init",
    [
        b"__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
        b"__import__('pkg_resources').declare_namespace(__name__)\n",
    ],
    ids=["pkgutil", "pkg_resources"],
)
def test_the_init_of_an_old_namespace_is_nobodys(tmp_path: Path, init: bytes) -> None:
    image = module(tmp_path / "build", "gamma", NT_ADD, {"five": "nt_add(2, 3)"}, core_link(tmp_path))
    user = wheel(tmp_path, MODULE, {"ntold/__init__.py": init, "ntold/gamma.abi3.so": image}, name="ntgamma")
    outputs = repaired([core_wheel(tmp_path), user], tmp_path / "out", export("ntcore"))
    folders = [unpacked(output, tmp_path / name) for name, output in outputs.items()]
    assert (folders[-1] / "ntold/__init__.py").read_bytes() == init
    if b"pkgutil" in init:  # setuptools 82 has no pkg_resources any more
        assert good(run(sys.executable, "from ntold import gamma; print(gamma.five())", *folders)) == "5"
    assert (folders[-1] / "ntold/gamma._nw.so").is_file()


@needs_readelf
def test_a_library_that_keeps_its_name(tmp_path: Path) -> None:
    outputs = repaired([core_wheel(tmp_path), user_wheel(tmp_path)], tmp_path / "out", export("ntcore", rename=False))
    folders = [unpacked(output, tmp_path / name) for name, output in outputs.items()]
    assert "libntcore.so.1" in dynamic(tmp_path / "ntuser/ntuser/_ext.abi3.so")["NEEDED"]
    assert everywhere("import ntuser; print(ntuser.five())", *folders) == "5"
    assert requirements_of(outputs["ntuser"]) == ["ntcore==1.*,>=1.2.7"]


@needs_readelf
def test_an_abi_series_is_part_of_the_names(tmp_path: Path) -> None:
    outputs = repaired([core_wheel(tmp_path), user_wheel(tmp_path)], tmp_path / "out", export("ntcore", abi="v1"))
    folders = [unpacked(output, tmp_path / name) for name, output in outputs.items()]
    assert "libnw_ntcore_abiv1__ntcore.so.1" in dynamic(tmp_path / "ntuser/ntuser/_ext.abi3.so")["NEEDED"]
    assert everywhere("import ntuser; print(ntuser.five())", *folders) == "5"


@pytest.fixture
def program(tmp_path: Path) -> list[Path]:
    """Make a provider of the libraries that the fixtures' program needs, and a wheel with that program."""
    files = {f"ntouter/lib/{name}": (LIBRARIES / name).read_bytes() for name in ("libntouter.so.2", "libntinner.so.1")}
    tool = content("ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl", "ntvendor-0.1.0.data/scripts/ntprog")
    member = "nttool-1.0.data/scripts/ntprog"
    return [wheel(tmp_path, LIBRARY, files, name="ntouter"), wheel(tmp_path, LIBRARY, {member: tool}, name="nttool", modes={member: 0o755})]


@pytest.mark.parametrize("part", [export("ntouter"), export("ntouter", executables="refuse")], ids=["by default", "refuse"])
def test_a_program_that_needs_a_provider_is_refused(tmp_path: Path, program: list[Path], part: str) -> None:
    done = nativewheel("repair", "-w", tmp_path / "out", "--config", config(tmp_path, part), *program, status=4)
    assert "nttool-1.0.data/scripts/ntprog" in done.stderr
    assert 'executables = "vendor"' in done.stderr


def test_a_program_gets_a_copy_of_its_own(tmp_path: Path, program: list[Path]) -> None:
    options = ["--lib-path", LIBRARIES]
    outputs = repaired(program, tmp_path / "out", export("ntouter", executables="vendor"), options=options)
    with zipfile.ZipFile(outputs["nttool"]) as archive:
        copies = sorted(name for name in archive.namelist() if name.startswith("nttool.libs/"))
    assert [re.sub("-[0-9a-f]{8}", "", name) for name in copies] == ["nttool.libs/libntinner.so.1", "nttool.libs/libntouter.so.2"]
    assert requirements_of(outputs["nttool"]) == []
    pip("install", "-q", "--no-deps", "--target", tmp_path / "site", outputs["nttool"])
    assert subprocess.run([tmp_path / "site/bin/ntprog"], capture_output=True, check=True, text=True).stdout
