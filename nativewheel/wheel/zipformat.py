"""The records of the zip format (APPNOTE 6.3), as far as wheels use them."""

from __future__ import annotations

import struct
from enum import IntEnum

LOCAL = struct.Struct("<4s5H3I2H")
"""Local file header (4.3.7): signature, version, flags, method, time, date, CRC, compressed size, size, name length, extra length."""

CENTRAL = struct.Struct("<4s6H3I5H2I")
"""Central directory header (4.3.12): signature, made by, version, flags, method, time, date, CRC, compressed size, size, name length, extra
length, comment length, disk, internal attributes, external attributes, header offset."""

END = struct.Struct("<4s4H2IH")
"""End of central directory (4.3.16): signature, disk, directory's disk, entries here, entries, directory size, directory offset, comment length."""

END64_LOCATOR = struct.Struct("<4sIQI")
"""Zip64 locator (4.3.15): signature, disk, offset of the zip64 end record, number of disks."""

END64 = struct.Struct("<4sQ2H2I4Q")
"""Zip64 end of central directory (4.3.14): signature, size of the rest, made by, version, disk, directory's disk, entries here, entries,
directory size, directory offset."""

END64_BODY = END64.size - 12
"""The "size of the rest" of a zip64 end record without extensions (44): neither its signature nor that size counts."""

LOCAL_SIGNATURE = b"PK\x03\x04"
CENTRAL_SIGNATURE = b"PK\x01\x02"
END_SIGNATURE = b"PK\x05\x06"
END64_LOCATOR_SIGNATURE = b"PK\x06\x07"
END64_SIGNATURE = b"PK\x06\x06"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"

FLAG_ENCRYPTED = 1 << 0
FLAG_DESCRIPTOR = 1 << 3
FLAG_PATCH = 1 << 5
FLAG_STRONG_ENCRYPTION = 1 << 6
FLAG_UTF8 = 1 << 11
FLAG_MASKED_HEADERS = 1 << 13

EXTRA_ZIP64 = 0x0001
EXTRA_UNICODE_PATH = 0x7075

MAX16 = 0xFFFF
MAX32 = 0xFFFFFFFF

CREATOR_UNIX = 3
VERSION_DEFLATE = 20
VERSION_ZIP64 = 45

Moment = tuple[int, int, int, int, int, int]
"""A time as zip holds it, without zone: year, month, day, hour, minute, second (even)."""

EARLIEST: Moment = (1980, 1, 1, 0, 0, 0)
LATEST: Moment = (2107, 12, 31, 23, 59, 58)


class Method(IntEnum):
    """The compression methods that installers read."""

    STORED = 0
    DEFLATED = 8


def pack_moment(moment: Moment) -> tuple[int, int]:
    """Encode ``moment`` as the DOS time and date of a header (4.4.6), clamped to what they can hold."""
    year, month, day, hour, minute, second = min(max(moment, EARLIEST), LATEST)
    return hour << 11 | minute << 5 | second >> 1, (year - 1980) << 9 | month << 5 | day


def unpack_moment(time: int, date: int) -> Moment | None:
    """Decode the DOS time and date of a header; None when a part is out of its range (writers without a clock leave zeros)."""
    month, day, hour, minute, second = date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):  # noqa: PLR2004  (the calendar)
        return None
    return 1980 + (date >> 9), month, day, hour, minute, second
