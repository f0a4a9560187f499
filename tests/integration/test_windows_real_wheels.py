"""Published wheels for Windows as they were before delvewheel, repaired in sets and imported in CPython for Windows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from command import vendored, without_hash
from cpythons import good
from pewheels import WHEELS
from sharedwheels import config, unpacked
from winepython import windows_python
from winshares import sound
from winwheels import undelvewheeled

import nativewheel
from nativewheel.formats.image import Format
from nativewheel.linkage.contents import read_contents
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nativewheel.repair.outcome import Outcome

pytestmark = pytest.mark.network

ARCHS = ("win_amd64", "win32", "win_arm64")
CODE = {
    "numpy": ("import numpy; print(numpy.linalg.det([[2.0, 0.0], [0.0, 3.0]]))", "6.0"),
    "scipy": ("import scipy.linalg; print(scipy.linalg.inv([[2.0, 0.0], [0.0, 4.0]])[1][1])", "0.25"),
    "pyarrow": ("import pyarrow.compute; print(pyarrow.compute.sum(pyarrow.array([1, 2, 3])))", "6"),
    "shapely": ("import shapely; print(shapely.Point(0, 0).buffer(2).contains(shapely.Point(1, 1)))", "True"),
    "lxml": ("from lxml import etree; print(etree.XML('<a><b/></a>')[0].tag)", "b"),
    "pillow": ("from PIL import Image; print(Image.new('L', (2, 3)).resize((4, 5)).size)", "(4, 5)"),
    "psycopg2_binary": ("import psycopg2; print(psycopg2.__libpq_version__ >= 160000)", "True"),
}
"""What is tried of each project, and what that says; all but the last are for one Python."""
NUMPY = ("numpy", "scipy", "pyarrow", "shapely")
"""Those that need numpy, which is one of them."""
WITHOUT_DLLS = {"lxml", "pillow", "pyzmq", "numpy-1.26.4-cp312-cp312-win32.whl"}
"""Projects whose wheels for Windows have nothing that delvewheel put there."""


class Published(NamedTuple):
    """One wheel as it was before delvewheel, the folder of the host that has its DLLs, and what a repair has made of it."""

    before: Path
    libraries: Path
    output: Path
    warnings: tuple[str, ...]
    folder: Path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Published]:
    """Repair those of each architecture in one call, each with its own folder of libraries: some have different ones of one name."""
    root = tmp_path_factory.mktemp("published")
    before = {name: undelvewheeled(name, root / name, level=0) for name in WHEELS}
    outputs: dict[str, Outcome] = {}
    for arch in ARCHS:
        mine = {name: found for name, found in before.items() if name.endswith(f"{arch}.whl")}
        parts = (f"[[tool.nativewheel.overrides]]\nselect = '{found.wheel.stem}'\nlib-path = ['{found.libraries}']\n" for found in mine.values())
        outcomes = nativewheel.repair(
            [found.wheel for found in mine.values()], wheel_dir=root / arch, config=config(root / f"{arch}-config", *parts), jobs=2
        )
        outputs |= zip(mine, outcomes, strict=True)
    return {
        name: Published(*found, outputs[name].output, outputs[name].plan.warnings, unpacked(outputs[name].output, root / "apart" / name))
        for name, found in before.items()
    }


def project(name: str) -> str:
    return name.partition("-")[0]


def places(wheels: dict[str, Published], projects: Iterable[str]) -> list[Path]:
    """Return the folders of projects for x86-64."""
    return [wheel.folder for name, wheel in wheels.items() if name.endswith("win_amd64.whl") and project(name) in projects]


def lacks_dlls(name: str) -> bool:
    return bool({name, project(name)} & WITHOUT_DLLS)


@pytest.mark.parametrize("name", CODE)
def test_each_of_them_still_imports(request: pytest.FixtureRequest, wheels: dict[str, Published], name: str) -> None:
    python = windows_python(request, "3.11" if name == "psycopg2_binary" else "3.12")
    folders = places(wheels, {name, "numpy"} if name in NUMPY else {name})
    code, said = CODE[name]
    assert good(python.run(code, *folders, timeout=120)) == said
    without = python.run(code, *folders, env={"NATIVEWHEEL_SKIP": "1"}, timeout=120)
    assert lacks_dlls(name) == ("DLL load failed" not in without.stderr)


def test_all_of_them_import_in_one_process(request: pytest.FixtureRequest, wheels: dict[str, Published]) -> None:
    """With different DLLs of one name among them: msvcp140.dll, libscipy_openblas.dll."""
    projects = [name for name in CODE if name != "psycopg2_binary"]
    done = windows_python(request, "3.12").run("\n".join(CODE[name][0] for name in projects), *places(wheels, projects), timeout=180)
    assert good(done).splitlines() == [CODE[name][1] for name in projects]


@pytest.mark.parametrize("name", WHEELS)
def test_every_dll_has_another_name_and_every_image_is_sound(wheels: dict[str, Published], name: str) -> None:
    """For all architectures."""
    wheel = wheels[name]
    assert sound(wheel.folder)
    # delvewheel writes names to other places, and leaves the old ones where they were.
    assert [line for line in wheel.warnings if "has the text" not in line] == []
    if lacks_dlls(name):
        assert wheel.output.read_bytes() == wheel.before.read_bytes()
        return
    plain = {path.name.lower() for path in wheel.libraries.iterdir()}
    folder = f"{project(name)}.libs/"
    assert {member.lower() for member in without_hash(vendored(wheel.output))} == {f"{folder}{dll}" for dll in plain}
    assert all(re.search(r"-[0-9a-f]{8}\.dll$", member) for member in vendored(wheel.output))
    with WheelArchive(wheel.output) as archive:
        images = read_contents(archive).images
    assert {image.image.format for image in images} == {Format.PE}
    asked = {dependency.name.lower() for image in images for dependency in image.image.dependencies}
    assert not asked & plain
    assert {dll for dll in asked if re.search(r"-[0-9a-f]{8}\.dll$", dll)} == {
        member.removeprefix(folder).lower() for member in vendored(wheel.output)
    }
