"""Images of published wheels in the emulated dyld, as they are: it knows all that their linkers write."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from machopython import Python
from machosamples import ARCHS
from realwheels import MACOS, published

if TYPE_CHECKING:
    from pathlib import Path

# opencv has images without MH_TWOLEVEL, whose every name would have to be supplied.
CASES = [(wheel, arch) for wheel in MACOS for arch in ARCHS if wheel.endswith((f"{arch}.whl", "universal2.whl")) and "opencv" not in wheel]
CALLS = {"psycopg2_binary": ("libpq", "PQlibVersion", 160004), "pillow": ("libwebp.", "WebPGetDecoderVersion", 0x10500)}

pytestmark = pytest.mark.network


@pytest.mark.parametrize(("wheel", "arch"), CASES, ids=lambda value: value.removesuffix(".whl"))
def test_real_images_load(wheel: str, arch: str, tmp_path: Path) -> None:
    project = wheel.partition("-")[0]
    with zipfile.ZipFile(published(wheel)) as archive:
        archive.extractall(tmp_path)
    python = Python(arch, any_system=True)
    images = [path for path in sorted(tmp_path.rglob("*")) if path.suffix in {".so", ".dylib"}]
    assert images
    for path in images:
        python.dlopen(path, initialize=project != "pyarrow")  # which has initialisers in C++
    if project in CALLS:
        library, function, expected = CALLS[project]
        (path,) = (path for path in images if library in path.name)
        assert python.call(python.dlsym(python.dlopen(path), function)) == expected
