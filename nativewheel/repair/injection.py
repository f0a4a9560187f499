"""Where a consumer calls its shim, so that providers are loaded before the first extension module that needs them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from posixpath import basename, dirname, join
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, NativewheelError
from nativewheel.formats.image import Kind
from nativewheel.repair.plan import NewFile
from nativewheel.shim import inject
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.wheel.archive import WheelArchive

_IMPORTED = ("py", "pyc", "so", "pyd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """How the shim gets called.

    ``files`` are edited ``__init__.py`` files and the modules that take the place of swapped extensions; ``removed`` are byte code files of edited
    sources; ``swapped`` maps an extension module to its new place; ``uncalled`` are images outside packages, for which nothing can call the shim.
    """

    files: tuple[NewFile, ...] = ()
    removed: tuple[Member, ...] = ()
    swapped: Mapping[Member, Member]
    uncalled: tuple[Member, ...] = ()


def plan_injection(archive: WheelArchive, images: Iterable[WheelImage], shim: str) -> Injection:
    """Plan a call of the package ``shim`` for each dependent image.

    A regular package gets one call in its ``__init__.py``, which runs before any of its modules (language reference, "Regular packages").  Where no
    package has an ``__init__.py`` of its own, a module takes the extension's name and imports it after the call.  Raises ``LinkageError`` where
    neither is possible.
    """
    folders = _folders(archive)
    packages: dict[Member, bytes] = {}
    swapped: dict[Member, Member] = {}
    modules: list[NewFile] = []
    uncalled: list[Member] = []
    for image in images:
        if image.image.kind is Kind.PROGRAM:
            continue
        if image.installed is None:
            uncalled.append(image.member)
            continue
        package = _package(archive, folders, image.installed)
        if package is not None:
            packages.setdefault(package, bytes(archive.read(package)))
        elif image.image.kind is Kind.EXTENSION:
            module = _swap(archive, folders, image, shim)
            swapped[image.member] = Member(join(dirname(image.member), _binary(image.member)))
            modules.append(module)
        else:
            uncalled.append(image.member)
    edited = [NewFile(member=member, data=_with_call(archive, member, source, shim)) for member, source in packages.items()]
    changed = [file for file in edited if file.data != packages[file.member]]
    removed = [member for file in changed for member in _byte_code(archive, file.member)]
    return Injection(files=(*changed, *modules), removed=tuple(removed), swapped=swapped, uncalled=tuple(uncalled))


def _folders(archive: WheelArchive) -> dict[str, dict[str, Member]]:
    """Map each folder of the installation to its files, by name."""
    found: dict[str, dict[str, Member]] = {}
    for member in archive.entries:
        if (path := archive.installed_path(member)) is not None:
            found.setdefault(dirname(path), {})[basename(path)] = member
    return found


def _package(archive: WheelArchive, folders: Mapping[str, Mapping[str, Member]], path: str) -> Member | None:
    """Return the outermost ``__init__.py`` that runs before the module at ``path`` and is this distribution's alone."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        files = folders.get("/".join(parts[:depth]), {})
        source = files.get("__init__.py")
        if source is not None:
            with _placed(archive, source):
                shared = inject.is_shared_namespace(bytes(archive.read(source)))
            if not shared:
                return source
            continue
        other = next((member for name, member in files.items() if _imports_as(name, "__init__")), None)
        if other is not None:
            raise LinkageError(
                "a package whose __init__ is not Python source cannot call the shim first",
                where=(str(archive.name), other),
                hint="give the package an __init__.py",
            )
    return None


def _swap(archive: WheelArchive, folders: Mapping[str, Mapping[str, Member]], image: WheelImage, shim: str) -> NewFile:
    name = basename(image.member).partition(".")[0]
    folder = dirname(image.installed or "")
    others = [member for file, member in folders[folder].items() if _imports_as(file, name) and member != image.member]
    others += [member for file, member in folders.get(join(folder, name), {}).items() if _imports_as(file, "__init__")]
    if others:
        raise LinkageError(
            f"{others[0]} stands where a module must go that loads the provider first",
            where=(str(archive.name), image.member),
            hint="move the extension module into a package with an __init__.py",
        )
    return NewFile(member=Member(join(dirname(image.member), f"{name}.py")), data=inject.swap_module(shim, _binary(image.member)))


def _binary(member: Member) -> str:
    """Return the file name of an extension module that makes way: Python looks for no such suffix, but Windows and people for its end."""
    name, _, suffixes = basename(member).partition(".")
    return f"{name}._nw.{suffixes.rpartition('.')[2]}"


def _imports_as(file: str, name: str) -> bool:
    """Whether Python takes the file for the module ``name``; sources of Cython and stubs may have the same stem."""
    stem, _, suffix = file.partition(".")
    return stem == name and suffix.rpartition(".")[2] in _IMPORTED


def _with_call(archive: WheelArchive, member: Member, source: bytes, shim: str) -> bytes:
    with _placed(archive, member):
        return inject.with_call(source, shim)


@contextmanager
def _placed(archive: WheelArchive, member: Member) -> Iterator[None]:
    """Put the wheel and the member into errors about a source."""
    try:
        yield
    except NativewheelError as error:
        raise error.within(str(archive.name), member) from error.__cause__


def _byte_code(archive: WheelArchive, source: Member) -> list[Member]:
    """Return the compiled forms of ``source``: unchecked ones would be run in its stead (PEP 552)."""
    folder = dirname(source)
    return [
        member
        for member in archive.entries
        if member.endswith(".pyc")
        and (member == f"{source}c" or (dirname(member) == f"{folder}/__pycache__" and basename(member).startswith("__init__.")))
    ]
