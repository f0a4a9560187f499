"""Local headers and data descriptors must tell the directory's story."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest

from nativewheel.errors import UnreadableError
from nativewheel.wheel import zipformat as z
from nativewheel.wheel.directory import Directory, IrregularityKind, read_directory
from nativewheel.wheel.localheader import locate_data

# Positions of fields in a local header, and of the offset in a central one.
FLAGS, METHOD, CRC, COMPRESSED_SIZE, SIZE, NAME_LENGTH, NAME = 6, 8, 14, 18, 22, 26, 30
CENTRAL_FLAGS, CENTRAL_OFFSET = 8, 42
DATA = b"some text " * 10


class Unseekable(io.BytesIO):
    """Makes zipfile write data descriptors."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise io.UnsupportedOperation


def archive(stream: io.BytesIO | None = None) -> bytearray:
    stream = stream or io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("first", "second"):
            file.writestr(zipfile.ZipInfo(name), DATA, zipfile.ZIP_DEFLATED)
    return bytearray(stream.getvalue())


def read(data: bytes | bytearray) -> tuple[Directory, tuple[int, ...]]:
    def pread(offset: int, length: int) -> bytes:
        assert 0 <= offset <= offset + length <= len(data)
        return bytes(data[offset : offset + length])

    directory = read_directory(pread, len(data))
    return directory, locate_data(pread, directory)


def refusal(data: bytes | bytearray) -> str:
    with pytest.raises(UnreadableError) as caught:
        read(data)
    return str(caught.value)


def test_offsets_lead_to_the_data() -> None:
    data = archive()
    directory, offsets = read(data)
    for entry, offset in zip(directory.entries, offsets, strict=True):
        stream = bytes(data[offset : offset + entry.compressed_size])
        assert zlib.decompress(stream, -15) == DATA


@pytest.mark.parametrize(
    ("field", "layout", "value", "reason"),
    [
        (0, "<I", 0, "no local header"),
        (FLAGS, "<H", 1, "flags"),
        (FLAGS, "<H", z.FLAG_UTF8, "flags"),
        (FLAGS, "<H", z.FLAG_DESCRIPTOR, "flags"),
        (METHOD, "<H", 0, "method"),
        (CRC, "<I", 1, "CRC or sizes"),
        (CRC, "<I", 0, "CRC or sizes"),
        (COMPRESSED_SIZE, "<I", 1, "CRC or sizes"),
        (SIZE, "<I", 1, "CRC or sizes"),
        (SIZE, "<I", z.MAX32, "zip64 record is missing"),
        (NAME, "<B", ord("F"), "name"),
        (NAME_LENGTH, "<H", 4, "name"),
        (NAME_LENGTH, "<H", 0xFFFF, "no local header"),
        (NAME_LENGTH + 2, "<H", 0xFFFF, "no local header"),
        (NAME_LENGTH + 2, "<H", 3, ""),
    ],
)
def test_a_local_header_that_lies_is_refused(field: int, layout: str, value: int, reason: str) -> None:
    data = archive()
    struct.pack_into(layout, data, field, value)
    message = refusal(data)
    assert message.startswith("first")
    assert reason in message


def test_two_entries_for_one_place_are_refused() -> None:
    data = archive()
    second = data.rindex(z.CENTRAL_SIGNATURE)
    struct.pack_into("<I", data, second + CENTRAL_OFFSET, 0)
    assert "second → offset 0: the member overlaps another one" in refusal(data)


@pytest.mark.parametrize("offset", [0xFFFFFFF0, 10_000])
def test_a_header_outside_the_file_is_refused(offset: int) -> None:
    data = archive()
    struct.pack_into("<I", data, data.rindex(z.CENTRAL_SIGNATURE) + CENTRAL_OFFSET, offset)
    assert refusal(data).startswith("second")


def test_a_member_that_runs_into_the_directory_is_refused() -> None:
    data = archive()
    for position in (data.rindex(z.LOCAL_SIGNATURE) + COMPRESSED_SIZE, data.rindex(z.CENTRAL_SIGNATURE) + 20):
        struct.pack_into("<I", data, position, 5000)
    assert "goes past the start of the zip directory" in refusal(data)


def test_hidden_members_are_refused() -> None:
    data = archive()
    # The directory forgets the first member: a scanning unpacker would still find it.
    start, second = data.index(z.CENTRAL_SIGNATURE), data.rindex(z.CENTRAL_SIGNATURE)
    end = data.rindex(z.END_SIGNATURE)
    struct.pack_into("<2HI", data, end + 8, 1, 1, end - second)
    assert "bytes before the member belong to none" in refusal(data[:start] + data[second:])


def test_bytes_before_the_directory_are_refused() -> None:
    data = archive()
    start = data.index(z.CENTRAL_SIGNATURE)
    struct.pack_into("<I", data, data.rindex(z.END_SIGNATURE) + 16, start + 4)
    assert "belong to neither" in refusal(data[:start] + b"junk" + data[start:])


def test_a_long_local_extra_is_skipped() -> None:
    data = archive()
    extra = struct.pack("<2H", 0xCAFE, 200) + bytes(200)
    struct.pack_into("<H", data, NAME_LENGTH + 2, len(extra))
    data[NAME + 5 : NAME + 5] = extra
    struct.pack_into("<I", data, data.rindex(z.CENTRAL_SIGNATURE) + CENTRAL_OFFSET, data.rindex(z.LOCAL_SIGNATURE))
    struct.pack_into("<I", data, data.rindex(z.END_SIGNATURE) + 16, data.index(z.CENTRAL_SIGNATURE))
    assert read(data)[1][0] == NAME + 5 + 204


def with_descriptors(render: str, *, signed: bool) -> bytearray:
    """Lay out one member "m" with a descriptor of our own making."""
    stream = zlib.compressobj(6, 8, -15)
    packed: bytes = stream.compress(DATA) + stream.flush()
    crc = zlib.crc32(DATA)
    local = z.LOCAL.pack(z.LOCAL_SIGNATURE, 20, z.FLAG_DESCRIPTOR, 8, 0, 33, 0, 0, 0, 1, 0) + b"m"
    descriptor = (z.DESCRIPTOR_SIGNATURE if signed else b"") + struct.pack(render, crc, len(packed), len(DATA))
    body = local + packed + descriptor
    central = z.CENTRAL.pack(z.CENTRAL_SIGNATURE, 20, 20, z.FLAG_DESCRIPTOR, 8, 0, 33, crc, len(packed), len(DATA), 1, 0, 0, 0, 0, 0, 0) + b"m"
    return bytearray(body + central + z.END.pack(z.END_SIGNATURE, 0, 0, 1, 1, len(central), len(body), 0))


@pytest.mark.parametrize("layout", ["<I2I", "<I2Q"])
@pytest.mark.parametrize("signed", [True, False])
def test_every_layout_of_a_descriptor_is_read(layout: str, *, signed: bool) -> None:
    directory, _ = read(with_descriptors(layout, signed=signed))
    assert [odd.kind for odd in directory.irregularities] == [IrregularityKind.DATA_DESCRIPTOR]


@pytest.mark.parametrize("distance", [4, 8, 12])
def test_a_descriptor_that_lies_is_refused(distance: int) -> None:
    data = with_descriptors("<I2I", signed=True)
    data[data.index(z.CENTRAL_SIGNATURE) - distance] ^= 1
    assert refusal(data) == "m: the data descriptor contradicts the directory"


def test_descriptors_of_zipfile_are_read() -> None:
    directory, _ = read(archive(Unseekable()))
    assert {odd.kind for odd in directory.irregularities} == {IrregularityKind.DATA_DESCRIPTOR}
    assert [entry.size for entry in directory.entries] == [len(DATA)] * 2
