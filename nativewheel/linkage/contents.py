"""The images that a wheel holds, read and sorted out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import ForeignImageError, LinkageError, NotLoadedError, UnreadableError
from nativewheel.formats.image import Arch, Format, Kind, Libc
from nativewheel.linkage import macos, policy, windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nativewheel.formats.image import Image, Symbol
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName


_CONNECTIONS = 8
# What wheels are full of, and never holds an image.  Others are looked at.
_TEXTS = (
    *(".py", ".pyi", ".pyc", ".pyx", ".pxd", ".pxi", ".typed", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hh", ".hpp", ".inl", ".f", ".f90"),
    *(".txt", ".md", ".rst", ".html", ".css", ".js", ".map", ".ts", ".json", ".toml", ".yaml", ".yml", ".xml", ".csv", ".cfg", ".ini", ".in"),
    *(".cmake", ".pc", ".proto", ".fbs", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".ico", ".ttf", ".woff", ".woff2", ".po", ".mo", ".npy", ".npz"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelImage:
    """One image of a wheel.

    ``installed`` is its path below the root of the installation (platlib) once installed, or None when it goes elsewhere (scripts, data).
    ``imports`` are the dynamic symbols that it wants from others; ``size`` is in bytes.
    ``source`` is the host file of a library that the user adds to the wheel, None for what the wheel holds already.
    """

    member: Member
    installed: str | None
    size: int
    image: Image
    imports: tuple[Symbol, ...]
    source: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxTarget:
    """What a Linux wheel is for."""

    arch: Arch
    libc: Libc

    @property
    def archs(self) -> tuple[Arch, ...]:
        """The one architecture."""
        return (self.arch,)


@dataclass(frozen=True, slots=True, kw_only=True)
class MacTarget:
    """What a macOS wheel is for: one architecture, or the two of universal2."""

    archs: tuple[Arch, ...]

    @property
    def libc(self) -> None:
        """MacOS has one C library, which is part of it."""
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsTarget:
    """What a Windows wheel is for."""

    arch: Arch

    @property
    def archs(self) -> tuple[Arch, ...]:
        """The one architecture."""
        return (self.arch,)

    @property
    def libc(self) -> None:
        """Each image has the C runtime of its compiler, and several of them in one process go together."""
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The images of a wheel.

    ``images`` are those of the wheel's own platform, in archive order; the others (GPU code, helpers for another system) are left alone and named in
    ``warnings``.  ``incomplete`` are those among the latter that are made for one of the architectures of the tags and not for all.  ``target`` is
    None without images.
    """

    images: tuple[WheelImage, ...]
    target: LinuxTarget | MacTarget | WindowsTarget | None = None
    incomplete: tuple[WheelImage, ...] = ()
    warnings: tuple[str, ...] = ()


class Passed(Enum):
    """Why a native file is not read as an image."""

    FOREIGN = auto()
    """It is made for no platform of wheels, such as GPU code."""
    NOT_LOADED = auto()
    """Nothing loads it, such as a static library."""


def read_contents(archive: WheelArchive, *, libc: Libc | None = None, jobs: int = 1) -> Contents:
    """Find the images by their magic, whatever their names and whether or not RECORD lists them, and read each of them once.

    ``libc`` settles which C library the wheel is for when neither its tags nor its images do.  Raises ``UnreadableError`` for images that cannot
    be read and for platforms that are not supported, ``LinkageError`` when the images do not agree with each other.
    """
    refuse_unsupported(archive.name)
    jobs = threads_for(archive, jobs)
    found = native_members(archive, jobs=jobs)
    expected = expected_format(archive.name, found)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        own = [member for member, kind in found.items() if kind is expected]
        read = dict(zip(own, pool.map(lambda member: read_image(archive, member, archive.read(member)), own), strict=True))
    return sort_out(archive.name, found, read, libc=libc)


def native_members(archive: WheelArchive, *, jobs: int = 1) -> dict[Member, Format]:
    """Return the members that are native images by their magic, in archive order.

    In a wheel on a web server, files with names that no image has are passed over, because each would have to be fetched.
    """
    if not archive.is_remote:
        return {member: kind for member in archive.entries if (kind := formats.detect(archive.head(member, formats.HEAD)))}
    candidates = [member for member in archive.entries if not _is_text(member)]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        kinds = pool.map(lambda member: formats.detect(archive.head(member, formats.HEAD)), candidates)
        return {member: kind for member, kind in zip(candidates, kinds, strict=True) if kind}


def threads_for(archive: WheelArchive, jobs: int) -> int:
    """Return the number of threads to read with where ``jobs`` processors may be used: most of them wait for the network, if there is one."""
    return max(jobs, _CONNECTIONS) if archive.is_remote else jobs


def _is_text(member: Member) -> bool:
    folder, _, file = member.rpartition("/")
    return folder.partition("/")[0].endswith(".dist-info") or file.lower().endswith(_TEXTS)


def expected_format(name: WheelName, found: Mapping[Member, Format]) -> Format | None:
    """Return the format that the images of a wheel have by its tags, None where these name no or several systems."""
    expected = {formats.of_platform(platform) for platform in name.platforms} - {None}
    if not expected and set(found.values()) == {Format.ELF}:
        return Format.ELF  # a build backend that did not know of the images, as happens with libraries loaded by ctypes
    return expected.pop() if len(expected) == 1 else None


def read_image(archive: WheelArchive, member: Member, data: bytes | bytearray) -> WheelImage | Passed:
    """Read the image that a member holds, or say why it is none that counts.  Raises ``UnreadableError``."""
    try:
        image = formats.read(data, member.rpartition("/")[2])
        imports = formats.imports(data)
    except NotLoadedError:
        return Passed.NOT_LOADED
    except ForeignImageError:
        return Passed.FOREIGN
    except UnreadableError as error:
        raise error.within(str(archive.name), member) from error
    return WheelImage(member=member, installed=archive.installed_path(member), size=len(data), image=image, imports=imports)


def sort_out(name: WheelName, found: Mapping[Member, Format], read: Mapping[Member, WheelImage | Passed], *, libc: Libc | None = None) -> Contents:
    """Tell the images of the wheel's own platform from others.

    ``found`` are all native members, ``read`` has at least those of the expected format.  Raises as `read_contents` does.
    """
    expected = expected_format(name, found)
    if expected is None:
        # Under the tag "any" distlib carries launchers for Windows, debugpy helpers for three systems: neither is a wheel for one platform.
        return Contents(images=(), warnings=(_ambiguous("system", found),) if found else ())
    foreign = [member for member, kind in found.items() if kind is not expected]
    foreign += [member for member, kind in found.items() if kind is expected and read[member] is Passed.FOREIGN]
    images = [image for member, kind in found.items() if kind is expected and isinstance(image := read[member], WheelImage)]
    if not images:
        return _without_images(name, foreign)
    match expected:
        case Format.MACHO:
            return _for_macos(name, images, foreign)
        case Format.PE:
            return _for_windows(name, images, foreign)
        case Format.ELF:
            return _for_linux(name, images, foreign, libc)


def refuse_unsupported(name: WheelName) -> None:
    """Raise ``UnreadableError`` for a wheel that is for a system which nativewheel does not know."""
    for platform in name.platforms:
        if platform != "any" and formats.of_platform(platform) is None:
            raise UnreadableError(f"wheels for {platform} are not supported", where=(str(name),), hint="use the build tools of that platform")


def _without_images(name: WheelName, foreign: list[Member]) -> Contents:
    if foreign and all(formats.of_platform(platform) for platform in name.platforms):
        raise UnreadableError(f"none of its native files is for {'.'.join(name.platforms)}; the first is {foreign[0]}", where=(str(name),))
    return Contents(images=(), warnings=_left_alone(foreign))


def _for_macos(name: WheelName, images: list[WheelImage], foreign: list[Member]) -> Contents:
    archs = tuple(sorted({arch for platform in name.platforms for arch in macos.archs_of(platform)}))
    if not archs:  # such as intel, which was i386 as well
        raise UnreadableError(f"wheels for {'.'.join(name.platforms)} are not supported", where=(str(name),))
    fitting = tuple(image for image in images if set(archs) <= set(image.image.archs))
    _require_fitting(name, images, fitting, " and ".join(map(macos.spelled, archs)))
    others = [image for image in images if image not in fitting]
    return Contents(
        images=fitting,
        target=MacTarget(archs=archs),
        incomplete=tuple(image for image in others if not set(archs).isdisjoint(image.image.archs)),
        warnings=_left_alone([*foreign, *(image.member for image in others)]),
    )


def _for_windows(name: WheelName, images: list[WheelImage], foreign: list[Member]) -> Contents:
    archs = [arch for platform in name.platforms if (arch := windows.arch_of(platform))]
    if len(set(archs)) > 1:
        raise LinkageError("its tags name several architectures", where=(str(name),), hint="build one wheel for each architecture")
    arch = archs[0]
    fitting = tuple(image for image in images if arch in image.image.archs)
    _require_fitting(name, images, fitting, f"Windows on {windows.spelled(arch)}")
    others = [image.member for image in images if image not in fitting]
    return Contents(images=fitting, target=WindowsTarget(arch=arch), warnings=_left_alone([*foreign, *others]))


def _for_linux(name: WheelName, images: list[WheelImage], foreign: list[Member], libc: Libc | None) -> Contents:
    arch = _arch(name, images)
    if arch is None:
        return Contents(images=(), warnings=(_ambiguous("processor", [image.member for image in images]),))
    own = [image for image in images if policy.runs(arch, image.image)]
    chosen = libc_of_tags(name) or _libc_of_images(name, own, libc)
    fitting = tuple(image for image in own if image.image.libc in {None, chosen})
    _require_fitting(name, images, fitting, f"{arch} and {chosen}" if chosen else str(arch))
    warnings = _left_alone([*foreign, *(image.member for image in images if image not in fitting)])
    if chosen is None:
        chosen = Libc.GLIBC
    if chosen is Libc.GLIBC and not (libc or any(image.image.libc for image in own) or any(map(policy.family, name.platforms))):
        warnings += ("no image depends on a C library; taken for glibc (use --plat musllinux_… if it is meant for musl)",)
    return Contents(images=fitting, target=LinuxTarget(arch=arch, libc=chosen), warnings=warnings)


def _arch(name: WheelName, images: list[WheelImage]) -> Arch | None:
    """Return the architecture of the wheel: the one that its tags name, else the one that its images share, None when they share none."""
    tagged = {arch for platform in name.platforms for arch in Arch if platform.endswith(f"_{arch}")}
    if len(tagged) > 1:
        raise LinkageError("its tags name several architectures", where=(str(name),), hint="build one wheel for each architecture")
    present = {arch for image in images for arch in image.image.archs}
    return next(iter(tagged or present)) if len(tagged or present) == 1 else None


def _require_fitting(name: WheelName, images: list[WheelImage], fitting: tuple[WheelImage, ...], wanted: str) -> None:
    """Refuse a wheel whose extension modules, or whose images at all, are made for something else: a tag would promise nothing true of them."""
    for group in ([image for image in images if image.image.kind is Kind.EXTENSION], images):
        if group and not any(image in fitting for image in group):
            image = group[0].image
            archs = map(macos.spelled, image.archs) if image.format is Format.MACHO else image.archs
            made = " and ".join(filter(None, (*archs, image.libc)))
            raise LinkageError(f"it is to be for {wanted}, but {group[0].member} is made for {made}", where=(str(name),))


def libc_of_tags(name: WheelName) -> Libc | None:
    """Return the C library that the platform tags of a wheel name; None when they name none or both (static programs)."""
    named = {policy.family(platform) for platform in name.platforms} - {None}
    return named.pop() if len(named) == 1 else None


def _libc_of_images(name: WheelName, images: list[WheelImage], wish: Libc | None) -> Libc | None:
    """Return the C library that images are made for, that of extension modules before others; ``wish`` where nothing tells it."""
    extensions = [image for image in images if image.image.kind is Kind.EXTENSION]
    for group in (extensions, images):
        libcs = {image.image.libc for image in group} - {None}
        if len(libcs) > 1:
            examples = ", ".join(next(f"{image.member} ({libc})" for image in group if image.image.libc is libc) for libc in sorted(libcs, key=str))
            raise LinkageError(
                f"its images are made for different C libraries: {examples}", where=(str(name),), hint="build one wheel for each of them"
            )
        if libcs:
            return libcs.pop()
    if extensions and wish is None:
        raise LinkageError(
            f"nothing in {extensions[0].member} or in the tags tells whether it is made for glibc or musl",
            where=(str(name),),
            hint="say it with --plat manylinux_2_28 or --plat musllinux_1_2",
        )
    return wish


def _left_alone(members: list[Member]) -> tuple[str, ...]:
    return tuple(f"{member}: left alone, made for another machine or system than the wheel" for member in members)


def _ambiguous(what: str, members: Iterable[Member]) -> str:
    names = sorted(members)
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"its native files ({names[0]}{rest}) are left alone: the tags do not say for which {what} it is"
