"""The zip directory: hostile archives are refused, odd ones are read and remembered."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.wheel import zipformat as z
from nativewheel.wheel.directory import Directory, IrregularityKind, read_directory
from nativewheel.wheel.localheader import locate_data
from nativewheel.wheel.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

# Positions of fields in a central directory header and in the end record.
FLAGS, METHOD, SIZE, OFFSET, ATTRIBUTES = 8, 10, 24, 42, 38
COUNT_HERE, COUNT, DIRECTORY_SIZE, DIRECTORY_OFFSET = 8, 10, 12, 16


def archive(*names: str | bytes, data: bytes = b"data" * 20, extra: bytes = b"", comment: bytes = b"", mode: int = 0o100644) -> bytearray:
    """Build an archive with zipfile; names that it would alter are written as placeholders of equal length and patched in."""
    stream = io.BytesIO()
    raw = [name.encode() if isinstance(name, str) else name for name in names]
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for index, name in enumerate(raw):
            info = zipfile.ZipInfo(f"{index:0{len(name)}d}", (2020, 2, 3, 4, 5, 6))
            info.external_attr = (0o040755 if name.endswith(b"/") else mode) << 16
            info.extra, info.comment = extra, comment
            file.writestr(info, data, zipfile.ZIP_DEFLATED)
    result = bytearray(stream.getvalue())
    for index, name in enumerate(raw):
        placeholder = f"{index:0{len(name)}d}".encode()
        flags = 0 if name.isascii() else z.FLAG_UTF8
        for signature, flags_at, name_at in ((z.LOCAL_SIGNATURE, 6, z.LOCAL.size), (z.CENTRAL_SIGNATURE, FLAGS, z.CENTRAL.size)):
            position = next(p for p in positions(result, signature) if result[p + name_at :].startswith(placeholder))
            result[position + name_at : position + name_at + len(name)] = name
            struct.pack_into("<H", result, position + flags_at, flags)
    return result


def positions(data: bytes | bytearray, signature: bytes) -> Iterable[int]:
    position = data.find(signature)
    while position >= 0:
        yield position
        position = data.find(signature, position + 1)


def patched(data: bytearray, where: int, layout: str, *values: int) -> bytearray:
    struct.pack_into(layout, data, where, *values)
    return data


def central(data: bytearray) -> int:
    return data.index(z.CENTRAL_SIGNATURE)


def end(data: bytearray) -> int:
    return data.rindex(z.END_SIGNATURE)


def read(data: bytes | bytearray) -> Directory:
    def pread(offset: int, length: int) -> bytes:
        if offset < 0 or offset + length > len(data):
            raise UnreadableError("the file is truncated")
        return bytes(data[offset : offset + length])

    directory = read_directory(pread, len(data))
    locate_data(pread, directory)
    return directory


def refusal(data: bytes | bytearray) -> str:
    with pytest.raises(UnreadableError) as caught:
        read(data)
    assert caught.value.exit_status == 3
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_entries_are_decoded_in_order() -> None:
    directory = read(archive("b.py", "a/é.py", mode=0o100755))
    assert [entry.name for entry in directory.entries] == ["b.py", "a/é.py"]
    entry = directory.entries[0]
    assert (entry.size, entry.mode, entry.modified, entry.method) == (80, 0o755, (2020, 2, 3, 4, 5, 6), z.Method.DEFLATED)
    assert directory.irregularities == ()


def test_an_empty_archive_has_no_entries() -> None:
    assert read(archive()).entries == ()


@pytest.mark.parametrize(("attributes", "mode"), [(0, 0o644), (0x20, 0o644), (0o755 << 16, 0o755), (0o106755 << 16, 0o755)])
def test_a_mode_may_lack_its_type_or_be_missing(attributes: int, mode: int) -> None:
    data = archive("a")
    assert read(patched(data, central(data) + ATTRIBUTES, "<I", attributes)).entries[0].mode == mode


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", "'..'"),
        ("a/../../evil", "'..'"),
        ("a/..", "'..'"),
        ("./a", "'.'"),
        ("a//b", "empty"),
        ("a//", "empty"),
        ("/etc/passwd", "absolute"),
        ("/", "absolute"),
        ("C:/evil", "absolute"),
        ("c:evil", "absolute"),
        ("a\\b", "backslash"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x1b[2Jb", "control"),
        ("a\x7f", "control"),
        ("a\u0085b", "control"),
    ],
)
def test_names_that_leave_their_folder_are_refused(name: str, reason: str) -> None:
    message = refusal(archive(name, data=b""))
    assert reason in message
    assert message.startswith(printable(name))


def test_a_name_that_is_not_utf8_is_refused() -> None:
    assert "not UTF-8" in refusal(archive(b"a\xff\xfe"))


def test_a_name_that_is_not_marked_as_utf8_is_read_as_code_page_437() -> None:
    data = archive(b"caf\x82")
    for position, flags_at in ((0, 6), (central(data), FLAGS)):
        patched(data, position + flags_at, "<H", 0)
    directory = read(data)
    assert directory.entries[0].name == "café"
    assert [(odd.kind, odd.member) for odd in directory.irregularities] == [(IrregularityKind.LEGACY_NAME, "café")]


@pytest.mark.parametrize("names", [("a", "a"), ("a/b", "c", "a/b"), ("d/", "d/"), ("d", "d/")])
def test_names_that_come_twice_are_refused(names: tuple[str, ...]) -> None:
    assert "two members of this name" in refusal(archive(*names, data=b""))


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b/c/d", "a-b", "a/b"), ("a", "a.py", "a/b/c")])
def test_a_file_that_is_also_a_folder_is_refused(names: tuple[str, ...]) -> None:
    assert "a file of the name of this member's folder" in refusal(archive(*names))


def test_names_that_differ_by_case_or_share_a_start_are_fine() -> None:
    assert len(read(archive("a", "A", "a.py", "a-b/c", "a0/c", "b/c", "b/d/e")).entries) == 7


@pytest.mark.parametrize("kind", [0o120000, 0o020000, 0o060000, 0o010000, 0o140000, 0o040000])
def test_links_and_special_files_are_refused(kind: int) -> None:
    message = refusal(archive("link", mode=kind | 0o777))
    assert message.startswith("link: ")
    assert "symbolic link or another special file" in message


def test_links_are_refused_whatever_system_made_them() -> None:
    data = archive("link", mode=0o120777)
    assert "symbolic link" in refusal(patched(data, central(data) + 4, "<H", 20))


@pytest.mark.parametrize(("flag", "reason"), [(1, "encrypted"), (1 << 6, "encrypted"), (1 << 13, "encrypted"), (1 << 5, "patch")])
def test_encrypted_and_patched_members_are_refused(flag: int, reason: str) -> None:
    data = archive("a")
    assert reason in refusal(patched(data, central(data) + FLAGS, "<H", flag))


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99])
def test_other_compression_methods_are_refused(method: int) -> None:
    data = archive("a")
    assert f"compression method {method}" in refusal(patched(data, central(data) + METHOD, "<H", method))


def test_a_bomb_is_refused_by_its_ratio() -> None:
    data = archive("a")
    assert "expands to" in refusal(patched(data, central(data) + SIZE, "<I", 65 << 20))


def test_a_large_ratio_of_little_data_is_fine() -> None:
    assert read(archive("a", data=bytes(1 << 20))).entries[0].size == 1 << 20


def test_a_stored_member_has_one_size() -> None:
    data = archive("a")
    assert "sizes make no sense" in refusal(patched(data, central(data) + METHOD, "<H", 0))


def test_a_folder_has_no_content() -> None:
    assert "sizes make no sense" in refusal(archive("a/"))


def test_folders_and_comments_are_remembered() -> None:
    data = archive("a/", "a/b", data=b"", comment=b"c") + bytearray(b"archive comment")
    directory = read(patched(data, end(data) + 20, "<H", 15))
    assert [(odd.kind, odd.member) for odd in directory.irregularities] == [
        (IrregularityKind.COMMENT, None),
        (IrregularityKind.DIRECTORY_ENTRY, "a/"),
        (IrregularityKind.COMMENT, "a/"),
        (IrregularityKind.COMMENT, "a/b"),
    ]


def test_a_member_without_a_time_is_remembered() -> None:
    data = archive("a")
    directory = read(patched(data, central(data) + 12, "<2H", 0, 0))
    assert directory.entries[0].modified == z.EARLIEST
    assert [odd.kind for odd in directory.irregularities] == [IrregularityKind.NO_TIME]


@pytest.mark.parametrize("junk", [b"#!/bin/sh\n", b"PK\x03\x04" + bytes(30)])
def test_bytes_before_the_first_member_are_refused(junk: bytes) -> None:
    assert "before the first member" in str(refused_hint(junk + archive("a")))


def refused_hint(data: bytes | bytearray) -> str | None:
    with pytest.raises(UnreadableError) as caught:
        read(data)
    return caught.value.hint


def test_bytes_before_the_first_member_are_refused_even_with_right_offsets() -> None:
    data = bytearray(b"junk") + archive("a")
    patched(data, central(data) + OFFSET, "<I", 4)
    patched(data, end(data) + DIRECTORY_OFFSET, "<I", central(data))
    assert "belong to none" in refusal(data)


@pytest.mark.parametrize("junk", [b"\0", b"x" * 70_000, bytes(z.END.size)])
def test_trailing_bytes_are_refused(junk: bytes) -> None:
    message = refusal(archive("a") + junk)
    assert "trailing" in message or "not a zip" in message


def test_two_end_records_are_refused() -> None:
    data = archive("a")
    second = bytes(data[end(data) :])
    assert "two end records" in refusal(patched(data, end(data) + 20, "<H", len(second)) + second)


@pytest.mark.parametrize("size", [0, 1, 10, 21, 30, 80, -1, -30])
def test_truncated_archives_are_refused(size: int) -> None:
    assert refusal(archive("a")[:size])


@pytest.mark.parametrize("where", [4, 6])
def test_split_archives_are_refused(where: int) -> None:
    data = archive("a")
    assert "several parts" in refusal(patched(data, end(data) + where, "<H", 1))


@pytest.mark.parametrize("count", [0, 1, 3, 1000])
def test_a_wrong_count_is_refused(count: int) -> None:
    data = archive("a", "b")
    assert refusal(patched(data, end(data) + COUNT_HERE, "<2H", count, count))


@pytest.mark.parametrize(("where", "change"), [(DIRECTORY_SIZE, 1), (DIRECTORY_SIZE, -1), (DIRECTORY_OFFSET, 5), (DIRECTORY_OFFSET, -5)])
def test_a_directory_that_is_elsewhere_is_refused(where: int, change: int) -> None:
    data = archive("a")
    (value,) = struct.unpack_from("<I", data, end(data) + where)
    assert "directory should end" in refusal(patched(data, end(data) + where, "<I", value + change))


def test_a_flood_of_entries_is_refused_before_it_is_read() -> None:
    data = archive("a")
    position, start = end(data), central(data)
    size = position - start
    end64 = z.END64.pack(z.END64_SIGNATURE, z.END64_BODY, 45, 45, 0, 0, 1 << 40, 1 << 40, size, start)
    locator = z.END64_LOCATOR.pack(z.END64_LOCATOR_SIGNATURE, 0, position, 1)
    patched(data, position + COUNT_HERE, "<2H", 0xFFFF, 0xFFFF)
    assert "too large" in refusal(data[:position] + end64 + locator + data[position:])


def zip64_end(data: bytearray, **lies: int) -> bytearray:
    """Give ``data`` a zip64 end record; ``lies`` replace its true values."""
    position, start = end(data), central(data)
    true = {"body": z.END64_BODY, "disk": 0, "count": 1, "size": position - start, "offset": start, "position": position, "disks": 1} | lies
    values = (true["count"], true["count"], true["size"], true["offset"])
    end64 = z.END64.pack(z.END64_SIGNATURE, true["body"], 45, 45, true["disk"], 0, *values)
    locator = z.END64_LOCATOR.pack(z.END64_LOCATOR_SIGNATURE, 0, true["position"], true["disks"])
    return data[:position] + end64 + locator + data[position:]


def test_a_true_zip64_end_record_is_read() -> None:
    assert len(read(zip64_end(archive("a"))).entries) == 1


@pytest.mark.parametrize(
    "lie",
    [{"body": 43}, {"body": 1 << 63}, {"disk": 1}, {"count": 2}, {"size": 1}, {"offset": 0}, {"position": 0}, {"position": 1 << 63}, {"disks": 2}],
    ids=str,
)
def test_zip64_end_records_that_lie_are_refused(lie: dict[str, int]) -> None:
    assert refusal(zip64_end(archive("a"), **lie))


def test_a_missing_zip64_end_record_is_refused() -> None:
    data = archive("a")
    assert "zip64 end record is missing" in refusal(patched(data, end(data) + COUNT_HERE, "<2H", 0xFFFF, 0xFFFF))


def zip64_extra(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", z.EXTRA_ZIP64, 8 * len(values), *values)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (zip64_extra(1 << 40, 5), "contradicts its header"),
        (b"\x01\x00\x04\x00", "broken"),
        (b"\x99\x99\x01", "broken"),
        (zip64_extra(80) * 2, "two zip64 records"),
        (struct.pack("<2HBI", z.EXTRA_UNICODE_PATH, 8, 1, 0) + b"bad", "second name"),
    ],
)
def test_extra_records_that_lie_are_refused(extra: bytes, reason: str) -> None:
    data = archive("a", extra=extra)
    assert reason in refusal(data)


def test_needless_but_true_extra_records_are_fine() -> None:
    extra = zip64_extra(80) + struct.pack("<2HBI", z.EXTRA_UNICODE_PATH, 6, 1, 0) + b"a"
    assert read(archive("a", extra=extra)).entries[0].size == 80


@pytest.mark.parametrize("field", [20, SIZE, OFFSET])
def test_a_field_at_its_limit_needs_a_zip64_record(field: int) -> None:
    data = archive("a")
    assert "zip64 record is missing" in refusal(patched(data, central(data) + field, "<I", z.MAX32))


def test_a_member_in_another_part_is_refused() -> None:
    data = archive("a")
    assert "another part" in refusal(patched(data, central(data) + 34, "<H", 1))


SAMPLE = bytes(zip64_end(archive("a/", "a/b", "c", data=b"", extra=zip64_extra(0)), count=3))


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(SAMPLE)))
def test_damage_gives_a_directory_or_a_clear_error(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(SAMPLE)
    for position, value in changes:
        data[position] = value
    for candidate in (data, data[:cut]):
        try:
            directory = read(candidate)
        except UnreadableError:
            continue
        assert len(directory.entries) == 3


def test_the_undamaged_sample_is_read() -> None:
    assert [entry.name for entry in read(SAMPLE).entries] == ["a/", "a/b", "c"]
