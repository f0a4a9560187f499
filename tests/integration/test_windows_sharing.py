"""Wheels for Windows that share DLLs or have vendored ones, of every layout, repaired by one call and imported in CPython for Windows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import pefile
import pytest
from command import nativewheel
from cpythons import fault, good
from pesamples import LINKERS, Samples, linkers, sample_folder
from sharedwheels import by_name, config, repaired, unpacked
from smallwheels import wheel
from winepython import PYTHONS, WindowsPython, windows_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.network
INIT = b'"""A package."""\n'
# How wheels hold an extension module: in a regular package, in a namespace package and at the top level.
PLACES = {"regular": "{name}", "namespace": "space/{name}", "top": "."}
PROVIDERS = ("one", "two", "fronts", "shapes", "mids")
BAR = "{0}.version(), {0}.add(), {0}.hidden(), {0}.count()"


class Consumer(NamedTuple):
    """A wheel, how to import its module, what to call, what that gives in a new process, and which other wheels it takes."""

    name: str
    imported: str
    calls: str
    values: str
    needs: tuple[str, ...]


CONSUMERS = (
    Consumer("regular", "from regular import _bar as a", BAR.format("a"), "1 1005 51 101", ("one",)),
    Consumer("namespace", "from space.namespace import _bar as b", BAR.format("b"), "2 2005 52 201", ("two",)),
    Consumer("top", "import _top as c", BAR.format("c"), "2 2005 52 201", ("two",)),
    Consumer("bazzer", "from bazzer import _baz as d", "d.version(), d.add(), d.hidden()", "9 3005 53", ("fronts",)),
    Consumer("drawer", "from drawer import _drawing as e", "e.area(), e.square(), chr(e.caught())", "9 3 s", ("shapes",)),
    Consumer("outermost", "from outermost import _outer as f", "f.value()", "11", ("mids", "one")),
    Consumer("late", "from late import _late as g", "g.version(), g.add(), g.hidden()", "1 1005 51", ("one",)),
)


def provider(folder: Path, name: str, *libraries: Path, requires: Iterable[str] = ()) -> Path:
    files = {f"{name}/lib/{path.name}": path.read_bytes() for library in libraries for path in (library, library.with_suffix(".lib"))}
    return wheel(folder, "py3-none-win_amd64", {f"{name}/__init__.py": INIT, **files}, name=name, requires=requires)


def consumer(folder: Path, name: str, module: Path, *requires: str, layout: str = "regular") -> Path:
    place = PLACES[layout].format(name=name)
    files = {f"{place}/{module.name}".removeprefix("./"): module.read_bytes()}
    if layout == "regular":
        files[f"{place}/__init__.py"] = INIT
    return wheel(folder, "cp38-abi3-win_amd64", files, name=name, requires=requires)


def export(name: str, *more: str) -> str:
    lines = (f'distribution = "{name}"', f'library = ["{name}/lib/*.dll"]', 'requires = "=={major}.*,>={version}"', *more)
    return "\n".join(("[[tool.nativewheel.export]]", *lines, ""))


def whole_set(samples: Samples, folder: Path) -> Iterator[Path]:
    yield consumer(folder, "regular", samples.bar(), "one")
    yield consumer(folder, "namespace", samples.bar(2), "two", layout="namespace")
    yield consumer(folder, "top", samples.bar(2, "_top"), "two", layout="top")
    yield consumer(folder, "bazzer", samples.baz())
    yield consumer(folder, "drawer", samples.drawing())
    yield consumer(folder, "outermost", samples.outer())
    # Only lld-link writes delay-load tables here.
    late = Samples("zig", samples.folder)
    yield consumer(folder, "late", late.bar(module="_late", delayed=True), "one")
    yield provider(folder, "one", samples.foo())
    yield provider(folder, "two", samples.foo(2))
    yield provider(folder, "fronts", samples.front(), samples.foo(3))
    yield provider(folder, "shapes", samples.shape())
    yield provider(folder, "mids", samples.mid(), requires=["one"])


class Repaired(NamedTuple):
    """The wheels of a set after one repair, each unpacked into a folder of its own."""

    outputs: dict[str, Path]
    folders: dict[str, Path]

    def only(self, *names: str) -> list[Path]:
        return [self.folders[name] for name in names]


def apart(outputs: dict[str, Path], folder: Path) -> Repaired:
    return Repaired(outputs, {name: unpacked(path, folder / name) for name, path in outputs.items()})


def together(folder: Path, *files: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    return folder


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> WindowsPython:
    return windows_python(request, request.param)


@pytest.fixture(scope="module", params=LINKERS)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    if request.param not in linkers():
        pytest.skip("no mingw to build samples with")
    return Samples(request.param, sample_folder(tmp_path_factory))


@pytest.fixture(scope="module")
def shared(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Repaired:
    folder = tmp_path_factory.mktemp("windows-shares")
    wheels = list(whole_set(samples, folder / "dist"))
    options = ("--lib-path", together(folder / "host", *samples.cxx_runtime()))
    return apart(repaired(wheels, folder / "out", *map(export, PROVIDERS), options=options), folder / "apart")


@pytest.mark.parametrize("user", CONSUMERS, ids=lambda user: user.name)
def test_each_consumer_finds_its_provider_elsewhere(python: WindowsPython, shared: Repaired, user: Consumer) -> None:
    code = f"{user.imported}; print({user.calls})"
    assert good(python.run(code, *shared.only(user.name, *user.needs))) == user.values


def test_all_of_them_in_one_process(python: WindowsPython, shared: Repaired) -> None:
    """Among them two DLLs of one plain name, of which each consumer gets its own."""
    folders = shared.only(*shared.folders)
    code = "; ".join([*(user.imported for user in CONSUMERS), *(f"print({user.calls})" for user in CONSUMERS if user.name != "top")])
    assert good(python.run(code, *folders)).splitlines() == [user.values for user in CONSUMERS if user.name != "top"]
    assert good(python.run(f"{CONSUMERS[1].imported}; {CONSUMERS[2].imported}; print(b.count(), c.count())", *folders)) == "201 202"


@pytest.mark.parametrize("user", CONSUMERS, ids=lambda user: user.name)
def test_without_the_provider(python: WindowsPython, shared: Repaired, user: Consumer) -> None:
    said = fault(python.run(user.imported, *shared.only(user.name)))
    assert f"needs {user.needs[0]}==1.*,>=1.0, but it was not found" in said
    assert f'python -m pip install "{user.needs[0]}==1.*,>=1.0"' in said


@pytest.mark.parametrize("libraries", ["keep", "rename"])
def test_a_consumer_that_is_linked_with_the_repaired_provider_later(python: WindowsPython, samples: Samples, tmp_path: Path, libraries: str) -> None:
    first = provider(tmp_path / "dist", "one", samples.foo())
    one = apart(repaired([first], tmp_path / "one", export("one", f'import-libs = "{libraries}"')), tmp_path / "apart")
    (library,) = (one.folders["one"] / "one/lib").glob("*.lib")
    module = Samples(samples.linker, tmp_path / "samples").later("_bar", library)
    imported = {entry.dll for entry in pefile.PE(str(module)).DIRECTORY_ENTRY_IMPORT}
    assert {"keep": b"foo.dll", "rename": b"nw_one__foo.dll"}[libraries] in imported
    built = consumer(tmp_path / "dist", "later", module, "one")
    later = apart(repaired([built], tmp_path / "later", options=("--provider", tmp_path / "one")), tmp_path / "apart")
    code = f"from later import _bar; print({BAR.format('_bar')})"
    assert good(python.run(code, *later.only("later"), *one.only("one"))) == "1 1005 51 101"
    assert "needs one" in fault(python.run(code, *later.only("later")))


@pytest.mark.parametrize("layout", PLACES)
def test_vendored_dlls_with_nothing_on_the_path(python: WindowsPython, samples: Samples, tmp_path: Path, layout: str) -> None:
    host = together(tmp_path / "host", samples.foo(), samples.mid(), samples.shape(), *samples.cxx_runtime())
    place = PLACES[layout].format(name="user").replace("/", ".")
    for module, calls, values in (
        (samples.outer(), "{0}.value()", "11"),
        (samples.drawing(), "{0}.area(), {0}.square(), chr({0}.caught())", "9 3 s"),
    ):
        built = consumer(tmp_path / f"dist{module.stem}", "user", module, layout=layout)
        nativewheel("repair", "-w", tmp_path / f"out{module.stem}", "--config", config(tmp_path), "--lib-path", host, built)
        folder = unpacked(by_name(tmp_path / f"out{module.stem}")["user"], tmp_path / f"apart{module.stem}")
        imported = f"import {module.stem}" if layout == "top" else f"from {place} import {module.stem}"
        code = f"{imported}; print({calls.format(module.stem)})"
        assert good(python.run(code, folder)) == values
        assert "DLL load failed" in fault(python.run(code, folder, env={"NATIVEWHEEL_SKIP": "1"}))
        assert not list(folder.rglob("space/__init__.py"))


def test_a_vendored_dll_that_is_delay_loaded(python: WindowsPython, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    samples = Samples("zig", sample_folder(tmp_path_factory))
    built = consumer(tmp_path / "dist", "user", samples.bar(delayed=True))
    output = repaired([built], tmp_path / "out", options=("--lib-path", together(tmp_path / "host", samples.foo())))["user"]
    code = "from user import _bar; print(_bar.version(), _bar.add(), _bar.hidden())"
    assert good(python.run(code, unpacked(output, tmp_path / "apart"))) == "1 1005 51"
