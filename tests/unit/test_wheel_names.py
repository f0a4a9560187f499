"""File names of wheels, taken apart."""

from __future__ import annotations

import pytest

from nativewheel.errors import UnreadableError
from nativewheel.wheel.names import WheelName, listed, printable


@pytest.mark.parametrize(
    "filename",
    ["foo-1.0-py3-none-any.whl", "Foo.Bar-1.0+x.y-2abc-cp311-abi3.cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"],
)
def test_a_name_comes_back_as_it_was(filename: str) -> None:
    assert str(WheelName.parse(filename)) == filename


def test_the_parts() -> None:
    name = WheelName.parse("Foo.Bar-1.0-2-py2.py3-none-linux_x86_64.whl")
    assert (name.distribution, name.version, name.build, name.normalized) == ("Foo.Bar", "1.0", "2", "foo-bar")
    assert name.tags == ("py2-none-linux_x86_64", "py3-none-linux_x86_64")
    assert str(name.with_platforms(("a", "b"))) == "Foo.Bar-1.0-2-py2.py3-none-a.b.whl"


@pytest.mark.parametrize(
    "filename", ["foo.zip", "foo-1.0.whl", "foo-x-py3-none-any.whl", "foo-1.0-x-py3-none-any.whl", "", ".whl", "a-b-c-d-e-f-g.whl"]
)
def test_other_names_are_refused(filename: str) -> None:
    with pytest.raises(UnreadableError, match="not the file name of a wheel"):
        WheelName.parse(filename)


def test_control_characters_are_escaped_for_the_terminal() -> None:
    assert printable("é a") == "é a"
    assert printable("\x1b[2J\n") == "'\\x1b[2J\\n'"


def test_lists_end_with_what_is_left() -> None:
    assert listed(("a", "b", "c"), 3) == "a, b, c"
    assert listed(("a", "b", "c"), 1) == "a and 2 more"
