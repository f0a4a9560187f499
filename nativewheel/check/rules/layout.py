"""NW105, NW107 and NW108: images where a wheel must have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.few import few
from nativewheel.check.rule import Rule
from nativewheel.formats.image import Kind
from nativewheel.linkage.contents import WheelImage
from nativewheel.wheel.layout import Scheme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel


class ImagesUnderPureTag(Rule):
    """NW105."""

    code = "NW105"
    name = "images-under-pure-tag"
    summary = "A wheel for any platform has native files for one"
    explanation = """\
A wheel with the platform tag `any` is installed everywhere. When it has an extension module, or libraries for one system and one processor only, it \
works on that system at best, and installers on all others take it instead of a wheel or an sdist that would work.

Programs and libraries for several systems side by side are no finding: such wheels choose among them when they run, as the launchers of setuptools \
and the helpers of debugpy do.

Source: platform compatibility tags; binary distribution format, "Root-Is-Purelib"."""
    example = "pkg/_ext.cpython-311-x86_64-linux-gnu.so: made for linux x86_64, and the wheel is for any platform"
    remedy = """\
Have the build backend give the wheel a platform tag (with setuptools: declare an extension, or a Distribution whose has_ext_modules() is true), or \
let `nativewheel repair` find the right one for a Linux wheel."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look for what can only be for one platform."""
        if set(wheel.name.platforms) != {"any"}:
            return
        images = [image for image in wheel.read_images.values() if isinstance(image, WheelImage)]
        one = len({(image.image.format, image.image.archs) for image in images}) == 1
        tied = [image for image in images if image.image.kind is Kind.EXTENSION or (one and _is_part(wheel, image))]
        for image, others in few(tied):
            made = f"{image.image.format} {' and '.join(image.image.archs)}"
            message = f"made for one platform ({made}), and the wheel is for any{others}"
            yield self.found(wheel, message, fix="give the wheel the platform tag of what it holds", member=image.member)


class LibraryInData(Rule):
    """NW107."""

    code = "NW107"
    name = "library-in-data"
    summary = "A library lies in the .data/data folder"
    explanation = """\
What is in `<name>-<version>.data/data` goes to the prefix of the environment (sys.prefix), not into site-packages. Where that is differs between \
virtual environments, user installations, `pip install --target` and Debian's Python; no image of a package can say by a relative path where such a \
library is, and editable installations do not put it anywhere.

Known from the wheels of MKL and TBB, whose users find the libraries by code that guesses.

Source: binary distribution format, "The .data directory"; sysconfig, "Installation paths"."""
    example = "mkl-2024.0.data/data/lib/libmkl_rt.so.2: goes to the prefix of the environment, where no image can refer to it"
    remedy = "Put the library into a folder of the package. `nativewheel repair` refuses to export or vendor libraries from `.data/data`."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look at where images go."""
        images = (image for image in wheel.read_images.values() if isinstance(image, WheelImage) and image.image.kind is not Kind.PROGRAM)
        for image, others in few([image for image in images if wheel.archive.scheme(image.member) is Scheme.DATA]):
            message = f"goes to the prefix of the environment, where no image can refer to it{others}"
            yield self.found(wheel, message, fix="put it into a folder of the package", member=image.member)


class ImagesUnderPurelib(Rule):
    """NW108."""

    code = "NW108"
    name = "images-under-purelib"
    summary = "A wheel with native files says Root-Is-Purelib: true"
    explanation = """\
With `Root-Is-Purelib: true` in WHEEL, installers put the wheel into purelib, which is for code that runs everywhere. On Fedora, RHEL and others, \
purelib is /usr/lib/python3.x/site-packages and platlib another folder below /usr/lib64; native files in the former can belong to the wrong \
architecture, and a package whose wheels disagree about it is torn apart.

Known from nvidia-cuda-runtime.

Source: binary distribution format, "File contents"; Fedora packaging guidelines, "Python"."""
    example = "nvidia/cuda_runtime/lib/libcudart.so.12: goes to purelib, because WHEEL says Root-Is-Purelib: true"
    remedy = """\
Have the build backend write `Root-Is-Purelib: false`: with setuptools, by a Distribution whose has_ext_modules() is true. `nativewheel repair` does \
it for every wheel that it changes."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare WHEEL with what the wheel holds; a wheel for any platform has another finding."""
        pure = (wheel.wheel_file.first("Root-Is-Purelib") or "").lower() == "true"
        if not pure or set(wheel.name.platforms) == {"any"}:
            return
        inside = [image for image in wheel.contents.images if wheel.archive.scheme(image.member) in {Scheme.ROOT, Scheme.PURELIB}]
        for image, others in few(inside, most=1):
            message = f"goes to purelib, because WHEEL says Root-Is-Purelib: true{others}"
            yield self.found(wheel, message, fix="have the build backend write Root-Is-Purelib: false", member=image.member)


def _is_part(wheel: CheckedWheel, image: WheelImage) -> bool:
    """Whether the wheel cannot do without the image: a library, or a program that is installed as a command."""
    return image.image.kind is Kind.LIBRARY or wheel.archive.scheme(image.member) is Scheme.SCRIPTS
