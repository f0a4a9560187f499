"""NW109: one library several times in a wheel."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nativewheel.check.finding import Severity
from nativewheel.check.rule import Rule
from nativewheel.formats.image import Kind
from nativewheel.linkage.contents import WheelImage
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.wheel.names import Member


class LibrarySeveralTimes(Rule):
    """NW109."""

    code = "NW109"
    name = "library-several-times"
    severity = Severity.WARNING
    summary = "One library is in the wheel several times"
    explanation = """\
On Linux and macOS a library usually comes as one file and several symbolic links (`libfoo.so`, `libfoo.so.1`, `libfoo.so.1.2.3`). Wheels cannot \
hold links, so build backends put a copy of the file in the place of each. All of them are downloaded and installed, and a process that opens two of \
them by path has the library, and its state, twice.

Files are compared by their contents; libraries that merely have the same name are no finding.

Source: binary distribution format (zip archives without links); dlopen(3): a library is the same when its inode or its SONAME is."""
    example = "pkg/lib/libfoo.so: the same file as pkg/lib/libfoo.so.1, pkg/lib/libfoo.so.1.2.3 (together 4.2 MB too much)"
    remedy = """\
Install only the file that is called like its SONAME, and have others refer to it by that name. For linking at build time, a linker script \
`INPUT(libfoo.so.1)` called `libfoo.so` takes the place of the link; `nativewheel repair` writes one for each library that it exports."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Group libraries by contents."""
        groups: dict[tuple[int, str], list[Member]] = defaultdict(list)
        for image in wheel.read_images.values():
            if isinstance(image, WheelImage) and image.image.kind is Kind.LIBRARY:
                groups[image.size, wheel.digest(image.member)].append(image.member)
        for (size, _), (first, *others) in groups.items():
            if others:
                message = f"the same file as {listed(others)} ({len(others) * size:,} bytes too much)"
                yield self.found(wheel, message, fix="keep the file that is called like its SONAME or install name", member=first)
