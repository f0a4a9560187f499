"""Wheels for Windows that take in DLLs of the host: real CPython imports them under Wine with nothing on PATH; delvewheel takes in the same ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import pytest
from command import nativewheel, repair, vendored, without_hash
from cpythons import fault, good
from madepe import Pe
from pesamples import LINKERS, Samples, linkers, sample_folder
from sharedwheels import unpacked
from smallwheels import wheel
from wine import windows_path
from winepython import PYTHONS, WindowsPython, windows_python
from winshares import MODULE, Repaired, consumer, repaired, sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.network


class User(NamedTuple):
    """A wheel: where its module is, what the functions of that return, and the DLLs that it must take in."""

    name: str
    module: str
    functions: str
    values: list[int]
    dlls: frozenset[str]


FOO = "version add hidden"
CXX = frozenset({"libstdc++-6.dll", "libgcc_s_seh-1.dll"})
USERS = (
    User("regular", "regular._bar", FOO, [1, 1005, 51], frozenset({"foo.dll"})),
    User("other", "other._bar", FOO, [2, 2005, 52], frozenset({"foo.dll"})),
    User("deep", "deep.er._bar", FOO, [1, 1005, 51], frozenset({"foo.dll"})),
    User("chain", "space.chain._outer", "value", [11], frozenset({"mid.dll", "foo.dll"})),
    User("top", "_bar", FOO, [1, 1005, 51], frozenset({"foo.dll"})),
    User("forwards", "space._baz", FOO, [9, 1005, 51], frozenset({"front.dll", "foo.dll"})),
    User("drawer", "_drawing", "area square caught", [9, 3, ord("s")], frozenset({"shape.dll"})),
    User("late", "space.late._bar", FOO, [1, 1005, 51], frozenset({"foo.dll"})),
)


def host(folder: Path, *libraries: Path) -> Path:
    folder.mkdir(parents=True)
    for library in libraries:
        shutil.copy(library, folder)
    return folder


class Vendoring(NamedTuple):
    """Wheels before and after, the folders of the host, and those users that the linker can build."""

    samples: Samples
    wheels: Repaired
    libraries: dict[str, Path]
    users: list[User]

    def folders(self) -> list[Path]:
        return list(self.wheels.folders.values())


_made: dict[str, Vendoring] = {}


def made(linker: str, tmp_path_factory: pytest.TempPathFactory) -> Vendoring:
    """Make and repair the wheels, once in a run of pytest."""
    if linker not in linkers():
        pytest.skip("no mingw to build samples with")
    if linker not in _made:
        samples, root = Samples(linker, sample_folder(tmp_path_factory)), tmp_path_factory.mktemp("vendoring")
        first = host(root / "host ü", samples.foo(), samples.mid(), samples.front(), samples.shape(), *samples.cxx_runtime())
        second = host(root / "second", samples.foo(2))
        wheels = list(_wheels(samples, root / "dist"))
        both = [
            repaired((path for path in wheels if path.name.startswith("other-") == (folder is second)), root / folder.name, lib_path=[folder])
            for folder in (first, second)
        ]
        result = Repaired(
            inputs=both[0].inputs | both[1].inputs,
            outputs=both[0].outputs | both[1].outputs,
            folders=both[0].folders | both[1].folders,
            warnings=both[0].warnings + both[1].warnings,
        )
        users = [user for user in USERS if user.name in result.outputs]
        _made[linker] = Vendoring(samples, result, {user.name: second if user.name == "other" else first for user in users}, users)
    return _made[linker]


def _wheels(samples: Samples, folder: Path) -> Iterator[Path]:
    yield consumer(folder, "regular", samples.bar())
    yield consumer(folder, "other", samples.bar())
    yield consumer(folder, "deep", samples.bar(), place="deep/er", files={"deep/__init__.py": b"", "deep/er/__init__.py": b""})
    yield consumer(folder, "chain", samples.outer(), place="space/chain")
    yield consumer(folder, "top", samples.bar(), place="")
    yield consumer(folder, "forwards", samples.baz(), place="space")
    yield consumer(folder, "drawer", samples.drawing(), place="")
    if samples.linker == "zig":
        yield consumer(folder, "late", samples.bar(delayed=True), place="space/late")


@pytest.fixture(params=LINKERS)
def vendoring(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Vendoring:
    return made(request.param, tmp_path_factory)


@pytest.fixture
def zig(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples("zig", sample_folder(tmp_path_factory))


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> WindowsPython:
    return windows_python(request, request.param)


def calls(users: Iterable[User]) -> str:
    line = "import {0}, sys; m = sys.modules[{0!r}]; print([getattr(m, name)() for name in {1}])"
    return "\n".join(line.format(user.module, user.functions.split()) for user in users)


@pytest.mark.parametrize("step", [1, -1], ids=["forwards", "backwards"])
def test_all_of_them_in_one_process(python: WindowsPython, vendoring: Vendoring, step: int) -> None:
    """Among them two that have different DLLs of one name."""
    users = vendoring.users[::step]
    said = good(python.run(calls(users), *vendoring.folders()))
    assert said.splitlines() == [str(user.values) for user in users]


def test_each_of_them_alone(python: WindowsPython, vendoring: Vendoring) -> None:
    """Nothing that one has loaded serves another one."""
    for user in vendoring.users:
        assert good(python.run(calls([user]), vendoring.wheels.folders[user.name])) == str(user.values)


def test_equal_dlls_are_one_in_memory(python: WindowsPython, vendoring: Vendoring) -> None:
    """Their names have a hash of what is in them and in those that they need."""
    code = "import regular._bar as a, deep.er._bar as b, other._bar as c, space.chain._outer as d; print(a.count(), b.count(), c.count(), d.count())"
    assert good(python.run(code, *vendoring.folders())) == "101 102 201 103"


def test_without_the_shim_no_dll_is_found(python: WindowsPython, vendoring: Vendoring) -> None:
    code = "".join(
        f"\ntry:\n    import {user.module}\nexcept ImportError as error:\n    print(error)" for user in vendoring.users if user.name != "late"
    )
    said = good(python.run(code, *vendoring.folders(), env={"NATIVEWHEEL_SKIP": "1"})).splitlines()
    assert [line.partition(" while")[0] for line in said] == ["DLL load failed"] * len([user for user in vendoring.users if user.name != "late"])


def test_the_same_dlls_as_delvewheel_s(vendoring: Vendoring, tmp_path: Path) -> None:
    for user in vendoring.users:
        ours = {PurePosixPath(name).name.lower() for name in without_hash(vendored(vendoring.wheels.outputs[user.name]))}
        runtime = CXX if user.name == "drawer" and vendoring.samples.linker == "mingw" else frozenset()
        assert ours == user.dlls | runtime
        # It does not read forwarders.
        assert theirs(vendoring.wheels.inputs[user.name], vendoring.libraries[user.name], tmp_path / user.name) == (
            ours - {"foo.dll"} if user.name == "forwards" else ours
        )


def theirs(path: Path, libraries: Path, folder: Path) -> set[str]:
    """Return the DLLs that delvewheel takes in, by the names that they had."""
    command = ["repair", "--add-path", str(libraries), "-w", str(folder), str(path)]
    done = subprocess.run([sys.executable, "-m", "delvewheel", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (output,) = folder.iterdir()
    with zipfile.ZipFile(output) as after, zipfile.ZipFile(path) as before:
        added = {PurePosixPath(name).name for name in {*after.namelist()} - {*before.namelist()} if name.endswith(".dll")}
    return {re.sub(r"-[0-9a-f]{32}(?=\.dll$)", "", name.lower()) for name in added}


def test_every_image_is_sound(vendoring: Vendoring) -> None:
    assert sum(sound(folder) for folder in vendoring.folders()) > 15
    assert vendoring.wheels.warnings == ()


def test_no_init_is_made_for_a_namespace(vendoring: Vendoring) -> None:
    assert not [path for folder in vendoring.folders() for path in folder.glob("space/**/__init__.py")]


def test_no_mangle_keeps_the_name(python: WindowsPython, zig: Samples, tmp_path: Path) -> None:
    source = consumer(tmp_path / "dist", "user", zig.outer())
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", zig.foo(), zig.mid()), "--no-mangle", "FOO*")
    assert without_hash(vendored(output)) == {"user.libs/foo.dll", "user.libs/mid.dll"}
    assert "user.libs/foo.dll" in vendored(output)
    assert good(python.run("import user._outer as m; print(m.value())", unpacked(output, tmp_path / "apart"))) == "11"


@pytest.mark.parametrize("options", [("--exclude", "Foo.DLL"), ("--allow-missing", "foo.*")], ids=lambda options: options[0])
def test_what_is_left_to_the_user(python: WindowsPython, zig: Samples, tmp_path: Path, options: tuple[str, str]) -> None:
    libraries = host(tmp_path / "host", zig.mid(), *([zig.foo()] if options[0] == "--exclude" else []))
    output = repair(consumer(tmp_path / "dist", "user", zig.outer()), tmp_path / "out", "--lib-path", libraries, *options)
    assert without_hash(vendored(output)) == {"user.libs/mid.dll"}
    folder, code = unpacked(output, tmp_path / "apart"), "import user._outer as m; print(m.value())"
    assert "DLL load failed" in fault(python.run(code, folder))
    assert good(python.run(f"import ctypes; kept = ctypes.CDLL({windows_path(zig.foo(3))!r}); {code}", folder)) == "31"


def test_a_library_that_code_opens(python: WindowsPython, zig: Samples, tmp_path: Path) -> None:
    """It keeps its name, goes to its place, and finds there what it needs."""
    libraries = host(tmp_path / "host", zig.foo(), zig.mid())
    source = consumer(tmp_path / "dist", "user", zig.bar())
    options = ("--add-library", f"{libraries}/mid.dll=user/plugins", "-L", ".dlls")
    output = repair(source, tmp_path / "out", "--lib-path", libraries, *options)
    assert without_hash(vendored(output, ".dlls/")) == {"user.dlls/foo.dll"}
    folder = unpacked(output, tmp_path / "apart")
    opened = "ctypes.CDLL(os.path.join(os.path.dirname(user.__file__), 'plugins', 'mid.dll'))"
    code = f"import ctypes, os, user._bar; print(user._bar.count(), {opened}.mid_count(), user._bar.count())"
    assert good(python.run(code, folder)) == "101 102 103"


def test_a_dll_that_another_module_does_not_load_later(python: WindowsPython, zig: Samples, tmp_path: Path) -> None:
    """What one delay-loads is loaded beforehand, although the other one would bring it, if it were imported."""
    source = consumer(tmp_path / "dist", "user", zig.bar(delayed=True), files={"user/_qux.pyd": zig.bar(module="_qux").read_bytes()})
    output = repair(source, tmp_path / "out", "--lib-path", host(tmp_path / "host", zig.foo()))
    code = "import user._bar as m; print(m.version(), m.add(), m.hidden())"
    assert good(python.run(code, unpacked(output, tmp_path / "apart"))) == "1 1005 51"


def program(*imports: str) -> bytes:
    return Pe(characteristics=0x22, subsystem=3, imports=tuple((name, ("made",)) for name in imports)).build()


PACKAGE = {"user/__init__.py": b"", "user/_x.pyd": Pe(imports=(("foo.dll", ("made",)),), exports=(("PyInit__x", None),)).build()}
LIBRARY = Pe(exports=(("made", None),)).build()


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "foo.dll").write_bytes(LIBRARY)
    return folder


@pytest.mark.parametrize("place", ["user-1.0.data/scripts/tool.exe", "user/tool.exe"])
@pytest.mark.parametrize("more", [{}, PACKAGE], ids=["alone", "beside a module"])
def test_programs_stay_and_what_they_lack_is_said(libraries: Path, tmp_path: Path, place: str, more: dict[str, bytes]) -> None:
    """Windows looks beside a program, where nothing else may be put, as other programs have the folder, too."""
    data = program("foo.dll", "KERNEL32.dll")
    source = wheel(tmp_path / "dist", MODULE, {place: data, "user/__init__.py": b"", **more}, name="user")
    done = nativewheel("repair", "-w", tmp_path / "out", "--lib-path", libraries, source)
    assert f"{place}: needs foo.dll, which a program finds only beside itself, in Windows or on PATH" in done.stderr
    (output,) = (tmp_path / "out").iterdir()
    assert len(vendored(output)) == len(more) // 2
    with zipfile.ZipFile(output) as archive:
        assert archive.read(place) == data


def test_programs_with_all_that_they_need(libraries: Path, tmp_path: Path) -> None:
    files = {"user/tool.exe": program("foo.dll"), "user/foo.dll": LIBRARY, "user-1.0.data/scripts/tool.exe": program("KERNEL32.dll"), **PACKAGE}
    source = wheel(tmp_path / "dist", MODULE, files, name="user")
    done = nativewheel("repair", "-w", tmp_path / "out", "--lib-path", libraries, source)
    assert "warning" not in done.stderr
    assert next((tmp_path / "out").iterdir()).read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("user-1.0.data/purelib/user/_y.pyd", "a native file in the purelib folder"),
        ("user-1.0.data/data/lib/bar.dll", "a library in the data folder, where no package finds it"),
    ],
)
def test_places_where_nothing_helps(libraries: Path, tmp_path: Path, member: str, message: str) -> None:
    content = PACKAGE["user/_x.pyd"] if member.endswith(".pyd") else LIBRARY
    source = wheel(tmp_path / "dist", MODULE, {member: content, **PACKAGE}, name="user")
    done = nativewheel("repair", "-w", tmp_path / "out", "--lib-path", libraries, source, status=4)
    assert f"{member}: {message}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_module_in_the_data_folder_is_left_to_code(libraries: Path, tmp_path: Path) -> None:
    source = wheel(tmp_path / "dist", MODULE, {"user-1.0.data/data/_x.pyd": PACKAGE["user/_x.pyd"]}, name="user")
    done = nativewheel("repair", "-w", tmp_path / "out", "--lib-path", libraries, source)
    assert "data/_x.pyd: needs a library that has to be loaded or found first: call nw_user.load()" in done.stderr


def test_any_number_of_jobs_gives_the_same_bytes(vendoring: Vendoring, tmp_path: Path) -> None:
    sources = [path for name, path in vendoring.wheels.inputs.items() if name != "other"]
    folder = vendoring.libraries["regular"]
    for jobs in (1, 3):
        nativewheel("repair", "-w", tmp_path / str(jobs), "--jobs", jobs, "--lib-path", folder, *sources)
        for path in (tmp_path / str(jobs)).iterdir():
            assert path.read_bytes() == vendoring.wheels.outputs[path.name.partition("-")[0]].read_bytes()
