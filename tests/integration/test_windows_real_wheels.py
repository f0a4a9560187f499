"""Published wheels for Windows as they were before delvewheel, repaired and imported in CPython for Windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command import repair
from cpythons import good
from realwheels import published
from sharedwheels import unpacked
from winepython import windows_python
from winwheels import undelvewheeled

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network

NUMPY = "numpy-1.26.4-cp312-cp312-win_amd64.whl"
"""Some of the others need it."""
WHEELS = {
    NUMPY: "import numpy; print(numpy.linalg.det([[2.0, 0.0], [0.0, 3.0]]))",
    "psycopg2_binary-2.9.13-cp311-cp311-win_amd64.whl": "import psycopg2; print(psycopg2.__libpq_version__ >= 160000)",
    "pyarrow-21.0.0-cp312-cp312-win_amd64.whl": "import pyarrow.compute; print(pyarrow.compute.sum(pyarrow.array([1, 2, 3])))",
    "shapely-2.1.1-cp312-cp312-win_amd64.whl": "import shapely; print(shapely.Point(0, 0).buffer(2).contains(shapely.Point(1, 1)))",
}
SAID = {"numpy": "6.0", "psycopg2_binary": "True", "pyarrow": "6", "shapely": "True"}


@pytest.mark.parametrize("filename", WHEELS)
def test_they_still_import(request: pytest.FixtureRequest, filename: str, tmp_path: Path) -> None:
    python = windows_python(request, filename.split("-")[2].replace("cp3", "3."))
    before = undelvewheeled(filename, tmp_path)
    after = unpacked(repair(before.wheel, tmp_path / "out", "--lib-path", before.libraries), tmp_path / "after")
    others = [] if filename == NUMPY else [unpacked(published(NUMPY), tmp_path / "numpy")]
    assert good(python.run(WHEELS[filename], after, *others)) == SAID[filename.partition("-")[0]]
    without = python.run(WHEELS[filename], after, *others, env={"NATIVEWHEEL_SKIP": "1"})
    assert "DLL load failed" in without.stderr
