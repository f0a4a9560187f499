"""NW201, NW202, NW207 and NW208: how images for Linux are called, and how they call others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.alike import alike
from nativewheel.check.few import few
from nativewheel.check.finding import Severity
from nativewheel.check.rule import Rule
from nativewheel.formats.defects import DefectKind
from nativewheel.formats.image import Kind
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.policy import is_loader
from nativewheel.wheel.names import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.formats.image import Identity, Image
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.wheel.names import Member

# Every process that can import a module has these, so that no search path is asked for them.
_LOADED = frozenset({"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libutil.so.1", "librt.so.1", "libc.so"})


class LibraryWithoutSoname(Rule):
    """NW201."""

    code = "NW201"
    name = "library-without-soname"
    summary = "A library has no SONAME"
    explanation = """\
The SONAME is the name by which a loader knows a library that it has loaded. Without one, a library that was loaded by its path is not recognised \
when an image asks for it by name: the loader searches, finds nothing or finds another copy. Linkers copy the SONAME into what is linked with the \
library; without one, they copy the path that was on their command line.

Reported are libraries that the wheel offers to others, those that an image of the wheel asks for, and those that nothing in the wheel loads, and \
that therefore seem to be there for others. Plugins, which are opened by their path, need no name.

Source: gABI, "Shared Object Dependencies"; dlopen(3)."""
    example = "pkg/lib/libfoo.so: has no SONAME, and pkg/_ext.so asks for it by name"
    remedy = """\
Link the library with `-Wl,-soname,libfoo.so.1` (CMake and Meson do so for shared libraries), or add the name with `patchelf --set-soname`. \
`nativewheel repair` gives one to every library that it exports or vendors."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look for nameless libraries that somebody needs the name of."""
        nameless = {member for member, found in wheel.defects.items() if any(item.kind is DefectKind.NO_SONAME for item in found)}
        exports = wheel.manifest.exports if wheel.manifest else ()
        beside = {place for export in exports for place in (export.anchor, export.link)}
        for image in wheel.contents.images:
            if image.member in nameless - beside and image.image.kind is Kind.LIBRARY:
                reason = self._reason(wheel, image, {export.member for export in exports})
                if reason:
                    yield self.found(wheel, f"has no SONAME, and {reason}", fix="link it with -Wl,-soname,NAME", member=image.member)

    @staticmethod
    def _reason(wheel: CheckedWheel, image: WheelImage, exported: set[Member]) -> str | None:
        """Say who needs the name, None when nobody does."""
        if image.member in exported:
            return "the wheel offers it to others, which ask for libraries by name"
        links = wheel.graph.links if wheel.graph else {}
        asker = next((key for key, found in links.items() if any(link.member == image.member for link in found)), None)
        if asker is not None:
            return f"{asker} asks for it by name"
        is_plugin = any(link.reach is Reach.MEMBER for link in links.get(image.member, ()))
        stem = image.member.rpartition("/")[2].partition(".so")[0]
        if is_plugin or not stem.startswith("lib") or _mentioned(wheel, stem.removeprefix("lib"), image.member):
            return None
        return "nothing in the wheel opens it by its path"


def _mentioned(wheel: CheckedWheel, stem: str, own: Member) -> bool:
    """Whether some code of the wheel has the name of a library, which it would need to open that."""
    images = {image.member for image in wheel.contents.images} - {own}
    sources = [member for member in wheel.archive.entries if member.endswith(".py") or member in images]
    return any(stem.encode() in wheel.data(member) for member in sources)


class HostRunpath(Rule):
    """NW202."""

    code = "NW202"
    name = "host-runpath"
    summary = "An RPATH leads to a folder of the build host"
    explanation = """\
An entry of DT_RPATH or DT_RUNPATH that does not begin with `$ORIGIN` leads to the same folder wherever the wheel is installed. On the machine that \
the wheel was built on, the libraries are there, so that tests pass; on others the folder is missing, or holds something else, which the loader \
takes: whoever may write to such a folder has his code run.

Where the image asks for nothing that the loader would have to search for, the entry does no harm, and the finding is a warning.

Source: ld.so(8); wheels of RobotPy and others that were published with paths of their build machines."""
    example = "pkg/_ext.so: the search path has /home/builder/lib, a folder of the build host"
    remedy = """\
Link without `-Wl,-rpath`, or with `-Wl,-rpath,'$ORIGIN'`; CMake takes its build paths out when it installs (`cmake --install`). `nativewheel \
repair` and `patchelf --set-rpath` take entries out of finished images."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report the entries of an image together."""
        found = []
        for image in wheel.contents.images:
            entries = tuple(item.detail for item in wheel.defects[image.member] if item.kind is DefectKind.HOST_RUNPATH)
            if entries:
                found.append((image.member, (entries, Severity.ERROR if _searches(image.image) else Severity.WARNING)))
        for member, (entries, severity), others in alike(found):
            shown = listed([printable(entry) or "an empty entry, which means the current folder" for entry in entries])
            folders = "folders" if len(entries) > 1 else "a folder"
            message = f"the search path has {shown}, {folders} of the build host{others}"
            fix = "link without -Wl,-rpath, or let `nativewheel repair` take it out"
            yield self.found(wheel, message, fix=fix, member=member, severity=severity)


def _searches(image: Image) -> bool:
    """Whether the loader looks for anything on behalf of the image."""
    return any(not _is_loaded(item.name) for item in image.dependencies)


def _is_loaded(name: Identity) -> bool:
    return name in _LOADED or is_loader(name) or name.startswith(("libc.musl-", "ld-musl-"))


class PathInNeeded(Rule):
    """NW207."""

    code = "NW207"
    name = "path-in-needed"
    summary = "A DT_NEEDED holds a path"
    explanation = """\
The loader searches for a library only when its name has no slash. A name with one is taken as a path: an absolute one leads to a folder of the \
build host, and a relative one to where the process happens to be started. A library that was loaded before is not recognised by it either.

Linkers write a path when the library that they are given has no SONAME.

Source: ld.so(8): "If a shared object dependency contains a slash, the dependency string is interpreted as a (relative or absolute) pathname"."""
    example = "pkg/_ext.so: asks for build/lib/libfoo.so, which is a path and not a name"
    remedy = """\
Give the library a SONAME (`-Wl,-soname`) and link again, or with `-L` and `-l` in place of the path. In a finished image, `patchelf \
--replace-needed build/lib/libfoo.so libfoo.so` puts the name in its place."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each dependency."""
        for (member, item), others in few(wheel.defects_of(DefectKind.PATH_NEEDED)):
            message = f"asks for {printable(item.detail)}, which is a path and not a name{others}"
            yield self.found(wheel, message, fix="give the library a SONAME and link again", member=member)


class DependsOnLibpython(Rule):
    """NW208."""

    code = "NW208"
    name = "depends-on-libpython"
    severity = Severity.WARNING
    summary = "A module or a library asks for libpython"
    explanation = """\
The interpreter that imports a module has the functions of Python already. Many interpreters (those of Debian, python.org and conda among them) have \
them in the program and come without a libpython: there, a module that asks for it cannot be imported. Where the library is there, but not the one \
that runs, the process has Python twice and crashes.

Source: PEP 513, "libpythonX.Y.so.1"; bpo-36721; on macOS the same holds of Python.framework."""
    example = "pkg/_ext.so: asks for libpython3.11.so.1.0, which the interpreter that imports it need not have as a library"
    remedy = """\
Do not link extension modules with Python: take the flags of `python3-config --ldflags` without `--embed`, Python::Module in place of \
Python::Python in CMake, `python.dependency(embed: false)` in Meson. Programs that embed Python are no finding."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look at all images but programs."""
        links = wheel.graph.links if wheel.graph else {}
        images = (image for image in wheel.contents.images if image.image.kind is not Kind.PROGRAM)
        found = ((image.member, link.name) for image in images for link in links.get(image.member, ()) if link.reach is Reach.INTERPRETER)
        for member, name, others in alike(found):
            message = f"asks for {printable(name)}, which the interpreter that imports it need not have as a library{others}"
            yield self.found(wheel, message, fix="do not link it with libpython", member=member)
