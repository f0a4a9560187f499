"""How PE images name libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Identity
from nativewheel.formats.pe import conventions

if TYPE_CHECKING:
    from nativewheel.formats.conventions import Conventions


def test_names() -> None:
    protocol: Conventions = conventions
    assert protocol.key("ZLIB1.DLL") == protocol.key("zlib1.dll") != protocol.key("zlib2.dll")
    assert protocol.key("Ä.dll") != protocol.key("ä.dll")
    assert [protocol.file_name(Identity(name)) for name in ("Foo.dll", "foo", "winspool.drv")] == ["Foo.dll", "foo.dll", "winspool.drv"]
    assert protocol.named_as_file("Foo.dll") == "Foo.dll"
    assert protocol.reference("pkg", "x.libs/Foo.dll") == "Foo.dll"


def test_there_is_no_search_path() -> None:
    assert not conventions.SEARCHED
    assert not conventions.is_relative_rpath("$ORIGIN")
    assert conventions.expand_rpath("$ORIGIN", "pkg") is None
    with pytest.raises(LinkageError, match="cannot say where"):
        conventions.relative_rpath("pkg", "x.libs")
