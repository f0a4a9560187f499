"""What macOS wheels can hold, and where: files that look like images, images of other kinds, packages of any depth, programs."""

from __future__ import annotations

import shutil
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from command import nativewheel, repair, vendored, without_hash
from machofile import Dylib
from machopython import Python
from macresults import image, images, load_everything, unpacked
from macwheels import FOO, PADDING, edited, host, mac_wheel, sampled, stub, with_kind

if TYPE_CHECKING:
    from pathlib import Path

    from machosamples import Samples

MH_OBJECT, MH_EXECUTE, MH_DSYM = 1, 2, 10
ARCHIVE = b"!<arch>\nfoo.o/          0           0     0     644     4         `\nabcd"


@pytest.fixture(params=[("zig", "arm64")], ids="-".join)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    linker, arch = request.param
    return sampled(linker, arch, tmp_path_factory)


def of_kind(source: Path, kind: int) -> bytes:
    changed = bytearray(source.read_bytes())
    struct.pack_into("<I", changed, 12, kind)
    return bytes(changed)


def universal(content: bytes) -> bytes:
    """Join two copies of what is no image."""
    parts = ((0x01000007, 0x4000), (0x0100000C, 0x8000))
    header = struct.pack(">2I", 0xCAFEBABE, 2) + b"".join(struct.pack(">5I", cpu, 0, start, len(content), 14) for cpu, start in parts)
    return header.ljust(0x4000, b"\0") + content.ljust(0x4000, b"\0") + content


def test_other_files_are_left_alone_in_silence(samples: Samples, tmp_path: Path) -> None:
    """Debug information, object files and archives are no images that anything loads, and a Java class begins as a universal file does."""
    others = {
        "user/_bar.so.dSYM/Contents/Resources/DWARF/_bar.so": of_kind(samples.bar(*PADDING), MH_DSYM),
        "user/foo.o": of_kind(samples.foo(), MH_OBJECT),
        "user/Foo.class": b"\xca\xfe\xba\xbe\0\0\0\x34" + b"\0\x10" * 50,
        "user/libfoo.a": ARCHIVE,
        "user/libfat.a": universal(ARCHIVE),
    }
    paths = {"user/_bar.so": samples.bar(*PADDING)}
    for number, (name, content) in enumerate(others.items()):
        paths[name] = tmp_path / str(number)
        paths[name].write_bytes(content)
    source = mac_wheel(tmp_path / "dist", samples, paths)
    done = nativewheel("repair", "-w", tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()), source)
    assert done.stderr == ""
    with zipfile.ZipFile(tmp_path / "out" / source.name) as archive:
        assert {name: archive.read(name) for name in others} == others


def test_a_library_that_is_linked_with_python(samples: Samples, tmp_path: Path) -> None:
    """As Boost.Python is; it uses nothing of it here."""
    library = samples.link("libmid.dylib", "mid.c", "-DMID=mid", "-DLINKED", links=(stub(tmp_path, PYTHONS[0], "_Py_Initialize"), samples.foo()))
    assert Dylib(PYTHONS[0], "load") in image(library, "arm64").dylibs
    source = mac_wheel(tmp_path / "dist", samples, {"user/_outer.so": samples.outer("mid", *PADDING)})
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo(), library))
    assert without_hash(vendored(output)) == {"user.libs/libfoo.dylib", "user.libs/libmid.dylib"}
    python = Python("arm64")
    module = load_everything(unpacked(output, tmp_path / "unpacked"), python)["user/_outer.so"]
    assert python.call(python.dlsym(module, "outer_version")) == 101


def test_strip(samples: Samples, tmp_path: Path) -> None:
    libraries = host(tmp_path / "host", samples.foo())
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": samples.bar(*PADDING)})
    kept, stripped = (repair(source, tmp_path / f"out{len(more)}", "--lib-path", libraries, *more) for more in ((), ("--strip",)))
    folders = [unpacked(output, tmp_path / f"unpacked {output.parent.name}") for output in (kept, stripped)]
    sizes = [(path.name.partition("-")[0], path.stat().st_size) for folder in folders for path in images(folder)]
    assert sizes[0] > sizes[2]
    assert sizes[1] > sizes[3]
    python = Python("arm64")
    assert python.call(python.dlsym(load_everything(folders[1], python)["user/_bar.so"], "bar_version")) == 1


def test_every_folder_finds_the_libraries(samples: Samples, tmp_path: Path) -> None:
    """Top-level modules, deep packages, and what installers take out of the platlib folder."""
    members = ["_bar.so", "user/_bar.so", "user/a/b/c/_bar.so", "user-1.0.data/platlib/other/_bar.so"]
    source = mac_wheel(tmp_path / "dist", samples, dict.fromkeys(members, samples.bar(*PADDING)))
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo(2)))
    folder = unpacked(output, tmp_path / "unpacked")
    shutil.copytree(folder / "user-1.0.data/platlib", folder, dirs_exist_ok=True)
    shutil.rmtree(folder / "user-1.0.data")
    python = Python("arm64")
    loaded = load_everything(folder, python)
    modules = [image for name, image in loaded.items() if name.endswith("_bar.so")]
    assert len(modules) == len(members)
    assert [python.call(python.dlsym(module, "bar_count")) for module in modules] == [201, 202, 203, 204]


def test_a_library_that_is_asked_for_by_its_file_name_alone(samples: Samples, tmp_path: Path) -> None:
    """As those of Boost were for years."""
    module = edited(samples.bar(*PADDING), tmp_path / "build/_bar.so", replace={FOO: "libfoo.dylib"})
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": module})
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()))
    assert without_hash(vendored(output)) == {"user.libs/libfoo.dylib"}
    load_everything(unpacked(output, tmp_path / "unpacked"), Python("arm64"))


@pytest.mark.parametrize("samples", [("zig", "arm64"), ("chains", "x86_64")], ids="-".join, indirect=True)
@pytest.mark.parametrize("kind", ["reexport", "upward", "weak"])
def test_the_kind_of_a_dependency_stays(kind: str, samples: Samples, tmp_path: Path) -> None:
    module = tmp_path / "_bar.so"
    module.write_bytes(with_kind(samples.bar(*PADDING).read_bytes(), FOO, kind))
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": module})
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()))
    (library,) = vendored(output)
    folder, python = unpacked(output, tmp_path / "unpacked"), Python(samples.arch)
    assert Dylib(f"@loader_path/../{library}", kind) in image(folder / "user/_bar.so", samples.arch).dylibs
    assert python.call(python.dlsym(load_everything(folder, python)["user/_bar.so"], "bar_version")) == 1


@pytest.mark.parametrize("samples", [("opcodes", "arm64"), ("chains", "x86_64")], ids="-".join, indirect=True)
@pytest.mark.parametrize("option", ["-bundle", "-flat_namespace"])
def test_modules_of_other_linking(option: str, samples: Samples, tmp_path: Path) -> None:
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": samples.bar(*PADDING, option)})
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()))
    python = Python(samples.arch)
    module = load_everything(unpacked(output, tmp_path / "unpacked"), python)["user/_bar.so"]
    assert python.call(python.dlsym(module, "bar_add"), 1, 2) == 1003


PYTHONS = [
    "/Library/Frameworks/Python.framework/Versions/3.12/Python",
    "/Library/Frameworks/PythonT.framework/Versions/3.13/PythonT",  # without the GIL
    "@rpath/Python3.framework/Versions/3.9/Python3",  # Apple's
    "/opt/homebrew/opt/python@3.12/Frameworks/Python.framework/Versions/3.12/Python",
    "@rpath/libpython3.12.dylib",
    "/usr/local/lib/libpython3.13t.dylib",
]


@pytest.mark.parametrize("name", PYTHONS)
@pytest.mark.parametrize("samples", [("zig", "arm64"), ("opcodes", "x86_64"), ("chains", "arm64")], ids="-".join, indirect=True)
def test_a_module_that_is_linked_with_python(name: str, samples: Samples, tmp_path: Path) -> None:
    """A second Python must not be loaded beside the running one: the module takes the symbols of whatever Python runs it."""
    python_stub = stub(tmp_path, name, "_PyModule_Create2")
    module = samples.link("_bar.so", "bar.c", f"-DLINKED_WITH={PYTHONS.index(name)}", links=(python_stub, samples.foo()), options=PADDING)
    assert Dylib(name, "load") in image(module, samples.arch).dylibs
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": module})
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()))
    assert without_hash(vendored(output)) == {"user.libs/libfoo.dylib"}
    path = unpacked(output, tmp_path / "unpacked") / "user/_bar.so"
    found = image(path, samples.arch)
    assert Dylib(name, "load") not in found.dylibs
    assert [dylib.kind for dylib in found.dylibs if "ython" in dylib.name] == ["weak"]
    assert {bind.ordinal for bind in found.fixups.binds if bind.name == "_PyModule_Create2"} == {-2}
    Python(samples.arch).import_module(path)


@pytest.mark.parametrize("samples", [("opcodes", "x86_64"), ("chains", "arm64")], ids="-".join, indirect=True)
def test_a_program_in_the_scripts_folder(samples: Samples, tmp_path: Path) -> None:
    """It moves to where it has a fixed path to its libraries, and a script that starts it takes its place."""
    program = samples.link("prog", "prog.c", links=(samples.foo(),), options=("-execute", *PADDING))
    assert image(program, samples.arch).filetype == MH_EXECUTE
    script = "user-1.0.data/scripts/prog"
    source = mac_wheel(tmp_path / "dist", samples, {script: program}, modes={script: 0o755})
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()))
    assert without_hash(vendored(output)) >= {"user.libs/libfoo.dylib"}
    folder = unpacked(output, tmp_path / "unpacked")
    (moved,) = (path for path in images(folder) if image(path, samples.arch).filetype == MH_EXECUTE)
    member = moved.relative_to(folder).as_posix()
    assert member != script
    assert (folder / script).read_bytes().startswith(b"#!python")
    assert member in (folder / script).read_text()
    with zipfile.ZipFile(output) as archive:
        assert {archive.getinfo(name).external_attr >> 16 & 0o777 for name in (script, member)} == {0o755}
    python = Python(samples.arch)
    assert python.call(python.dlsym(python.dlopen(moved), "main")) == 1003
