"""Reading in ranges: the same bytes as the file has, few requests, and servers that do what they should not."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webserver import serving

from nativewheel.errors import MachineError, UsageError
from nativewheel.wheel.remote import BLOCK, TAIL, RemoteFile
from nativewheel.wheel.source import WheelUrl, located

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webserver import Site

SIZE = TAIL + 10 * BLOCK + 17
DATA = os.urandom(SIZE)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "file.whl").write_bytes(DATA)
    (tmp_path / "small.whl").write_bytes(DATA[:100])
    with serving(tmp_path) as site:
        yield site


def opened(site: Site, name: str = "file.whl") -> RemoteFile:
    return RemoteFile(WheelUrl(f"{site.url}/{name}"))


@pytest.mark.parametrize("text", ["https://host/a/b.whl?x=1#sha256=2", "HTTP://host/a%20b/b.whl"])
def test_addresses(text: str) -> None:
    place = located(text)
    assert isinstance(place, WheelUrl)
    assert place.name == "b.whl"
    assert "#" not in str(place)


@pytest.mark.parametrize("text", ["b.whl", "/a/b.whl", "file:///a/b.whl", "ftp://host/b.whl", "https:/b.whl"])
def test_paths(text: str) -> None:
    assert located(text) == Path(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://[x/a.whl", "http://[x/a.whl: not an address: Invalid IPv6 URL"),
        ("https:///a.whl", "https:///a.whl: this address names no server"),
        ("https://me:secret@host/a.whl", "https://host: addresses with a user name or a password are not supported"),
    ],
)
def test_addresses_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        located(text)
    assert str(caught.value) == message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, SIZE + 5), st.integers(0, 3 * BLOCK)), max_size=5))
def test_the_bytes_are_those_of_the_file(site: Site, reads: list[tuple[int, int]]) -> None:
    file = opened(site)
    assert file.size == SIZE
    for offset, length in reads:
        assert file.read(offset, length) == DATA[offset : offset + length]


def test_many_threads(site: Site) -> None:
    file = opened(site)
    with ThreadPoolExecutor(max_workers=8) as pool:
        places = [(index * 7919 % SIZE, index * 101 % (2 * BLOCK)) for index in range(200)]
        assert list(pool.map(lambda place: file.read(*place), places)) == [DATA[offset : offset + length] for offset, length in places]


def test_small_reads_share_a_request(site: Site) -> None:
    file = opened(site)
    for offset in range(0, BLOCK, 1000):
        file.read(offset, 64)
    file.read(SIZE - 1000, 1000)
    assert [wanted for _, wanted in site.requests] == [f"bytes=-{TAIL}", f"bytes=0-{BLOCK - 1}"]
    assert site.sent == TAIL + BLOCK


def test_a_small_file_comes_with_one_request(site: Site) -> None:
    file = opened(site, "small.whl")
    assert (file.size, file.read(10, 1000), len(site.requests)) == (100, DATA[10:100], 1)


@pytest.mark.parametrize("status", [400, 405, 416, 501])
def test_servers_that_refuse_ranges(site: Site, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webserver.answer", _refusing(status))
    site.ranges = False
    file = opened(site)
    assert file.read(5, 10) == DATA[5:15]
    assert [wanted for _, wanted in site.requests] == [f"bytes=-{TAIL}", None]
    file.close()


def _refusing(status: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from webserver import answer  # noqa: PLC0415  (what is replaced)

    def refuse(handler, site):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        site.failing = status if handler.headers.get("Range") else 0
        answer(handler, site)

    return refuse


@pytest.mark.parametrize("status", [404, 410])
def test_no_such_file(site: Site, status: int) -> None:
    site.failing = status
    with pytest.raises(UsageError, match=f"there is no such file .HTTP status {status}.") as caught:
        opened(site)
    assert caught.value.where == ("file.whl",)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_servers_that_refuse(site: Site, status: int) -> None:
    site.failing = status
    with pytest.raises(MachineError, match=f"the server refuses: HTTP status {status}"):
        opened(site)


def test_a_file_that_changes(site: Site) -> None:
    file = opened(site)
    site.tag = '"two"'
    with pytest.raises(MachineError, match="the file changed while it was read"):
        file.read(0, 10)


@pytest.mark.parametrize("ranges", [True, False])
def test_connections_that_end_early(site: Site, *, ranges: bool) -> None:
    site.ranges, site.cut = ranges, True
    with pytest.raises(MachineError, match="the connection "):
        opened(site)


@pytest.mark.parametrize("shift", [-1, 1, 1 << 30])
def test_parts_that_were_not_asked_for(site: Site, shift: int) -> None:
    file = opened(site)
    site.shift = shift
    with pytest.raises(MachineError, match=r"the server|the file changed"):
        file.read(0, 10)
    with pytest.raises(MachineError, match="the server"):
        opened(site)


def test_more_than_was_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from webserver import answer  # noqa: PLC0415  (what is replaced)

    def send_all(handler, site):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        handler.headers.replace_header("Range", "bytes=0-")
        answer(handler, site)

    monkeypatch.setattr("webserver.answer", send_all)
    with pytest.raises(MachineError, match="another part of the file than was asked for"):
        opened(site)


def test_encodings_that_were_not_asked_for(site: Site) -> None:
    site.encoding = "gzip"
    with pytest.raises(MachineError, match="another encoding"):
        opened(site)


@pytest.mark.parametrize("target", ["file:///etc", "ftp://host"])
def test_redirections_out_of_the_web(site: Site, target: str) -> None:
    site.redirect = target
    with pytest.raises(MachineError, match=r"not safe|HTTP status 302"):
        opened(site)


def test_redirections_in_a_circle(site: Site) -> None:
    site.redirect = site.url
    with pytest.raises(MachineError, match="refuses: HTTP status 302"):
        opened(site)
