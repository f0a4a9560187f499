"""macOS wheels made of small images: how libraries are found, what becomes of them, and that the result runs without the build host."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest
from command import nativewheel, repair, vendored, without_hash
from machopython import Python
from machosamples import ARCHS, LINKERS
from macresults import check_by_apple_platform, check_layouts, image, images, load_everything, unpacked, unsigned
from macwheels import FOO, PADDING, edited, host, mac_wheel, sampled, user, with_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from machosamples import Samples

ZIG = [("zig", "arm64")]
MH_EXECUTE = 2


@pytest.fixture(params=ZIG, ids="-".join)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    linker, arch = request.param
    return sampled(linker, arch, tmp_path_factory)


def cpus(samples: Samples) -> tuple[str, ...]:
    return ARCHS if samples.arch == "universal2" else (samples.arch,)


def call(folder: Path, arch: str, module: str, function: str, *arguments: int) -> int:
    """Call a function of an unpacked wheel's module, with all of its images loaded."""
    python = Python(arch)
    return python.call(python.dlsym(load_everything(folder, python)[module], function), *arguments)


def warnings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize("samples", [(linker, arch) for linker in LINKERS for arch in (*ARCHS, "universal2")], ids="-".join, indirect=True)
def test_a_library_of_the_build_folder(samples: Samples, tmp_path: Path) -> None:
    libraries = host(tmp_path / "host", samples.foo())
    source = user(tmp_path, samples, rpaths=[libraries])
    before = unsigned(unpacked(source, tmp_path / "before"))
    output = repair(source, tmp_path / "out")
    shutil.rmtree(libraries)
    assert output.name == source.name
    (library,) = vendored(output)
    assert without_hash({library}) == {"user.libs/libfoo.dylib"}
    folder = unpacked(output, tmp_path / "unpacked")
    assert unsigned(folder) == (before | {library} if before else set())
    check_by_apple_platform(path for path in images(folder) if path.relative_to(folder).as_posix() not in unsigned(folder))
    check_layouts(images(folder))
    for arch in cpus(samples):
        module = image(folder / "user/_bar.so", arch)
        assert image(folder / library, arch).identity == f"@rpath/{library.rpartition('/')[2]}"
        assert [dylib.name for dylib in module.dylibs if "foo" in dylib.name] == [f"@loader_path/../{library}"]
        assert module.rpaths == []
        assert call(folder, arch, "user/_bar.so", "bar_version") == 1


@pytest.mark.parametrize("way", ["absolute name", "environment", "--lib-path", "--sysroot"])
def test_ways_to_find_a_library(way: str, samples: Samples, tmp_path: Path) -> None:
    """The right one comes before one that the search path has, and a sysroot stands before every absolute path."""
    right, wrong = host(tmp_path / "root/right", samples.foo(3)), host(tmp_path / "wrong", samples.foo(1))
    name = {"absolute name": right / "libfoo.dylib", "--sysroot": "/right/libfoo.dylib"}.get(way, FOO)
    options = {"--lib-path": ("--lib-path", right), "--sysroot": ("--sysroot", right.parent)}.get(way, ())
    env = {"DYLD_LIBRARY_PATH": f"/nowhere:{right}"} if way == "environment" else {}
    output = repair(user(tmp_path, samples, name=name, rpaths=[wrong]), tmp_path / "out", *options, env=env)
    assert call(unpacked(output, tmp_path / "unpacked"), "arm64", "user/_bar.so", "bar_version") == 3


@pytest.mark.parametrize("how", ["its place", "its search path", "the search path of what loads it"])
def test_a_library_of_a_library(how: str, samples: Samples, tmp_path: Path) -> None:
    first, second = host(tmp_path / "first"), host(tmp_path / "second", samples.foo(4))
    name = {"its place": "@loader_path/../second/libfoo.dylib"}.get(how, FOO)
    rpaths = ["@loader_path/../second"] if how == "its search path" else []
    edited(samples.mid(), first / "libmid.dylib", replace={FOO: name}, rpaths=rpaths)
    module = edited(samples.outer("mid", *PADDING), tmp_path / "build/_outer.so", rpaths=[first, second] if "loads" in how else [first])
    output = repair(mac_wheel(tmp_path / "dist", samples, {"user/_outer.so": module}), tmp_path / "out")
    assert without_hash(vendored(output)) == {"user.libs/libfoo.dylib", "user.libs/libmid.dylib"}
    folder = unpacked(output, tmp_path / "unpacked")
    shutil.rmtree(second)
    assert all(image(path, "arm64").rpaths == [] for path in images(folder))
    assert call(folder, "arm64", "user/_outer.so", "outer_version") == 104


@pytest.mark.parametrize("samples", [("zig", "arm64"), ("zig", "universal2")], ids="-".join, indirect=True)
def test_libraries_that_need_each_other(samples: Samples, tmp_path: Path) -> None:
    libraries = host(tmp_path / "host", *samples.ring())
    source = mac_wheel(tmp_path / "dist", samples, {"user/_ringer.so": samples.ringer()})
    output = repair(source, tmp_path / "out", "--lib-path", libraries)
    assert without_hash(vendored(output)) == {"user.libs/libleft.dylib", "user.libs/libright.dylib"}
    folder = unpacked(output, tmp_path / "unpacked")
    for arch in cpus(samples):
        assert [call(folder, arch, "user/_ringer.so", f"ringer_{name}") for name in ("left", "right")] == [21, 12]


def test_a_library_with_two_names_is_vendored_once(samples: Samples, tmp_path: Path) -> None:
    libraries = host(tmp_path / "host")
    shutil.copy(samples.foo(), libraries / "libfoo.1.2.dylib")
    modules = {}
    for name in ("libfoo.dylib", "libfoo.1.dylib"):
        (libraries / name).symlink_to("libfoo.1.2.dylib")
        folder = tmp_path / name
        modules[f"user/{name}/_bar.so"] = edited(samples.bar(*PADDING), folder / "_bar.so", replace={FOO: libraries / name})
    output = repair(mac_wheel(tmp_path / "dist", samples, modules), tmp_path / "out")
    assert without_hash(vendored(output)) == {"user.libs/libfoo.1.2.dylib"}
    python = Python("arm64")
    loaded = load_everything(unpacked(output, tmp_path / "unpacked"), python)
    assert [python.call(python.dlsym(loaded[member], "bar_count")) for member in modules] == [101, 102]


def test_libraries_in_the_wheel_stay_where_they_are(samples: Samples, tmp_path: Path) -> None:
    module = edited(samples.bar(*PADDING), tmp_path / "build/_bar.so", rpaths=["@loader_path/lib"])
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": module, "user/lib/libfoo.dylib": samples.foo(5)})
    output = repair(source, tmp_path / "out")
    assert output.read_bytes() == source.read_bytes()
    assert call(unpacked(output, tmp_path / "unpacked"), "arm64", "user/_bar.so", "bar_version") == 5


def test_search_paths_of_the_host_are_dropped(samples: Samples, tmp_path: Path) -> None:
    """An entry that leads into the wheel stays; dropping others is worth a warning even where nothing else changes."""
    rpaths = ["/Users/builder/lib", "@loader_path/lib", "@executable_path/../lib", "@loader_path/../../../elsewhere"]
    module = edited(samples.bar(*PADDING), tmp_path / "build/_bar.so", rpaths=rpaths)
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": module, "user/lib/libfoo.dylib": samples.foo()})
    done = nativewheel("repair", "-w", tmp_path / "out", source)
    (output,) = (tmp_path / "out").iterdir()
    assert image(unpacked(output, tmp_path / "unpacked") / "user/_bar.so", "arm64").rpaths == ["@loader_path/lib"]
    assert len(warnings(done.stderr)) == 3
    for warning, rpath in zip(warnings(done.stderr), (rpaths[0], *rpaths[2:]), strict=True):
        assert f"user/_bar.so: search path {rpath} dropped" in warning


@pytest.mark.parametrize("samples", [("opcodes", "arm64"), ("chains", "x86_64")], ids="-".join, indirect=True)
def test_a_library_that_may_be_missing(samples: Samples, tmp_path: Path) -> None:
    source = samples.bar(*PADDING, how=("-weak_library",))
    wheel = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": source})
    absent = unpacked(repair(wheel, tmp_path / "out"), tmp_path / "absent")
    assert [dylib.kind for dylib in image(absent / "user/_bar.so", samples.arch).dylibs if "foo" in dylib.name] == ["weak"]
    assert call(absent, samples.arch, "user/_bar.so", "bar_maybe") == -1
    present = repair(wheel, tmp_path / "more", "--lib-path", host(tmp_path / "host", samples.foo()))
    assert without_hash(vendored(present)) == {"user.libs/libfoo.dylib"}
    assert call(unpacked(present, tmp_path / "present"), samples.arch, "user/_bar.so", "bar_maybe") == 51


@pytest.mark.parametrize("glob", ["libfoo*", "@rpath/libfoo.dylib", "by path"])
def test_exclude(glob: str, samples: Samples, tmp_path: Path) -> None:
    libraries = host(tmp_path / "host", samples.foo())
    pattern = f"{libraries}/*" if glob == "by path" else glob
    output = repair(user(tmp_path, samples), tmp_path / "out", "--lib-path", libraries, "--exclude", pattern)
    assert not vendored(output)
    assert FOO in [dylib.name for dylib in image(unpacked(output, tmp_path / "unpacked") / "user/_bar.so", "arm64").dylibs]


@pytest.mark.parametrize("glob", ["libfoo.dylib", "*/libfoo.dylib"])
def test_allow_missing(glob: str, samples: Samples, tmp_path: Path) -> None:
    output = repair(user(tmp_path, samples), tmp_path / "out", "--allow-missing", glob)
    assert not vendored(output)
    assert FOO in [dylib.name for dylib in image(unpacked(output, tmp_path / "unpacked") / "user/_bar.so", "arm64").dylibs]


def test_no_mangle_keeps_the_name(samples: Samples, tmp_path: Path) -> None:
    output = repair(user(tmp_path, samples), tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()), "--no-mangle", "libfoo*")
    assert vendored(output) == {"user.libs/libfoo.dylib"}
    folder = unpacked(output, tmp_path / "unpacked")
    assert image(folder / "user.libs/libfoo.dylib", "arm64").identity == FOO
    assert call(folder, "arm64", "user/_bar.so", "bar_version") == 1


@pytest.mark.parametrize("option", ["-L", "--lib-sdir"])
def test_lib_sdir_names_the_folder(option: str, samples: Samples, tmp_path: Path) -> None:
    output = repair(user(tmp_path, samples), tmp_path / "out", "--lib-path", host(tmp_path / "host", samples.foo()), option, ".dylibs")
    assert without_hash(vendored(output, ".dylibs/")) == {"user.dylibs/libfoo.dylib"}
    assert call(unpacked(output, tmp_path / "unpacked"), "arm64", "user/_bar.so", "bar_version") == 1


def test_add_library(samples: Samples, tmp_path: Path) -> None:
    """A library that code opens by itself goes to its place under its own name, and what it needs to the others."""
    libraries = host(tmp_path / "host", samples.foo())
    edited(samples.mid(), libraries / "libmid.dylib", replace={FOO: "@loader_path/libfoo.dylib"})
    source = mac_wheel(tmp_path / "dist", samples, {"user/_outer.so": samples.outer()})
    output = repair(source, tmp_path / "out", "--exclude", "@rpath/libmid*", "--add-library", f"{libraries}/libmid.dylib=user/plugins")
    with zipfile.ZipFile(output) as archive:
        assert "user/plugins/libmid.dylib" in archive.namelist()
    assert without_hash(vendored(output)) == {"user.libs/libfoo.dylib"}
    folder, python = unpacked(output, tmp_path / "unpacked"), Python("arm64")
    library = python.dlopen(folder / "user/plugins/libmid.dylib")
    assert python.call(python.dlsym(library, "mid_version")) == 101


def test_a_lost_certificate_is_worth_a_warning(samples: Samples, tmp_path: Path) -> None:
    """Only for an image that changes."""
    signed = {}
    for name, sample in (("user/_bar.so", samples.bar(*PADDING)), ("user/libring.dylib", samples.ring()[0])):
        signed[name] = tmp_path / name.rpartition("/")[2]
        signed[name].write_bytes(with_certificate(sample.read_bytes()))
    libraries = host(tmp_path / "host", samples.foo(), samples.ring()[1])
    source = mac_wheel(tmp_path / "dist", samples, signed)
    done = nativewheel("repair", "-w", tmp_path / "out", "--exclude", "*right*", "--lib-path", libraries, source)
    (warning,) = warnings(done.stderr)
    assert "user/_bar.so" in warning
    assert "certificate" in warning
    folder = unpacked(next((tmp_path / "out").iterdir()), tmp_path / "unpacked")
    assert (folder / "user/libring.dylib").read_bytes() == signed["user/libring.dylib"].read_bytes()
    assert unsigned(folder) == set()


def test_any_number_of_jobs_gives_the_same_bytes(samples: Samples, tmp_path: Path) -> None:
    libraries = host(tmp_path / "host", samples.foo(), samples.mid(), *samples.ring())
    modules = {f"user/{path.name}": path for path in (samples.bar(*PADDING), samples.outer("mid", *PADDING), samples.ringer())}
    source = mac_wheel(tmp_path / "dist", samples, modules)
    outputs = [repair(source, tmp_path / str(jobs), "--jobs", jobs, "--lib-path", libraries) for jobs in (1, 2, 5)]
    assert len(vendored(outputs[0])) == 4
    assert len({hashlib.sha256(output.read_bytes()).digest() for output in outputs}) == 1


def test_json_tells_what_was_done(samples: Samples, tmp_path: Path) -> None:
    libraries = host(tmp_path / "host", samples.foo())
    source = user(tmp_path, samples, rpaths=[libraries])
    (told,) = json.loads(nativewheel("repair", "--format", "json", "-w", tmp_path / "out", source).stdout)["wheels"]
    assert {f"user.libs/{library['name']}" for library in told["vendored"]} == vendored(next((tmp_path / "out").iterdir()))
    assert [library["source"] for library in told["vendored"]] == ["libfoo.dylib"]
