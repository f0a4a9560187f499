"""The runtimes that images ask for."""

from __future__ import annotations

import pytest
from madepe import Pe

from nativewheel.formats.pe import reader
from nativewheel.formats.pe.runtime import RuntimeKind, runtime_kind, runtime_kinds

NAMES = {
    RuntimeKind.MSVC: "msvcp140.dll MSVCP140_1.dll msvcp140_atomic_wait.dll msvcp140_codecvt_ids.dll vcruntime140.dll VCRUNTIME140_1.dll "
    "vcruntime140_threads.dll concrt140.dll vccorlib140.dll vcomp140.dll mfc140u.dll mfcm140.dll msvcr71.dll msvcr100.dll msvcr110.dll msvcp100.dll",
    RuntimeKind.MSVC_DEBUG: "msvcp140d.dll msvcp140_1d.dll msvcp140d_atomic_wait.dll vcruntime140d.dll vcruntime140_1d.dll vcruntime140_threadsd.dll "
    "mfc140ud.dll concrt140d.dll msvcr100d.dll ucrtbased.dll MSVCRTD.dll",
    RuntimeKind.UCRT: "ucrtbase.dll api-ms-win-crt-runtime-l1-1-0.dll API-MS-WIN-CRT-heap-l1-1-0.dll",
    RuntimeKind.MSVCRT: "msvcrt.dll MSVCRT.DLL",
    RuntimeKind.MINGW: "libgcc_s_seh-1.dll libgcc_s_dw2-1.dll libstdc++-6.dll libwinpthread-1.dll "
    "libgfortran-5.dll libgomp-1.dll libc++.dll libunwind.dll",
    None: "kernel32.dll api-ms-win-core-file-l1-1-0.dll python312.dll msvcp.dll msvcrypt.dll libgcc.dll msvcp140-1a2b3c4d.dll "
    "libfoo.dll vcruntime140.pyd",
}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for kind, names in NAMES.items() for name in names.split()])
def test_runtime_of_a_name(name: str, kind: RuntimeKind | None) -> None:
    assert runtime_kind(name) is kind


def test_runtimes_of_an_image() -> None:
    def kinds(*names: str) -> frozenset[RuntimeKind]:
        return runtime_kinds(reader.read(Pe(imports=tuple((name, ("a",)) for name in names)).build(), "a.pyd"))

    assert kinds("KERNEL32.dll", "VCRUNTIME140.dll", "api-ms-win-crt-heap-l1-1-0.dll") == {RuntimeKind.MSVC, RuntimeKind.UCRT}
    assert kinds("libstdc++-6.dll", "msvcrt.dll") == {RuntimeKind.MINGW, RuntimeKind.MSVCRT}
    assert kinds("python312.dll") == frozenset()
