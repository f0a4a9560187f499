"""Wheels on a web server: `show` and `check` fetch what they need and no more, and say the same as of a file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from command import nativewheel
from madeshares import CORE, USER
from smallwheels import wheel
from webserver import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from webserver import Site

TAG = "cp38-abi3-manylinux_2_17_x86_64"
NOISE = 6 << 20


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel of which code is the smallest part."""
    noise = os.urandom(1 << 20)
    files = {f"small/data{index}.json": bytes([index]) + noise for index in range(NOISE >> 20)}
    odd = {f"small/{name}": CORE for name in ("libntcore.so", "libntcore.so.1")}
    return wheel(tmp_path_factory.mktemp("site"), TAG, {"small/__init__.py": b"", **files, "small/_ext.abi3.so": USER, **odd})


@pytest.fixture
def site(path: Path) -> Iterator[Site]:
    with serving(path.parent) as site:
        yield site


def test_show_fetches_what_it_needs(path: Path, site: Site) -> None:
    remote, local = (json.loads(nativewheel("show", "--format", "json", place).stdout) for place in (f"{site.url}/{path.name}", path))
    assert remote == local
    assert site.sent < path.stat().st_size // 10
    assert len(site.requests) <= 8


def test_check_fetches_what_it_needs_and_says_what_it_leaves_out(path: Path, site: Site) -> None:
    remote = nativewheel("check", "--exit-zero", "--format", "json", f"{site.url}/{path.name}#sha256=0")
    assert remote.stdout == nativewheel("check", "--exit-zero", "--format", "json", path).stdout
    assert [finding["rule"] for finding in json.loads(remote.stdout)["findings"]] == ["NW109", "NW202"]
    assert remote.stderr == f"warning: {path.name}: of a wheel on a web server, NW101 compares only those files with RECORD that other rules read\n"
    assert site.sent < path.stat().st_size // 10
    assert nativewheel("check", "--exit-zero", "--ignore", "NW101", f"{site.url}/{path.name}").stderr == ""


def test_a_server_without_ranges_sends_everything_once(path: Path, site: Site) -> None:
    site.ranges = False
    assert (
        nativewheel("check", "--exit-zero", "--format", "json", f"{site.url}/{path.name}").stdout
        == nativewheel("check", "--exit-zero", "--format", "json", path).stdout
    )
    assert site.sent == path.stat().st_size


def test_redirections_are_followed_once(path: Path, site: Site) -> None:
    site.redirect = f"{site.url}/moved"
    nativewheel("show", f"{site.url}/{path.name}")
    assert [place.startswith("/moved/") for place, _ in site.requests] == [False, *([True] * (len(site.requests) - 1))]


def test_one_of_several_is_missing(path: Path, site: Site) -> None:
    done = nativewheel("show", f"{site.url}/other-1.0-py3-none-any.whl", path, status=2)
    assert path.name in done.stdout
    assert done.stderr.startswith("error: other-1.0-py3-none-any.whl: there is no such file (HTTP status 404)\n")


def test_no_server(path: Path) -> None:
    done = nativewheel("show", f"http://127.0.0.1:1/{path.name}", status=6)
    assert done.stderr.startswith(f"error: {path.name}: cannot be fetched: ")
