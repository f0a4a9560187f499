"""Published Windows wheels, for what their linkers write: MSVC, lld and mingw, for x86-64, x86 and ARM64, with signed files among them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from realwheels import PUBLISHED, published

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEELS = {
    "lxml-5.4.0-cp312-cp312-win32.whl": "d90b729fd2732df28130c064aac9bb8aff14ba20baa4aee7bd0795ff1187545f",
    "lxml-5.4.0-cp312-cp312-win_amd64.whl": "1dc4ca99e89c335a7ed47d38964abcb36c5910790f9bd106f2a8fa2ee0b909d2",
    "numpy-1.26.4-cp312-cp312-win32.whl": "50193e430acfc1346175fcbdaa28ffec49947a06918b7b92130744e81e640110",
    "numpy-1.26.4-cp312-cp312-win_amd64.whl": "08beddf13648eb95f8d867350f6a018a4be2e5ad54c8d8caed89ebca558b2818",
    "numpy-2.3.2-cp312-cp312-win_arm64.whl": "ee807923782faaf60d0d7331f5e86da7d5e3079e28b291973c545476c2b00d07",
    "pillow-11.3.0-cp312-cp312-win32.whl": "7b161756381f0918e05e7cb8a371fff367e807770f8fe92ecb20d905d0e1c149",
    "pillow-11.3.0-cp312-cp312-win_amd64.whl": "a6444696fce635783440b7f7a9fc24b3ad10a9ea3f0ab66c5905be1c19ccf17d",
    "pillow-11.3.0-cp312-cp312-win_arm64.whl": "2aceea54f957dd4448264f9bf40875da0415c83eb85f55069d89c0ed436e3542",
    "psycopg2_binary-2.9.13-cp311-cp311-win_amd64.whl": "70d091f5c3a6177fac50c0da20181ce0e0c053f1e43c872d5f75bd6d9429c020",
    "pyarrow-21.0.0-cp312-cp312-win_amd64.whl": "cf56ec8b0a5c8c9d7021d6fd754e688104f9ebebf1bf4449613c9531f5346a18",
    "pyzmq-26.4.0-cp312-cp312-win_arm64.whl": "2f23c750e485ce1eb639dbd576d27d168595908aa2d60b149e2d9e34c9df40e0",
    "scipy-1.15.3-cp312-cp312-win_amd64.whl": "52092bc0472cfd17df49ff17e70624345efece4e1a12b23783a1ac59a1b728ed",
    "shapely-2.1.1-cp312-cp312-win32.whl": "39dca52201e02996df02e447f729da97cfb6ff41a03cb50f5547f19d02905af8",
    "shapely-2.1.1-cp312-cp312-win_amd64.whl": "13d643256f81d55a50013eff6321142781cf777eb6a9e207c2c9e6315ba6044a",
}
"""All are among those that delvewheel repairs, or need nothing."""

PUBLISHED.update(WHEELS)

LARGEST = {"pyarrow": 8, "scipy": 12}
"""How many images of a wheel are taken, where not all are."""


def images(wheel: str) -> Iterator[tuple[str, bytes]]:
    """Yield the DLLs and extension modules of a wheel with their names, the largest first."""
    with zipfile.ZipFile(published(wheel)) as archive:
        members = [member for member in archive.infolist() if member.filename.lower().endswith((".dll", ".pyd"))]
        for member in sorted(members, key=lambda member: -member.file_size)[: LARGEST.get(wheel.partition("-")[0])]:
            yield member.filename, archive.read(member)
