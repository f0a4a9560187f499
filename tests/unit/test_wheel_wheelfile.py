"""WHEEL: read, and rewritten for a repaired wheel."""

from __future__ import annotations

import pytest

from nativewheel.errors import UnreadableError
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.wheelfile import WheelFile, retag

WHEEL = b"Wheel-Version: 1.0\nGenerator: setuptools (80.1)\nRoot-Is-Purelib: true\nTag: cp311-cp311-linux_x86_64\nTag: py2.py3-none-any\nBuild: 7\n\n"


def test_what_wheel_says() -> None:
    file = WheelFile.parse(Headers.parse(WHEEL))
    assert file.tags == ("cp311-cp311-linux_x86_64", "py2-none-any", "py3-none-any")
    assert file.root_is_purelib
    assert file.wheel_version == "1.0"


@pytest.mark.parametrize("version", [b"2.0", b"0.9", b"1", b"", b"1.0.0", b"x", b"\xd9\xa1.0", b"9" * 5000 + b".0"])
def test_other_wheel_versions_are_refused(version: bytes) -> None:
    with pytest.raises(UnreadableError, match="not supported"):
        WheelFile.parse(Headers.parse(b"Wheel-Version: " + version + b"\n"))


@pytest.mark.parametrize("tag", ["cp311", "a-b", "a-b-c-d", "a b-c-d", "é-none-any", ".".join("a" * 60) + "-" + ".".join("b" * 60) + "-any"])
def test_malformed_tags_are_refused(tag: str) -> None:
    with pytest.raises(UnreadableError, match="tag") as caught:
        WheelFile.parse(Headers.parse(f"Wheel-Version: 1.0\nTag: {tag}\n".encode()))
    assert caught.value.where == ("WHEEL", "Tag")


def test_a_repaired_wheel_keeps_what_the_backend_wrote() -> None:
    tags = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64")
    edited = retag(Headers.parse(WHEEL), tags, "1.2")
    start = "Wheel-Version: 1.0\nGenerator: setuptools (80.1)\nGenerator: nativewheel 1.2\nRoot-Is-Purelib: false\n"
    assert bytes(edited) == f"{start}{''.join(f'Tag: {tag}' + chr(10) for tag in tags)}Build: 7\n\n".encode()


def test_our_generator_line_is_never_there_twice() -> None:
    once = retag(Headers.parse(WHEEL), ("py3-none-linux_x86_64",), "1.2")
    assert retag(once, ("py3-none-linux_x86_64",), "1.3").all("Generator") == ("setuptools (80.1)", "nativewheel 1.3")


def test_without_a_generator_ours_is_the_only_one() -> None:
    edited = retag(Headers.parse(b"Wheel-Version: 1.0\nTag: py3-none-any\n"), ("py3-none-linux_x86_64",), "1.2")
    assert edited.all("Generator") == ("nativewheel 1.2",)
    assert edited.first("Root-Is-Purelib") == "false"


def test_a_wheel_file_without_tags_gets_those_of_the_file_name() -> None:
    assert retag(Headers.parse(b"Wheel-Version: 1.0\n"), ("py3-none-linux_x86_64",), "1.2").all("Tag") == ("py3-none-linux_x86_64",)


def test_a_wheel_for_any_platform_stays_pure() -> None:
    for pure in ("true", "false"):
        headers = Headers.parse(f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\nTag: py3-none-any\n".encode())
        assert retag(headers, ["py3-none-any"], "1").first("Root-Is-Purelib") == pure
