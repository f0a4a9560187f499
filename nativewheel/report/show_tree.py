"""What `show` found, as a tree: who asks for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.linkage.inspection import Supply
from nativewheel.report.sheet import Sheet, Styled, bad, faint, good, notice
from nativewheel.report.show_text import write_header, write_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.linkage.inspection import ExternalLibrary, InspectedImage, Inspection, SuppliedDependency

MOST_LEVELS = 64


def render(inspection: Inspection, *, color: bool = False) -> str:
    """Render one wheel.  Each library is taken apart where it is met first; what the platform supplies is gathered in one line."""
    sheet = Sheet(color=color)
    write_header(sheet, inspection)
    images: dict[str, InspectedImage] = {image.member: image for image in inspection.images}
    external = {str(library.path): library for library in inspection.external}
    expanded: set[str] = set()
    for root in _roots(inspection):
        if root.member not in expanded:
            sheet.line(root.member, faint(f" ({root.image.kind}, {','.join(root.image.archs)})"), indent=1)
            expanded.add(root.member)
            _write_below(sheet, root.dependencies, images, external, expanded)
    if not inspection.images:
        sheet.line(good("pure: no native files."), indent=1)
    write_warnings(sheet, inspection)
    return str(sheet)


def _roots(inspection: Inspection) -> Iterator[InspectedImage]:
    """Yield the images that no other one asks for, then all of them: those in a closed ring are roots when nothing else led to them."""
    asked = {dependency.resolved for image in inspection.images for dependency in image.dependencies if dependency.resolved != image.member}
    yield from (image for image in inspection.images if image.member not in asked)
    yield from inspection.images


def _write_below(
    sheet: Sheet,
    dependencies: tuple[SuppliedDependency, ...],
    images: dict[str, InspectedImage],
    external: dict[str, ExternalLibrary],
    expanded: set[str],
) -> None:
    """Write the branches below one image.

    On a stack of our own, because a hostile wheel can chain libraries deeper than Python recurses; and with an end to the depth, because all
    the indentation together grows with its square.
    """
    stack = _branches(dependencies, "")
    while stack:
        dependency, trunk, last = stack.pop()
        corner, rest = ("└── ", "    ") if last else ("├── ", "│   ")
        if isinstance(dependency, str):
            sheet.line(trunk, corner, faint(f"{dependency} [{Supply.SYSTEM}]"), indent=1)
            continue
        key = dependency.resolved or ""
        found = images.get(key) or external.get(key)
        again = found is not None and key in expanded
        deep = len(trunk) >= MOST_LEVELS * len(rest)
        note = " (see above)" if again else " (and so on)" if found is not None and found.dependencies and deep else ""
        where = f" {dependency.provider or dependency.resolved or ''}".rstrip()
        sheet.line(trunk, corner, dependency.name, " ", _kind(dependency.supply), where, faint(note), indent=1)
        if found is not None and not again and not deep:
            expanded.add(key)
            stack += _branches(found.dependencies, trunk + rest)


def _branches(dependencies: tuple[SuppliedDependency, ...], trunk: str) -> list[tuple[SuppliedDependency | str, str, bool]]:
    """List the branches of one image, in reverse, because a stack gives back the last item first."""
    system = ", ".join(dependency.name for dependency in dependencies if dependency.supply is Supply.SYSTEM)
    items: list[SuppliedDependency | str] = [dependency for dependency in dependencies if dependency.supply is not Supply.SYSTEM]
    if system:
        items.append(system)
    return [(item, trunk, index == 0) for index, item in enumerate(reversed(items))]


def _kind(supply: Supply) -> Styled:
    word = f"[{supply}]"
    match supply:
        case Supply.MISSING:
            return bad(word)
        case Supply.EXTERNAL:
            return notice(word)
        case Supply.WHEEL | Supply.VENDORED | Supply.PROVIDER:
            return good(word)
        case Supply.SYSTEM:
            return faint(word)
