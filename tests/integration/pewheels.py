"""Published Windows wheels, for what their linkers write: MSVC, lld and mingw, for x86-64, x86 and ARM64, with signed files among them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from realwheels import published

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEELS = (
    "lxml-5.4.0-cp312-cp312-win32.whl",
    "lxml-5.4.0-cp312-cp312-win_amd64.whl",
    "numpy-1.26.4-cp312-cp312-win32.whl",
    "numpy-1.26.4-cp312-cp312-win_amd64.whl",
    "numpy-2.3.2-cp312-cp312-win_arm64.whl",
    "pillow-11.3.0-cp312-cp312-win32.whl",
    "pillow-11.3.0-cp312-cp312-win_amd64.whl",
    "pillow-11.3.0-cp312-cp312-win_arm64.whl",
    "psycopg2_binary-2.9.13-cp311-cp311-win_amd64.whl",
    "pyarrow-21.0.0-cp312-cp312-win_amd64.whl",
    "pyzmq-26.4.0-cp312-cp312-win_arm64.whl",
    "scipy-1.15.3-cp312-cp312-win_amd64.whl",
    "shapely-2.1.1-cp312-cp312-win32.whl",
    "shapely-2.1.1-cp312-cp312-win_amd64.whl",
)
"""All are among those that delvewheel repairs, or need nothing."""

LARGEST = {"pyarrow": 8, "scipy": 12}
"""How many images of a wheel are taken, where not all are."""


def images(wheel: str) -> Iterator[tuple[str, bytes]]:
    """Yield the DLLs and extension modules of a wheel with their names, the largest first."""
    with zipfile.ZipFile(published(wheel)) as archive:
        members = [member for member in archive.infolist() if member.filename.lower().endswith((".dll", ".pyd"))]
        for member in sorted(members, key=lambda member: -member.file_size)[: LARGEST.get(wheel.partition("-")[0])]:
            yield member.filename, archive.read(member)
