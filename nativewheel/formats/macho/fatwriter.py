"""Put slices together to a universal file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.macho.constants import FAT_MAGIC
from nativewheel.formats.macho.slices import FAT_ARCH, FAT_HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from nativewheel.formats.macho.slices import Slice

FAT_LIMIT = 1 << 32


def join(slices: Sequence[Slice], contents: Sequence[Buffer]) -> bytearray:
    """Return a universal file of ``contents``, each of which takes the place of one of ``slices`` with its machine and alignment."""
    result = bytearray(FAT_HEADER.size + len(slices) * FAT_ARCH.size)
    FAT_HEADER.pack_into(result, 0, FAT_MAGIC, len(slices))
    for number, (image, content) in enumerate(zip(slices, contents, strict=True)):
        result += bytes(-len(result) % (1 << image.fat_align))
        start = len(result)
        result += memoryview(content)
        if len(result) >= FAT_LIMIT:
            raise LinkageError("the universal file would have more than 4 GiB, which its header cannot state")
        at = FAT_HEADER.size + number * FAT_ARCH.size
        FAT_ARCH.pack_into(result, at, image.cputype, image.cpusubtype, start, len(result) - start, image.fat_align)
    return result
