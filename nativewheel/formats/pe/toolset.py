"""Which linker made an image, read from its first bytes alone.  With Visual C++ that also tells the compiler, which has the same version."""

from __future__ import annotations

from nativewheel.formats.pe.headers import COFF_HEADER, E_LFANEW, SIGNATURE


def linker_version(head: bytes) -> tuple[int, int] | None:
    """Return MajorLinkerVersion and MinorLinkerVersion of the image that starts with ``head``, None where it does not reach that far."""
    start = int.from_bytes(head[E_LFANEW : E_LFANEW + 4], "little")
    place = start + len(SIGNATURE) + COFF_HEADER.size + 2
    if head[start : start + len(SIGNATURE)] != SIGNATURE or place + 2 > len(head):
        return None
    return head[place], head[place + 1]
