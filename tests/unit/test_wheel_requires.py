"""One requirement more in METADATA: where it goes, when it is not needed, and when it cannot be met."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import ProviderError
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.requires import required_names, with_requirement

LINE = "ntcore==1.*,>=1.2.7"


def added(data: bytes, line: str = LINE) -> bytes:
    return bytes(with_requirement(Headers.parse(data), line))


def test_after_the_last_requirement() -> None:
    data = b"Metadata-Version: 2.1\nRequires-Dist: b\nX: 1\nrequires-dist: a;\n  extra == 'c'\nProvides-Extra: c\n\nRequires-Dist: no\n"
    assert added(data) == data.replace(b"== 'c'\n", b"== 'c'\nRequires-Dist: ntcore==1.*,>=1.2.7\n")


def test_before_the_first_extra() -> None:
    data = b"Metadata-Version: 2.1\nName: a\nProvides-Extra: c\nProvides-Extra: d\n\nbody"
    assert added(data) == data.replace(b"Name: a\n", b"Name: a\nRequires-Dist: ntcore==1.*,>=1.2.7\n")


def test_at_the_end_with_the_line_ends_of_the_file() -> None:
    assert added(b"Metadata-Version: 2.1\r\nName: a\r\n\r\nbody\n") == (
        b"Metadata-Version: 2.1\r\nName: a\r\nRequires-Dist: ntcore==1.*,>=1.2.7\r\n\r\nbody\n"
    )
    assert added(b"Metadata-Version: 2.1\nName: a") == b"Metadata-Version: 2.1\nName: a\nRequires-Dist: ntcore==1.*,>=1.2.7\n"


@pytest.mark.parametrize("version", [b"2.2", b"2.4", b"3.0", b"2.10"])
def test_requirements_become_dynamic(version: bytes) -> None:
    data = b"Metadata-Version: " + version + b"\nRequires-Dist: a\nX: 1\n\n"
    assert added(data) == data[:-1].replace(b"X", b"Requires-Dist: ntcore==1.*,>=1.2.7\nX") + b"Dynamic: Requires-Dist\n\n"
    data = b"Metadata-Version: " + version + b"\nDynamic: License-File\nX: 1\n\n"
    assert b"\nDynamic: License-File\nDynamic: Requires-Dist\nX: 1\n" in added(data)
    assert added(data.replace(b"License-File", b"requires-dist")).count(b"ynamic") == 1


@pytest.mark.parametrize("version", [b"2.1", b"1.0", b"odd", b""])
def test_old_metadata_has_nothing_dynamic(version: bytes) -> None:
    assert b"Dynamic" not in added(b"Metadata-Version: " + version + b"\nName: a\n\n")


@pytest.mark.parametrize("line", [LINE, "NTCore (==1.2.*,>=1.2.8)", "ntcore==1.3", "ntcore ~= 1.4"])
def test_what_is_as_narrow_is_enough(line: str) -> None:
    data = f"Metadata-Version: 2.4\nRequires-Dist: {line}\n\n".encode()
    assert added(data) == data


def test_the_same_under_the_same_marker_is_enough() -> None:
    data = b"Requires-Dist: ntcore==1.3; sys_platform=='linux'\n\n"
    assert added(data, "ntcore==1.*; sys_platform == 'linux'") == data
    assert added(data, "ntcore==1.*; sys_platform == 'win32'") != data


@pytest.mark.parametrize(
    "line",
    [
        "ntcore",
        "ntcore>=1",
        "ntcore (>=1.0)",
        "ntcore[x]==1.3",
        "ntcore==1.3; python_version > '3'",
        "ntcore==2; extra == 'x'",
        "ntcore @ https://example.org/ntcore-1.whl",
        "ntcore===1.3",
        "ntcore==1.3 # why",
        "nt-core==1.3",
        "ntcore2==1.3",
        "ntcore==" + "9" * 5000,
        "ntcore==1.3; " + "(" * 1500 + "os_name=='a'" + ")" * 1500,
        "\xff",
    ],
)
def test_what_is_not_enough(line: str) -> None:
    data = f"Requires-Dist: {line}\n\n".encode("latin-1")
    assert added(data) == data[:-1] + b"Requires-Dist: ntcore==1.*,>=1.2.7\n\n"


@pytest.mark.parametrize("line", ["ntcore<1.2.7", "ntcore (==2.*)", "NTCORE[x]==1.2.6", "ntcore===foo"])
def test_what_no_version_satisfies(line: str) -> None:
    with pytest.raises(ProviderError, match="no version satisfies both") as caught:
        added(f"Requires-Dist: {line}\n".encode())
    assert LINE.partition("==")[0] in caught.value.message


def test_names() -> None:
    headers = Headers.parse(
        b"Requires-Dist: A.b (>1)\nRequires-Dist: c; extra == 'x'\nRequires-Dist: ?\nRequires-Dist: d @ file:///d\n\nRequires-Dist: e\n"
    )
    assert required_names(headers) == {"a-b", "c", "d"}


@given(
    st.binary() | st.lists(st.sampled_from([b"Requires-Dist: a>=1\n", b"Requires-Dist: ntcore\r\n", b"Provides-Extra: x\n", b" x\n"])).map(b"".join)
)
def test_adding_twice_is_adding_once(data: bytes) -> None:
    once = added(data)
    assert added(once) == once
    assert LINE.encode() in once
