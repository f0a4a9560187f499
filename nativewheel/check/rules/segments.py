"""NW204, NW205 and NW206: how images for Linux want to be mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.few import few
from nativewheel.check.finding import Severity
from nativewheel.check.rule import Rule
from nativewheel.formats.defects import DefectKind
from nativewheel.formats.image import Kind, Libc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel

_STACK = DefectKind.EXECUTABLE_STACK


class ExecutableStack(Rule):
    """NW204."""

    code = "NW204"
    name = "executable-stack"
    summary = "An image wants an executable stack"
    explanation = """\
An image whose PT_GNU_STACK segment is executable, or that has none, asks the loader to make the stacks of the whole process executable. glibc 2.41 \
and later refuse to load such an image into a process that runs (`cannot enable executable stack as shared object requires`), as SELinux did before; \
elsewhere it takes a protection away from everything else in the process. musl heeds the flag of programs only, so that in wheels for it only these \
are reported.

Most often one assembler source without `.section .note.GNU-stack,"",@progbits` is why; nested functions of GCC are the other reason.

Source: glibc 2.41 release notes; ld(1), `-z noexecstack`."""
    example = "pkg/_ext.so: PT_GNU_STACK has the flag for executable, and glibc 2.41 and later do not load it"
    remedy = """\
Add the section to the assembler source, or link with `-Wl,-z,noexecstack` when nothing needs the code on the stack. In a finished image, `patchelf \
--clear-execstack` takes the flag away."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each image that a loader heeds."""
        target = wheel.contents.target
        is_musl = target is not None and target.libc is Libc.MUSL
        found = []
        for image in wheel.contents.images:
            if image.image.kind is Kind.PROGRAM or not is_musl:
                reason = "every thread of it gets one" if image.image.kind is Kind.PROGRAM else "glibc 2.41 and later do not load it"
                found += [(image.member, f"{item.detail}, and {reason}") for item in wheel.defects[image.member] if item.kind is _STACK]
        for (member, message), others in few(found):
            yield self.found(wheel, f"{message}{others}", fix="link it with -Wl,-z,noexecstack", member=member)


class TextRelocations(Rule):
    """NW205."""

    code = "NW205"
    name = "text-relocations"
    severity = Severity.WARNING
    summary = "The loader has to write into the code of an image"
    explanation = """\
An image with text relocations (DT_TEXTREL) was not compiled for any address: the loader makes its code writable, changes it, and no process shares \
those pages with another. SELinux forbids it by default, and musl on some processors, and Android altogether; then the image cannot be loaded.

Source: gABI, DT_TEXTREL; Gentoo wiki, "Hardened/Textrels Guide"."""
    example = "pkg/_ext.so: has text relocations (DT_TEXTREL)"
    remedy = "Compile everything that goes into the image with `-fPIC`, static libraries too, and link with `-Wl,-z,text` to be told what is not."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each image."""
        found = [member for member, items in wheel.defects.items() if any(item.kind is DefectKind.TEXT_RELOCATIONS for item in items)]
        for member, others in few(found):
            yield self.found(wheel, f"has text relocations (DT_TEXTREL){others}", fix="compile all of it with -fPIC", member=member)


class MisalignedSegment(Rule):
    """NW206."""

    code = "NW206"
    name = "misaligned-segment"
    summary = "A segment cannot be mapped with the pages of every kernel"
    explanation = """\
A segment (PT_LOAD) must be aligned to the pages of the kernel that maps it. These have 4 KiB on most processors, but up to 64 KiB on AArch64 (Red \
Hat's kernels) and PowerPC, and 16 KiB on LoongArch. glibc refuses an image that is aligned to less: `ELF load command alignment not page-aligned`.

Linkers choose the right alignment by themselves. Old versions of patchelf lost it, above all on a machine with another processor than the image's.

Source: glibc, elf/dl-load.c; patchelf's issues on page sizes."""
    example = "pkg/_ext.so: the segment at address 0x11000 is aligned to 0x1000, less than pages of 0x10000 bytes ask for"
    remedy = "Link again, without `-z max-page-size` or `-n`; where patchelf has edited the image, use version 0.18 or later (`--page-size 65536`)."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report the first segment of each image."""
        found = {}
        for member, items in wheel.defects.items():
            if segments := [item for item in items if item.kind is DefectKind.MISALIGNED_SEGMENT]:
                found[member] = segments[0].detail
        for (member, detail), others in few(found.items()):
            yield self.found(wheel, f"{detail}{others}", fix="link it again, or edit it with patchelf 0.18 or later", member=member)
