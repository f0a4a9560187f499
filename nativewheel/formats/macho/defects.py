"""What is wrong with a Mach-O image on any Mac but the one that it was built on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.defects import Defect, DefectKind
from nativewheel.formats.image import Arch, Kind
from nativewheel.formats.macho.conventions import is_of_system
from nativewheel.formats.macho.signature import Signer, verify
from nativewheel.formats.macho.slices import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.image import Image
    from nativewheel.formats.macho.slices import Slice

_NOWHERE = "/DLC/"
"""What delocate writes into the libraries that it copies: a folder that no Mac has, so that nothing finds them by it ("Delocated Library Copy")."""


def defects(data: Buffer, image: Image) -> Iterator[Defect]:
    """Yield what is wrong with an image.  Raises ``UnreadableError``."""
    name = image.identity
    if image.kind is Kind.LIBRARY and name is not None and name.startswith("/") and not (is_of_system(name) or name.startswith(_NOWHERE)):
        yield Defect(kind=DefectKind.HOST_INSTALL_NAME, detail=name)
    for entry in image.rpaths:
        if entry.startswith("/") and not is_of_system(entry):
            yield Defect(kind=DefectKind.HOST_LC_RPATH, detail=entry)
    with opened(data) as file:
        for part in file.slices:
            yield from _signature(part)


def _signature(part: Slice) -> Iterator[Defect]:
    state = verify(part)
    if state.problem is not None:
        yield Defect(kind=DefectKind.FALSE_SIGNATURE, detail=state.problem, arch=part.arch)
    elif state.signer is Signer.NOBODY and part.arch is Arch.AARCH64:
        yield Defect(kind=DefectKind.UNSIGNED, arch=part.arch)
