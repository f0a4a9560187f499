"""Anchors: what makes musl's loader take note of a library's name.

musl matches a DT_NEEDED entry with names that it found by search, and never with the SONAME of a library that was loaded by its path.  An anchor is
a library beside the real one that needs it by name and has a search path to it: musl searches, finds the file that is loaded already, and remembers
the name.  Source: musl's `ldso/dynlink.c`, load_library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.elf.dynamic import DT_GNU_HASH, DT_NEEDED, DT_RUNPATH, DT_STRSZ, DT_STRTAB, DT_SYMENT, DT_SYMTAB
from nativewheel.formats.elf.file import opened
from nativewheel.formats.elf.machine import architecture
from nativewheel.formats.elf.skeleton import SHT_DYNSYM, SHT_GNU_HASH, SHT_STRTAB, Section, Strings, assemble

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from nativewheel.formats.image import Identity

OWN_FOLDER = b"$ORIGIN"


def anchor(library: Buffer, identity: Identity) -> bytes:
    """Write a shared object for the machine of ``library`` that needs ``identity`` and looks for it in its own folder.

    It has no DT_SONAME: nothing is to find the anchor itself by a name.  Raises ``UnreadableError``.
    """
    strings = Strings()
    needed, path = strings.add(identity.encode()), strings.add(OWN_FOLDER)
    with opened(library) as elf:
        architecture(elf)
        layout = elf.layout
        symbol = layout.columns.stride
        # One bucket, no symbols from index 1 on, and a Bloom filter of one word that lets nothing pass.
        hashes = b"".join(map(layout.word.pack, (1, 1, 1, 0))) + bytes(8 if layout.wide else 4) + layout.word.pack(0)
        sections = (
            Section(name=".gnu.hash", type=SHT_GNU_HASH, content=hashes, link=".dynsym"),
            Section(name=".dynsym", type=SHT_DYNSYM, content=bytes(symbol), link=".dynstr", info=1, entry=symbol),
            Section(name=".dynstr", type=SHT_STRTAB, content=strings.content(), align=1),
        )
        dynamic: tuple[tuple[int, int | str], ...] = (
            (DT_NEEDED, needed),
            (DT_RUNPATH, path),
            (DT_GNU_HASH, ".gnu.hash"),
            (DT_STRTAB, ".dynstr"),
            (DT_SYMTAB, ".dynsym"),
            (DT_STRSZ, len(strings.content())),
            (DT_SYMENT, symbol),
        )
        return assemble(elf, sections, dynamic, loadable=True)
