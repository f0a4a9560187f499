"""Well-known projects, built against the system's libraries: repaired as auditwheel does, and at work where the system has no such library."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
from command import nativewheel, platforms, repair, vendored, without_hash
from realwheels import REQUIREMENTS, install, pip, unrepaired
from sealed import SITE, SealedRoot

pytestmark = [pytest.mark.debian, pytest.mark.network, pytest.mark.skipif(sys.platform != "linux", reason="the wheels are built here, for Linux")]
NAMES = ("psycopg2", "pycurl", "lxml", "rasterio")

USE = {
    "psycopg2": """
from psycopg2.extensions import make_dsn, parse_dsn
result = parse_dsn(make_dsn("host=db.example port=6543", dbname="a b", user="it's"))
""",
    "pycurl": """
import io, pathlib, pycurl
pathlib.Path("/hello").write_text("hello, wheel")
body = io.BytesIO()
curl = pycurl.Curl()
curl.setopt(pycurl.URL, "file:///hello")
curl.setopt(pycurl.WRITEDATA, body)
curl.perform()
result = [body.getvalue().decode(), "file" in pycurl.version_info()[8]]
""",
    "lxml": """
import lxml.objectify
from lxml import etree
sheet = etree.XSLT(etree.fromstring('''<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="text"/>
<xsl:template match="/"><xsl:for-each select="//n"><xsl:sort data-type="number"/><xsl:value-of select="."/>,</xsl:for-each></xsl:template>
</xsl:stylesheet>'''))
result = [str(sheet(etree.fromstring("<a><n>10</n><n>9</n></a>"))), lxml.objectify.fromstring("<a><b>7</b></a>").b.pyval]
""",
    "rasterio": """
import numpy, rasterio
from rasterio.transform import from_origin
pixels = numpy.arange(12, dtype="uint8").reshape(3, 4)
profile = dict(driver="GTiff", height=3, width=4, count=1, dtype="uint8", compress="deflate")
place = dict(crs="EPSG:32633", transform=from_origin(500000, 5000000, 10, 10))
with rasterio.open("/raster.tif", "w", **profile, **place) as target:
    target.write(pixels, 1)
with rasterio.open("/raster.tif") as source:
    result = [source.read(1).tolist(), source.crs.to_epsg(), list(source.bounds), source.profile["compress"]]
""",
}
EXPECTED = {
    "psycopg2": {"host": "db.example", "port": "6543", "dbname": "a b", "user": "it's"},
    "pycurl": ["hello, wheel", True],
    "lxml": ["9,10,", 7],
    "rasterio": [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], 32633, [500000.0, 4999970.0, 500040.0, 5000000.0], "deflate"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One wheel, repaired by both programs."""

    ours: Path
    theirs: Path


@pytest.fixture(scope="module", params=NAMES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    raw = unrepaired(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    ours = repair(raw, folder / "ours")
    command = [sys.executable, "-m", "auditwheel", "repair", "--plat", "auto", "-w", str(folder / "theirs"), str(raw)]
    subprocess.run(command, check=True, capture_output=True)
    (theirs,) = (folder / "theirs").iterdir()
    return Pair(ours=ours, theirs=theirs)


def test_the_tag_is_that_of_auditwheel(pair: Pair) -> None:
    assert platforms(pair.ours) == platforms(pair.theirs)
    assert pair.ours.name == pair.theirs.name


def test_the_vendored_libraries_are_those_of_auditwheel(pair: Pair) -> None:
    ours = vendored(pair.ours)
    assert without_hash(ours) == without_hash(vendored(pair.theirs))
    assert len(without_hash(ours)) == len(ours), "a library is there twice"


def test_the_wheel_is_not_larger_than_that_of_auditwheel(pair: Pair) -> None:
    assert pair.ours.stat().st_size <= pair.theirs.stat().st_size


def test_every_other_file_is_there_with_its_mode(pair: Pair) -> None:
    name = pair.ours.name.split("-")[0]
    with zipfile.ZipFile(unrepaired(name)) as before, zipfile.ZipFile(pair.ours) as after:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in after.infolist()}
        for info in (info for info in before.infolist() if not info.filename.endswith("/RECORD")):
            assert modes[info.filename] == info.external_attr >> 16 & 0o777, info.filename


def test_show_agrees_with_the_new_tag(pair: Pair) -> None:
    shown = json.loads(nativewheel("show", "--format", "json", pair.ours).stdout)
    assert [shown["platform"]["tag"], *shown["platform"]["aliases"]].count(platforms(pair.ours)[0]) == 1
    kinds = {dependency["kind"] for image in shown["images"] for dependency in image["dependencies"]}
    assert kinds <= {"system", "wheel", "vendored"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> SealedRoot:
    """Give a root without the system's copies of what the wheels vendor; GDAL's and PROJ's data files are not in rasterio's wheel."""
    return SealedRoot(tmp_path_factory.mktemp("root"))


def test_it_works_where_the_system_has_no_such_library(pair: Pair, root: SealedRoot) -> None:
    name = pair.ours.name.split("-")[0]
    shutil.rmtree(root.site)
    if name == "rasterio":
        install(REQUIREMENTS / "rasterio.txt", root.site)
        for data in (Path("/usr/share/gdal"), Path("/usr/share/proj")):
            root.add(data)
    pip("install", "--target", root.site, "--no-deps", "--no-index", pair.ours)
    run = root.run(USE[name], PROJ_DATA="/usr/share/proj", GDAL_DATA="/usr/share/gdal")
    assert run.result == EXPECTED[name]
    libraries = {SITE / member for member in vendored(pair.ours)}
    assert libraries <= run.mapped, libraries - run.mapped
    replaced = {PurePosixPath(member).name for member in without_hash(vendored(pair.ours))}
    assert not {path for path in run.mapped if not path.is_relative_to(SITE) and path.name in replaced}
