"""NW401 to NW404: what is left of the build host in images for Windows, and what they may not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.alike import alike
from nativewheel.check.few import few
from nativewheel.check.finding import Severity
from nativewheel.check.rule import Rule
from nativewheel.formats.defects import DefectKind
from nativewheel.linkage import runtimes
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel


class DebugRuntime(Rule):
    """NW401."""

    code = "NW401"
    name = "debug-runtime"
    summary = "An image asks for a debug runtime of Visual C++"
    explanation = """\
`vcruntime140d.dll`, `msvcp140d.dll`, `ucrtbased.dll` and their kin are on machines with Visual Studio only. Microsoft's licence does not allow to \
pass them on, so they cannot be vendored; elsewhere the import fails with "DLL load failed".

Source: Visual Studio licence, "Distributable Code Files"; Microsoft, "Preparing a test machine to run a debug executable"."""
    example = "pkg/_ext.pyd: asks for VCRUNTIME140D.dll, a debug runtime that only developers have"
    remedy = "Build for release (`/MD` in place of `/MDd`; CMAKE_BUILD_TYPE=Release, `--buildtype=release`), with libraries that are built so, too."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each dependency."""
        for member, name, others in alike((member, item.detail) for member, item in wheel.defects_of(DefectKind.DEBUG_RUNTIME)):
            message = f"asks for {name}, a debug runtime that only developers have{others}"
            yield self.found(wheel, message, fix="build it for release", member=member)


class FalseCertificate(Rule):
    """NW402."""

    code = "NW402"
    name = "false-certificate"
    severity = Severity.WARNING
    summary = "An Authenticode signature does not fit the file"
    explanation = """\
An image with an Authenticode signature that was edited afterwards, as repair tools edit DLLs when they rename their dependencies, has a signature \
for other bytes. Windows loads it all the same, but virus scanners and policies for trusted code (WDAC, AppLocker) treat it worse than an image \
without any signature.

The rule computes the hash anew. Whether the certificate is trusted, or has expired, is not asked.

Source: Microsoft, "Windows Authenticode Portable Executable Signature Format"."""
    example = "pkg.libs/foo-1a2b3c4d.dll: the Authenticode signature does not fit: its sha256 hash is not that of the file"
    remedy = """\
Sign the file again after the last edit, or take the signature away (`signtool remove /s`). `nativewheel repair` removes the signatures of what it \
changes and says so."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each image."""
        for (member, item), others in few(wheel.defects_of(DefectKind.FALSE_CERTIFICATE)):
            message = f"the Authenticode signature does not fit: {item.detail}{others}"
            yield self.found(wheel, message, fix="sign it after the last edit, or remove the signature", member=member)


class OldRuntime(Rule):
    """NW403."""

    code = "NW403"
    name = "old-runtime"
    severity = Severity.WARNING
    summary = "A runtime of Visual C++ in the wheel is older than what needs it"
    explanation = """\
A runtime of Visual C++ serves what a compiler of the same age or an older one has made, and nothing is promised for newer ones. It mattered with \
Visual C++ 14.40: programs made by it crash with an older `msvcp140.dll`, in the first lock of a mutex.

The rule compares the linker's version in the runtime with that in the images that ask for it, by tens (14.2x, 14.3x, 14.4x), because the last digit \
differs between a compiler and its own runtime.

Source: Microsoft, "C++ binary compatibility between Visual Studio versions"; "Changes in Visual C++ 14.40" (std::mutex)."""
    example = "pkg/_ext.pyd: made by Visual C++ 14.41, and msvcp140.dll in the wheel is of 14.29"
    remedy = """\
Take the runtime from the redistributable of the compiler that made the images (VC\\Redist\\MSVC in Visual Studio), with `nativewheel repair \
--lib-path`."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare what asks for a runtime with the copy in the wheel."""
        if wheel.graph is None:
            return
        found = ((Member(str(key)), item) for key, item in runtimes.outdated(wheel.archive, wheel.graph))
        for member, item, others in alike(found):
            message = f"made by Visual C++ {item.asking}, and {item.name} in the wheel is of {item.serving}{others}"
            yield self.found(wheel, message, fix="put a runtime into the wheel that is as new as the compiler", member=member)


class BoundImports(Rule):
    """NW404."""

    code = "NW404"
    name = "bound-imports"
    severity = Severity.WARNING
    summary = "An image has bound imports, or keeps Windows from looking for its DLLs everywhere"
    explanation = """\
Bound imports are addresses of other DLLs' functions as they were on the build host. They can never be right elsewhere; Windows passes over them, \
but tools that rename dependencies may leave them with the old names.

Dependent-load flags (`/DEPENDENTLOADFLAG`) tell the loader where to look for what the image imports, in place of what the process that loads it \
asks for. With 0x800 (System32 only), the DLLs of the wheel, in its own folder or in one that `os.add_dll_directory` names, are not found, unless \
something has loaded them before. Flags that name no folders (0x2000), and those by which CPython itself loads extension modules (0x1100), are no \
finding.

Source: Microsoft, "/DEPENDENTLOADFLAG"; bind(1) of the Windows SDK; PE format, "Bound import"."""
    example = "pkg.libs/foo.dll: has dependent-load flags (0x800), with which Windows looks for its DLLs in few folders only"
    remedy = "Link without `/DEPENDENTLOADFLAG` and do not bind. `nativewheel repair` takes both out of the images that it changes."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each image."""
        for member, item, others in alike(wheel.defects_of(DefectKind.BOUND_IMPORTS, DefectKind.LOAD_FLAGS)):
            if item.kind is DefectKind.BOUND_IMPORTS:
                yield self.found(wheel, f"has bound imports{others}", fix="do not bind it", member=member)
            if item.kind is DefectKind.LOAD_FLAGS:
                message = f"has dependent-load flags ({item.detail}), with which Windows looks for its DLLs in few folders only{others}"
                yield self.found(wheel, message, fix="link it without /DEPENDENTLOADFLAG", member=member)
