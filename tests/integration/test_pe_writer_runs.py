"""Edited images run: a program, a library that forwards to another one, and that one, with room for names found in each of the possible ways."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from pesamples import FIXTURE_SOURCES, MINGW, ZIG, ZIG_OPTIONS
from wine import Wine, wine

from nativewheel.formats.image import Edit, Identity
from nativewheel.formats.pe import backend, writer
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.structure import structure_problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINKERS = ("zig", "mingw") if shutil.which(f"{MINGW}-gcc") else ("zig",)
CORE = "__declspec(dllexport) int core_add(int a, int b) { return a + b; }\n__declspec(dllexport) int core_data = 30;\n"
FRONT = "__declspec(dllexport) int front_own(void) { return 3; }\n"
PROGRAM = """
__declspec(dllimport) int front_own(void);
__declspec(dllimport) int front_add(int, int);
__declspec(dllimport) int core_add(int, int);
extern __declspec(dllimport) int core_data;
__declspec(dllimport) __attribute__((noreturn)) void ExitProcess(unsigned);
void start(void) { ExitProcess(front_own() + front_add(4, 2) + core_add(1, core_data)); }
"""
RESULT = 3 + 6 + 31
RENAMES = Edit(
    replace=((Identity("core.dll"), Identity("nw_core__core-1.2-with-dots-in-its-name.dll")), (Identity("front.dll"), Identity("front-1.2.3.dll")))
)


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"


def library(folder: Path, linker: str, name: str, source: str, *exports: str) -> Path:
    path, definition = folder / f"{name}.dll", folder / f"{name}.def"
    (folder / f"{name}.c").write_text(source)
    definition.write_text("\n".join(("EXPORTS", *exports, "")))
    if linker == "mingw":
        run(f"{MINGW}-gcc", "-shared", "-o", path, folder / f"{name}.c", definition, f"-Wl,--out-implib,{path.with_suffix('.lib')}")
        return path
    for code in (folder / f"{name}.c", FIXTURE_SOURCES / "dllmain.c"):
        run(*ZIG, "cc", *ZIG_OPTIONS, "-I", FIXTURE_SOURCES, "-c", "-o", folder / f"{code.stem}.o", code)
    kernel = system(folder, "DisableThreadLibraryCalls")
    objects = (folder / f"{name}.o", folder / "dllmain.o", kernel)
    run(*ZIG, "lld-link", "/dll", "/entry:DllMainCRTStartup", f"/out:{path}", f"/implib:{path.with_suffix('.lib')}", f"/def:{definition}", *objects)
    return path


def system(folder: Path, *names: str) -> Path:
    path, definition = folder / "kernel32.lib", folder / "kernel32.def"
    definition.write_text("\n".join(("LIBRARY kernel32.dll", "EXPORTS", *names, "")))
    run(*ZIG, "dlltool", "-m", "i386:x86-64", "-d", definition, "-l", path)
    return path


@pytest.fixture(scope="module", params=LINKERS)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The program, the library that it asks for, and the one that both ask for."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    core = library(folder, request.param, "core", CORE, "core_add", "core_data DATA")
    front = library(folder, request.param, "front", FRONT, "front_own", "front_add = core.core_add")
    (folder / "program.c").write_text(PROGRAM)
    run(*ZIG, "cc", *ZIG_OPTIONS, "-c", "-o", folder / "program.o", folder / "program.c")
    libraries = (core.with_suffix(".lib"), front.with_suffix(".lib"), system(folder, "ExitProcess"))
    program = folder / "program.exe"
    run(*ZIG, "lld-link", "/subsystem:console", "/entry:start", f"/out:{program}", folder / "program.o", *libraries)
    return program, front, core


def as_linked(data: bytes) -> bytes:
    return data


def without_slack(data: bytes) -> bytes:
    """Fill what is unused at the ends of the sections."""
    result = bytearray(data)
    with opened(data) as pe:
        for section in pe.sections:
            start, end = section.raw_offset + section.virtual_size, section.raw_offset + section.raw_size
            result[start:end] = b"!" * max(end - start, 0)
    return bytes(result)


def with_flush_headers(data: bytes) -> bytes:
    """Move the headers so that those of the sections end where the first section begins in the file; fill the unused ends of sections too."""
    filled = without_slack(data)
    with opened(data) as pe:
        start, end = pe.coff_header - 4, pe.section_table + 40 * len(pe.sections)
        move = pe.size_of_headers - end
        assert min(section.raw_offset for section in pe.sections if section.raw_size) == pe.size_of_headers
        assert move % 8 == 0
    headers = filled[:start] + bytes(move) + filled[start:end]
    return headers[:60] + (start + move).to_bytes(4, "little") + headers[64:] + filled[len(headers) :]


@pytest.mark.parametrize("prepare", [as_linked, without_slack, with_flush_headers])
def test_renamed_images_run(samples: tuple[Path, ...], prepare: Callable[[bytes], bytes], request: pytest.FixtureRequest, tmp_path: Path) -> None:
    machine = wine(request)
    built = [path.read_bytes() for path in samples]
    assert start(machine, tmp_path / "built", samples, {path.name: prepare(data) for path, data in zip(samples, built, strict=True)}) == RESULT
    edited = rename(writer.apply, samples, prepare, tmp_path)
    with opened(prepare(built[0])) as before, opened(edited[samples[0].name]) as after:
        assert len(after.sections) - len(before.sections) == (prepare is not as_linked)
        assert (after.size_of_headers > before.size_of_headers) == (prepare is with_flush_headers)
    assert start(machine, tmp_path / "edited", samples, edited) == RESULT


def test_images_that_the_other_backend_renamed_run(samples: tuple[Path, ...], request: pytest.FixtureRequest, tmp_path: Path) -> None:
    pytest.importorskip("machomachomangler", reason="machomachomangler is not installed")
    if any(has_symbols(path.read_bytes()) for path in samples[:1]):
        pytest.skip("machomachomangler takes no symbols behind the sections")
    machine = wine(request)
    edited = rename(backend.apply, samples[:1], as_linked, tmp_path) | rename(writer.apply, samples[1:], as_linked, tmp_path)
    assert start(machine, tmp_path / "edited", samples, edited) == RESULT


def rename(
    apply: Callable[[Path, Edit, Path], object], samples: tuple[Path, ...], prepare: Callable[[bytes], bytes], folder: Path
) -> dict[str, bytes]:
    """Return the files by their new names."""
    new = dict(RENAMES.replace)
    edited: dict[str, bytes] = {}
    for path in samples:
        source, destination = folder / path.name, folder / "result"
        source.write_bytes(prepare(path.read_bytes()))
        name = new.get(Identity(path.name), Identity(path.name))
        identity = name if name != path.name else None
        apply(source, Edit(identity=identity, replace=RENAMES.replace), destination)
        edited[name] = destination.read_bytes()
        with opened(edited[name]) as pe:
            assert list(structure_problems(pe)) == []
    return edited


def has_symbols(data: bytes) -> bool:
    with opened(data) as pe:
        return bool(pe.symbol_table)


def start(machine: Wine, folder: Path, samples: tuple[Path, ...], files: dict[str, bytes]) -> int:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return machine.run(folder / samples[0].name).returncode
