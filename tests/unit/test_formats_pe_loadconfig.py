"""Load configurations."""

from __future__ import annotations

import struct

import pytest
from madepe import ADDRESS, AMD64, ARM64, I386, LOAD_CONFIG, Pe, load_config

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.headers import Rva, opened
from nativewheel.formats.pe.loadconfig import LoadConfig, read_loadconfig


def read(machine: int, content: bytes) -> LoadConfig | None:
    with opened(Pe(machine=machine, load_config=content).build()) as pe:
        return read_loadconfig(pe)


@pytest.mark.parametrize(("machine", "field"), [(AMD64, ADDRESS + 78), (ARM64, ADDRESS + 78), (I386, ADDRESS + 54)])
def test_fields(machine: int, field: int) -> None:
    content = load_config(plus=machine != I386, dependent_load_flags=0x900)
    assert read(machine, content) == LoadConfig(
        address=Rva(ADDRESS), size=len(content), dependent_load_flags=0x900, flags_field=Rva(field), is_hybrid=False
    )


def test_code_for_two_machines() -> None:
    config = read(ARM64, load_config(chpe=0x180001000))
    assert config is not None
    assert config.is_hybrid


def test_none() -> None:
    assert read(AMD64, b"") is None


@pytest.mark.parametrize(("machine", "size"), [(AMD64, 78), (AMD64, 79), (I386, 54), (I386, 4), (AMD64, 0)])
def test_fields_that_an_older_linker_did_not_write(machine: int, size: int) -> None:
    """What is behind the stated length is something else."""
    content = struct.pack("<I", size) + bytes(size - 4 if size else 0) + b"\xff" * 300
    config = read(machine, content)
    assert config is not None
    assert (config.dependent_load_flags, config.is_hybrid) == (0, False)


@pytest.mark.parametrize("place", [0xFF0, 0xFFE])
def test_longer_than_its_section(place: int) -> None:
    content = bytes(0xFF0) + struct.pack("<I", 112) + bytes(12)
    data = Pe(machine=I386, load_config=content, directories=((LOAD_CONFIG, ADDRESS + place, 64),)).build()
    with opened(data) as pe, pytest.raises(UnreadableError, match="the load configuration reaches past"):
        read_loadconfig(pe)
