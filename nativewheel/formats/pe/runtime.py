"""Which C and C++ runtimes an image is linked with, told by the names of their DLLs.

Source: the DLLs that Visual C++ 7 to 14, Windows, MinGW-w64's GCC and llvm-mingw bring.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from nativewheel.formats.pe.names import folded

if TYPE_CHECKING:
    from nativewheel.formats.image import Image


class RuntimeKind(StrEnum):
    """Families of runtimes.  An image can have several: Visual C++ 14 has its own and the UCRT, MinGW has GCC's and one of the C runtimes."""

    MSVC = "msvc"
    """Visual C++'s, in its version for release."""
    MSVC_DEBUG = "msvc-debug"
    """Visual C++'s, in its version for debugging, which is on developers' machines only."""
    UCRT = "ucrt"
    """The C runtime that is part of Windows 10."""
    MSVCRT = "msvcrt"
    """The C runtime that has always been part of Windows; only MinGW links with it."""
    MINGW = "mingw"
    """GCC's or LLVM's, with the threads of MinGW-w64."""


_MSVC = re.compile(r"(?:msvcp|msvcr|vcruntime|vccorlib|concrt|mfcm?|atl|vcomp|vcamp)\d+u?(?P<debug>d?)(?:_[a-z0-9_]*?(?P<late>d?))?\.dll")
_UCRT = re.compile(r"ucrtbase\.dll|api-ms-win-crt-.*\.dll")
_MINGW = re.compile(r"lib(?:gcc_s|stdc\+\+|winpthread|gomp|gfortran|quadmath|ssp|atomic)[-_].*\.dll|lib(?:c\+\+|c\+\+abi|unwind|omp)\.dll")


def runtime_kind(name: str) -> RuntimeKind | None:
    """Return the runtime that a DLL is part of; None for a DLL that is no runtime."""
    key = folded(name)
    if found := _MSVC.fullmatch(key):
        # The letter follows the number (msvcp140d_atomic_wait) or ends the name (vcruntime140_1d).
        return RuntimeKind.MSVC_DEBUG if found["debug"] or found["late"] else RuntimeKind.MSVC
    if key in {"ucrtbased.dll", "msvcrtd.dll"}:
        return RuntimeKind.MSVC_DEBUG
    if _UCRT.fullmatch(key):
        return RuntimeKind.UCRT
    if key == "msvcrt.dll":
        return RuntimeKind.MSVCRT
    return RuntimeKind.MINGW if _MINGW.fullmatch(key) else None


def runtime_kinds(image: Image) -> frozenset[RuntimeKind]:
    """Return the runtimes that an image asks for itself; none for one whose runtime is linked into it."""
    return frozenset(found for dependency in image.dependencies if (found := runtime_kind(dependency.name)))
