"""`check` on published wheels that are known for what its rules are about."""

from __future__ import annotations

import json

import pytest
from command import nativewheel
from flawedwheels import NVIDIA, ROBOTPY, TBB, flawed

pytestmark = pytest.mark.network


def findings(filename: str, *options: str) -> dict[str, list[tuple[str, str]]]:
    """Check a wheel; return member and message of what is found, by rules."""
    done = nativewheel("check", "--format", "json", *options, flawed(filename), status=1)
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        assert finding["wheel"] == filename
        found.setdefault(finding["rule"], []).append((finding["member"], finding["message"]))
    return found


def test_tags_and_search_path_of_a_build_machine() -> None:
    found = findings(ROBOTPY)
    assert found["NW103"] == [
        (
            "pyntcore-2025.3.2.0.dist-info/WHEEL",
            "lacks cp312-cp312-manylinux_2_35_x86_64, which the file name has; has cp312-cp312-linux_x86_64, which it has not",
        )
    ]
    ((member, message),) = found["NW202"]
    assert member == "ntcore/_ntcore.cpython-312-x86_64-linux-gnu.so"
    assert "/opt/hostedtoolcache/Python/3.12.9/x64/lib" in message


def test_libraries_in_purelib() -> None:
    (finding,) = findings(NVIDIA)["NW108"]
    assert finding == ("nvidia/cuda_runtime/lib/libcudart.so.12", "goes to purelib, because WHEEL says Root-Is-Purelib: true")


def test_libraries_in_the_prefix_and_flattened_links() -> None:
    found = findings(TBB, "--select", "NW1")
    assert set(found) == {"NW107", "NW109"}
    assert found["NW107"][0][0] == "tbb-2023.2.0.data/data/lib/libtbb.so"
    assert [member.rpartition("/")[2] for member, _ in found["NW109"]] == [
        f"libtbb{name}.so" for name in ("", "bind", "bind_2_0", "bind_2_5", "malloc", "malloc_proxy")
    ]
    assert "libtbb.so.12, tbb-2023.2.0.data/data/lib/libtbb.so.12.20 (8,963,424 bytes too much)" in found["NW109"][0][1]
