"""Combinations: libraries between wheels and host, unique symbols inside one wheel, sets of new and old wheels, odd places and names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import dynamic, nativewheel
from cpythons import everywhere, good, run
from sharedwheels import (
    LIBRARY,
    MODULE,
    NT_ADD,
    config,
    core_link,
    core_wheel,
    export,
    library,
    module,
    needs_linux,
    repaired,
    requirements_of,
    unpacked,
    user_wheel,
    uv,
)
from smallwheels import wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [needs_linux, pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf program")]
SHAPES = """
#include <stdexcept>
#include <string>
#include <vector>
struct Shape { virtual ~Shape(); virtual int area() const = 0; };
struct Oops : std::runtime_error { using std::runtime_error::runtime_error; ~Oops() override; };
extern int shapes;
std::vector<std::string> areas(const Shape &);
void fail();
inline int count() { static int number = 0; return ++number; }
"""
SHAPE_LIBRARY = """
#include "shapes.hpp"
#include <cstdlib>
int shapes = 3;
Shape::~Shape() {}
Oops::~Oops() {}
std::vector<std::string> areas(const Shape &shape) { count(); return {std::to_string(shape.area())}; }
void fail() { if (std::getenv("NO_FAILURE")) return; throw Oops("as asked"); }
"""
SHAPE_USER = """
#include "shapes.hpp"
#include <cstdlib>
struct Square : Shape { int area() const override { return std::getenv("BIG") ? 16 : 9; } };
extern "C" int used() {
    int result = 0;
    try { fail(); } catch (const Oops &) { result += 1; }
    try { fail(); } catch (const std::exception &) { result += 10; }
    Square square;
    Shape *shape = &square;
    if (dynamic_cast<Square *>(shape) && areas(square)[0] == "9") result += 100;
    return result + 1000 * ++shapes + 10000 * count();
}
"""
UNIQUE = "libnw_ntcore__ntcore.so.1"
LOOSE = "-Wl,--allow-shlib-undefined"


def installed(outputs: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    return {name: unpacked(path, folder / "site" / name) for name, path in outputs.items()}


def value(code: str, folders: Mapping[str, Path]) -> str:
    return good(run(sys.executable, code, *folders.values()))


@pytest.mark.parametrize("unique", [False, True])
def test_a_library_of_the_host_stands_between(tmp_path: Path, *, unique: bool) -> None:
    middle = library(tmp_path / "host", "libmiddle.so.1", f"{NT_ADD} int middle(void) {{ return nt_add(20, 1); }}", core_link(tmp_path))
    image = module(tmp_path / "build", "_ext", "int middle(void);", {"value": "middle()"}, middle, LOOSE)
    user = wheel(tmp_path, MODULE, {"one/__init__.py": b"from ._ext import value\n", "one/_ext.abi3.so": image}, name="one")
    outputs = repaired([core_wheel(tmp_path), user], tmp_path / "out", export("ntcore", uniquify=unique), options=["--lib-path", middle.parent])
    folders = installed(outputs, tmp_path)
    (copy,) = (folders["one"] / "one.libs").iterdir()
    assert UNIQUE in dynamic(copy)["NEEDED"]
    assert requirements_of(outputs["one"]) == ["ntcore==1.*,>=1.2.7"]
    assert value("import one; print(one.value())", folders) == "21"


def test_an_exported_library_needs_one_of_the_host(tmp_path: Path) -> None:
    lower = library(tmp_path / "host", "liblower.so.1", "int lower(void) { return 30; }")
    upper = library(tmp_path / "build", "libabove.so.1", "int lower(void); int above(void) { return lower() + 1; }", lower)
    image = module(tmp_path / "build", "_ext", "int above(void);", {"value": "above()"}, upper, LOOSE)
    wheels = [
        wheel(tmp_path, LIBRARY, {"many/lib/libabove.so.1": upper.read_bytes()}, name="many"),
        wheel(tmp_path, MODULE, {"one/__init__.py": b"from ._ext import value\n", "one/_ext.abi3.so": image}, name="one"),
    ]
    folders = installed(repaired(wheels, tmp_path / "out", export("many"), options=["--lib-path", lower.parent]), tmp_path)
    assert len(list((folders["many"] / "many.libs").iterdir())) == 1
    assert not (folders["one"] / "one.libs").exists()
    assert value("import one; print(one.value())", folders) == "31"


@pytest.mark.parametrize("unique", [False, True])
def test_a_library_of_the_host_needs_one_that_the_wheel_exports(tmp_path: Path, *, unique: bool) -> None:
    """As when libcrypto lies in the wheel, and libssl on the host."""
    lower = library(tmp_path / "build", "liblower.so.1", "int lower(void) { return 40; }")
    upper = library(tmp_path / "host", "libabove.so.1", "int lower(void); int above(void) { return lower() + 1; }", lower)
    image = module(tmp_path / "build", "_ext", "int above(void);", {"value": "above()"}, upper, LOOSE)
    files = {"many/__init__.py": b"from ._ext import value\n", "many/_ext.abi3.so": image, "many/lib/liblower.so.1": lower.read_bytes()}
    source = wheel(tmp_path, MODULE, files, name="many")
    folders = installed(repaired([source], tmp_path / "out", export("many", uniquify=unique), options=["--lib-path", upper.parent]), tmp_path)
    (copy,) = (folders["many"] / "many.libs").iterdir()
    assert "libnw_many__lower.so.1" in dynamic(copy)["NEEDED"]
    assert value("import many; print(many.value())", folders) == "41"


@pytest.mark.parametrize("versioned", [False, True])
def test_unique_symbols_inside_the_provider(tmp_path: Path, *, versioned: bool) -> None:
    """Another exported library, an extension module beside it and a consumer all follow; data symbols too."""
    script = tmp_path / "symbols.map"
    script.write_text("VER_1 { global: low_*; };")
    flags = [f"-Wl,--version-script={script}"] if versioned else []
    low = library(tmp_path / "build", "liblow.so.1", "int low_data = 7; int low_call(void) { return low_data; }", *flags)
    high_code = "extern int low_data; int low_call(void); int high_call(void) { return 10 * low_call() + low_data; }"
    high = library(tmp_path / "build", "libhigh.so.1", high_code, low)
    declared = "extern int low_data; int low_call(void); int high_call(void);"
    inner = module(tmp_path / "inner", "_ext", declared, {"value": "high_call() + low_data"}, high, low, LOOSE)
    outer = module(tmp_path / "outer", "_ext", declared, {"value": "high_call() + low_call() + low_data"}, high, low, LOOSE)
    init = b"from ._ext import value\n"
    provider = {
        "many/__init__.py": init,
        "many/_ext.abi3.so": inner,
        "many/lib/liblow.so.1": low.read_bytes(),
        "many/lib/libhigh.so.1": high.read_bytes(),
    }
    wheels = [
        wheel(tmp_path, MODULE, provider, name="many"),
        wheel(tmp_path, MODULE, {"one/__init__.py": init, "one/_ext.abi3.so": outer}, name="one"),
    ]
    folders = installed(repaired(wheels, tmp_path / "out", export("many", uniquify=True)), tmp_path)
    intruder = library(
        tmp_path / "intruder", "libintruder.so", "int low_data = 99; int low_call(void) { return 99; } int high_call(void) { return 99; }"
    )
    code = "import many, one; print(many.value(), one.value())"
    assert value(code, folders) == "84 91"
    assert good(run(sys.executable, code, *folders.values(), env={"LD_PRELOAD": str(intruder)})) == "84 91"


def test_new_consumers_and_old_providers_in_one_set(tmp_path: Path) -> None:
    old = repaired([core_wheel(tmp_path)], tmp_path / "old", export("ntcore"))["ntcore"]
    for index, options in enumerate(([], ["--provider", old])):
        outputs = repaired([user_wheel(tmp_path), old], tmp_path / f"out{index}", export("ntcore"), options=options)
        assert outputs["ntcore"].read_bytes() == old.read_bytes()
        assert requirements_of(outputs["ntuser"]) == ["ntcore==1.*,>=1.2.7"]
        assert value("import ntuser; print(ntuser.five())", installed(outputs, tmp_path / str(index))) == "5"


def test_several_versions_of_the_provider_are_given(tmp_path: Path) -> None:
    for version in ("1.2.7", "1.3.0"):
        repaired([core_wheel(tmp_path, version)], tmp_path / version, export("ntcore"))
    options = [item for version in ("1.2.7", "1.3.0") for item in ("--provider", tmp_path / version)]
    source = user_wheel(tmp_path)
    done = nativewheel("repair", "-w", tmp_path / "none", *options, source, status=5)
    assert "ntcore-1.2.7" in done.stderr
    assert "ntcore-1.3.0" in done.stderr
    assert "built-against" in done.stderr
    for version in ("1.2.7", "1.3.0"):
        naming = f'[tool.nativewheel.providers]\n"libntcore.so.1" = {{ dist = "ntcore", built-against = "{version}" }}'
        output = repaired([source], tmp_path / f"out-{version}", naming, options=options)["ntuser"]
        assert requirements_of(output) == [f"ntcore==1.*,>={version}"]


def test_a_system_library_is_the_systems_unless_named(tmp_path: Path) -> None:
    zlib = library(tmp_path / "lib", "libz.so.1", "int zlibVersion(void) { return 17; }")
    image = module(tmp_path / "build", "_ext", "int zlibVersion(void);", {"value": "zlibVersion()"}, zlib, LOOSE)
    wheels = [
        wheel(tmp_path, LIBRARY, {"ownz/lib/libz.so.1": zlib.read_bytes()}, name="ownz"),
        wheel(tmp_path, MODULE, {"one/__init__.py": b"from ._ext import value\n", "one/_ext.abi3.so": image}, name="one"),
    ]
    system = repaired(wheels, tmp_path / "system", export("ownz"))
    assert requirements_of(system["one"]) == []
    named = repaired(wheels, tmp_path / "named", export("ownz"), '[tool.nativewheel.providers]\n"libz.so.1" = "ownz"')
    assert requirements_of(named["one"]) == ["ownz==1.*,>=1.0"]
    assert value("import zlib, one; print(one.value(), zlib.crc32(b''))", installed(named, tmp_path)) == "17 0"


def test_a_package_that_opens_its_library_itself(tmp_path: Path) -> None:
    plug = library(tmp_path / "build", "libplug.so", f"{NT_ADD} int plug(void) {{ return nt_add(1, 1); }}", core_link(tmp_path))
    init = b"import ctypes, os\nvalue = ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'libplug.so')).plug\n"
    user = wheel(tmp_path, LIBRARY, {"one/__init__.py": init, "one/libplug.so": plug.read_bytes()}, name="one")
    folders = installed(repaired([core_wheel(tmp_path), user], tmp_path / "out", export("ntcore")), tmp_path)
    assert value("import one; print(one.value())", folders) == "2"


def test_a_library_in_a_namespace_package_that_nothing_imports(tmp_path: Path) -> None:
    plug = library(tmp_path / "build", "libplug.so", f"{NT_ADD} int plug(void) {{ return nt_add(1, 1); }}", core_link(tmp_path))
    user = wheel(tmp_path, LIBRARY, {"space/libplug.so": plug.read_bytes(), "space/code.py": b"x = 1\n"}, name="one")
    done = nativewheel("repair", "-w", tmp_path / "out", "--config", config(tmp_path, export("ntcore")), core_wheel(tmp_path), user)
    assert "space/libplug.so" in done.stderr
    assert "nw_one" in done.stderr


def test_the_folder_for_platlib(tmp_path: Path) -> None:
    lib = core_link(tmp_path)
    image = module(tmp_path / "build", "_ext", NT_ADD, {"value": "nt_add(2, 2)"}, lib)
    top = module(tmp_path / "build", "toplevel", NT_ADD, {"value": "nt_add(2, 3)"}, lib)
    data = "one-1.0.data/platlib"
    files = {f"{data}/one/__init__.py": b"from ._ext import value\n", f"{data}/one/_ext.abi3.so": image, f"{data}/toplevel.abi3.so": top}
    core = wheel(tmp_path, LIBRARY, {"ntcore-1.0.data/platlib/ntcore/lib/libntcore.so.1": lib.read_bytes()}, name="ntcore")
    outputs = repaired([core, wheel(tmp_path, MODULE, files, name="one")], tmp_path / "out", export("ntcore"))
    for path in outputs.values():
        uv("pip", "install", "-q", "--no-deps", "--no-index", "--python", sys.executable, "--target", tmp_path / "site", path)
    assert good(run(sys.executable, "import one, toplevel; print(one.value(), toplevel.value())", tmp_path / "site")) == "4 5"


def test_names_that_are_not_normal(tmp_path: Path) -> None:
    lib = core_link(tmp_path)
    image = module(tmp_path / "build", "_ext", NT_ADD, {"value": "nt_add(2, 2)"}, lib)
    wheels = [
        wheel(tmp_path, LIBRARY, {"pkg/lib/libntcore.so.1": lib.read_bytes()}, name="Nt.Core_Lib"),
        wheel(tmp_path, MODULE, {"one/__init__.py": b"from ._ext import value\n", "one/_ext.abi3.so": image}, name="One.Two"),
    ]
    rule = export("pkg").replace('distribution = "pkg"', 'distribution = "NT-core.lib"')
    outputs = repaired(wheels, tmp_path / "out", rule)
    assert requirements_of(outputs["One.Two"]) == ["nt-core-lib==1.*,>=1.0"]
    folders = installed(outputs, tmp_path)
    assert "libnw_nt_core_lib__ntcore.so.1" in dynamic(folders["One.Two"] / "one/_ext.abi3.so")["NEEDED"]
    assert (folders["One.Two"] / "nw_one_two/__init__.py").is_file()
    assert value("import one; print(one.value())", folders) == "4"


def test_several_packages_and_modules_in_one_wheel(tmp_path: Path) -> None:
    lib = core_link(tmp_path)
    files = {}
    for index, place in enumerate(("alone", "first/_ext", "second/part/_ext", "space/inner")):
        name = place.rpartition("/")[2]
        files[f"{place}.abi3.so"] = module(tmp_path / f"build{index}", name, NT_ADD, {"value": f"nt_add({index}, 1)"}, lib)
    files |= {"first/__init__.py": b"", "second/__init__.py": b"", "second/part/__init__.py": b""}
    outputs = repaired([core_wheel(tmp_path), wheel(tmp_path, MODULE, files, name="one")], tmp_path / "out", export("ntcore"))
    folders = installed(outputs, tmp_path)
    imports = ("alone", "first._ext", "second.part._ext", "space.inner")
    for name in imports:
        assert value(f"import {name}; print({name}.value())", folders) == str(imports.index(name) + 1)
    assert (folders["one"] / "second/part/__init__.py").read_bytes() == b""


def test_two_ranges_of_one_provider(tmp_path: Path) -> None:
    wide = library(tmp_path / "build", "libwide.so.1", "int wide(void) { return 1; }")
    strict = library(tmp_path / "build", "libstrict.so.1", "int strict(void) { return 2; }")
    provider = wheel(tmp_path, LIBRARY, {f"many/{path.name}": path.read_bytes() for path in (wide, strict)}, name="many", version="1.4.2")
    rules = [
        f'[[tool.nativewheel.export]]\nlibrary = ["many/lib{name}.so*"]\nrequires = "{template}"'
        for name, template in (("wide", ">={version}"), ("strict", "=={version}"))
    ]
    wheels = [provider]
    for name, libraries in (("a", [wide]), ("b", [strict]), ("c", [wide, strict])):
        calls = " + ".join(f"{path.name[3:].partition('.')[0]}()" for path in libraries)
        image = module(tmp_path / f"build-{name}", "_ext", "int wide(void); int strict(void);", {"value": calls}, *libraries)
        wheels.append(wheel(tmp_path, MODULE, {f"{name}/__init__.py": b"from ._ext import value\n", f"{name}/_ext.abi3.so": image}, name=name))
    outputs = repaired(wheels, tmp_path / "out", *rules)
    found = {name: requirements_of(outputs[name]) for name in "abc"}
    assert found["a"] == ["many>=1.4.2"]
    assert found["b"] == ["many==1.4.2"]
    assert "many==1.4.2" in found["c"]
    assert value("import a, b, c; print(a.value(), b.value(), c.value())", installed(outputs, tmp_path)) == "1 2 3"


def test_options_instead_of_a_configuration(tmp_path: Path) -> None:
    options = ["--export", "ntcore/lib/*", "--export-requires", "~={version}", "--uniquify-symbols"]
    outputs = repaired([core_wheel(tmp_path), user_wheel(tmp_path)], tmp_path / "out", options=options)
    assert requirements_of(outputs["ntuser"]) == ["ntcore~=1.2.7"]
    assert value("import ntuser; print(ntuser.five())", installed(outputs, tmp_path)) == "5"


@pytest.mark.parametrize("unique", [False, True])
def test_cplusplus(tmp_path: Path, *, unique: bool) -> None:
    """Exceptions, virtual functions, data and the static variables of inline functions cross from one wheel to the other."""
    gxx = shutil.which("g++")
    if gxx is None:
        pytest.skip("no g++ program")
    (tmp_path / "shapes.hpp").write_text(SHAPES)
    images = {}
    for name, code, needed in (("libshapes.so.1", SHAPE_LIBRARY, []), ("libuse.so", SHAPE_USER, ["./libshapes.so.1"])):
        (tmp_path / f"{name}.cpp").write_text(code)
        command = [gxx, "-shared", "-fPIC", "-O1", f"-Wl,-soname,{name}", "-o", name, f"{name}.cpp", *needed]
        subprocess.run(command, cwd=tmp_path, check=True)
        images[name] = (tmp_path / name).read_bytes()
    init = b"import ctypes, os\nused = ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'libuse.so')).used\n"
    wheels = [
        wheel(tmp_path, LIBRARY, {"shape/lib/libshapes.so.1": images["libshapes.so.1"]}, name="shape"),
        wheel(tmp_path, LIBRARY, {"one/__init__.py": init, "one/libuse.so": images["libuse.so"]}, name="one"),
    ]
    folders = installed(repaired(wheels, tmp_path / "out", export("shape", uniquify=unique)), tmp_path)
    assert everywhere("import one; print(one.used())", *folders.values()) == "24111"
