"""What repaired macOS wheels must be: images that load with what is in the wheel, and that the kernel takes."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from machofile import MachO, slice_for

from nativewheel.formats.image import Arch
from nativewheel.formats.macho.layoutcheck import layout_problems
from nativewheel.formats.macho.signature import Signer, verify
from nativewheel.formats.macho.slices import opened

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from machobinding import Loaded
    from machopython import Python


def unpacked(wheel: Path, folder: Path) -> Path:
    """Unpack a wheel into a new folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def images(folder: Path) -> list[Path]:
    """Return the images of an unpacked wheel."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and _is_image(path)]


def image(path: Path, arch: str) -> MachO:
    """Return the slice for ``arch`` of an image."""
    return MachO(slice_for(path.read_bytes(), arch))


def load_everything(folder: Path, python: Python, *, initialize: bool = True) -> dict[str, Loaded]:
    """Load every image of an unpacked wheel into a process of the emulator; nothing but those and macOS is needed."""
    loaded = {path.relative_to(folder).as_posix(): python.dlopen(path, initialize=initialize) for path in images(folder)}
    assert loaded
    strangers = [found.path for found in python.images if found.file and not found.path.startswith(f"{folder.resolve()}/")]
    assert not strangers
    return loaded


def unsigned(folder: Path) -> set[str]:
    """Assert that signatures are right, and return the images that have a slice without one, which an arm64 Mac would not load."""
    found = set()
    for path in images(folder):
        with opened(path.read_bytes()) as file:
            for part in file.slices:
                state = verify(part)
                assert state.problem is None, path
                if state.signer is Signer.NOBODY:
                    assert part.arch is Arch.X86_64, path
                    found.add(path.relative_to(folder).as_posix())
    return found


def check_layouts(paths: Iterable[Path]) -> None:
    """Assert that images are laid out as dyld wants it; what other programs wrote need not be."""
    for path in paths:
        with opened(path.read_bytes()) as file:
            assert [problem for part in file.slices for problem in layout_problems(part)] == [], path


def check_by_apple_platform(paths: Iterable[Path]) -> None:
    """Let another reader verify the page hashes of signed images."""
    apple = pytest.importorskip("apple_platform")
    for path in paths:
        assert not [item["description"] for item in apple.verify_macho(path) if "digest" in item["description"]], path


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in {b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"}
