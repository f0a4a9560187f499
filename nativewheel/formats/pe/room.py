"""Room for new bytes in an image: what is unused at the ends of its sections, else a section of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.formats.pe.constants import (
    IMAGE_DIRECTORY_ENTRY_IMPORT,
    IMAGE_DIRECTORY_ENTRY_RESOURCE,
    IMAGE_SCN_CNT_INITIALIZED_DATA,
    IMAGE_SCN_MEM_DISCARDABLE,
    IMAGE_SCN_MEM_EXECUTE,
    IMAGE_SCN_MEM_READ,
    IMAGE_SCN_MEM_WRITE,
)
from nativewheel.formats.pe.headers import Rva

if TYPE_CHECKING:
    from nativewheel.formats.pe.headers import PeFile, Section
    from nativewheel.formats.pe.patches import Patches

IMAGE_SCN_MEM_SHARED = 0x10000000
VIRTUAL_SIZE_OFFSET = 8
"""Of VirtualSize in a section header."""

WANTED = IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ
UNWANTED = IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_DISCARDABLE | IMAGE_SCN_MEM_SHARED


@dataclass(slots=True, kw_only=True)
class Slack:
    """The bytes of a section in the file behind its VirtualSize, all zero, which the loader maps because memory comes in pages.

    ``used`` counts from the start of the section.
    """

    section: Section
    used: int
    size: int


class Room:
    """Finds room for strings and tables, and writes them into ``patches``; ``new`` is the content of a section to be added at ``new_address``."""

    def __init__(self, pe: PeFile, patches: Patches) -> None:
        self.new = bytearray()
        self.new_address = end_of_memory(pe)
        self._patches = patches
        self._slacks = sorted(_slacks(pe), key=lambda slack: _preference(pe, slack.section))

    def put(self, content: bytes) -> Rva:
        """Put ``content`` somewhere and return the place."""
        address = self.reserve(len(content))
        self.fill(address, content)
        return address

    def put_into_slack(self, content: bytes) -> Rva | None:
        """Put ``content`` where no new section is needed; return None when there is no such place."""
        address = self._reserve_slack(len(content), 1)
        if address is not None:
            self.fill(address, content)
        return address

    def reserve(self, size: int, alignment: int = 1) -> Rva:
        """Return a place for ``size`` bytes, which are zero until ``fill`` writes there."""
        address = self._reserve_slack(size, alignment)
        if address is None:
            self.new += bytes(-len(self.new) % alignment)
            address = Rva(self.new_address + len(self.new))
            self.new += bytes(size)
        return address

    def fill(self, address: Rva, content: bytes) -> None:
        """Write to a place that was reserved."""
        if address >= self.new_address:
            start = address - self.new_address
            self.new[start : start + len(content)] = content
            return
        section = next(slack.section for slack in self._slacks if slack.section.address <= address < slack.section.address + slack.size)
        self._patches.put(section.file_start + address - section.address, content)

    def _reserve_slack(self, size: int, alignment: int) -> Rva | None:
        for slack in self._slacks:
            start = -(-slack.used // alignment) * alignment
            if start + size <= slack.size:
                slack.used = start + size
                self._patches.put_number(slack.section.header + VIRTUAL_SIZE_OFFSET, slack.used)
                return Rva(slack.section.address + start)
        return None


def end_of_memory(pe: PeFile) -> int:
    """Return the RVA behind the last section, where another one can begin."""
    ends = [section.address + section.mapped_size for section in pe.sections]
    return -(-max([*ends, pe.size_of_headers]) // pe.section_alignment) * pe.section_alignment


def _slacks(pe: PeFile) -> list[Slack]:
    slacks = [Slack(section=section, used=_used(pe, section), size=section.file_size) for section in pe.sections if _is_usable(pe, section)]
    return [slack for slack in slacks if slack.used < slack.size and not any(_content(pe, slack))]


def _used(pe: PeFile, section: Section) -> int:
    """Return the size of a section's data, with the zero behind them that ends a string at their end."""
    last = section.file_start + section.virtual_size - 1
    return section.virtual_size + any(pe.data[last : last + 1])


def _content(pe: PeFile, slack: Slack) -> memoryview:
    start = slack.section.file_start
    return pe.data[start + slack.used : start + slack.size]


def _is_usable(pe: PeFile, section: Section) -> bool:
    """Whether data may be put behind that of a section.  Programs that change resources write their section anew, without what is behind them."""
    flags = section.characteristics
    resources = pe.directory(IMAGE_DIRECTORY_ENTRY_RESOURCE)
    if resources is not None and pe.section_at(resources.address) is section:
        return False
    return bool(section.virtual_size) and flags & WANTED == WANTED and not flags & UNWANTED


def _preference(pe: PeFile, section: Section) -> tuple[bool, bool]:
    """Prefer the section that has the other names, then those that nothing writes to."""
    imports = pe.directory(IMAGE_DIRECTORY_ENTRY_IMPORT)
    return imports is None or pe.section_at(imports.address) is not section, bool(section.characteristics & IMAGE_SCN_MEM_WRITE)
