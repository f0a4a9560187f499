"""Wheels for Windows that share DLLs, repaired by one call on this machine, work in real CPython under Wine, each in a folder of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pefile
import pytest
from cpythons import good
from pesamples import LINKERS, Samples, linkers, sample_folder
from sharedwheels import config, requirements_of, text_of, unpacked
from wine import windows_path
from winepython import PYTHONS, WindowsPython, windows_python
from winshares import DELAYED, NEEDS, PARTS, VALUES, Repaired, asked, everything, export, provider, repaired, sound

import nativewheel

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.network
FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/wheels").glob("nt[cu]*win*.whl"))


class Setting(NamedTuple):
    """The repaired wheels of one linker, and a Python."""

    samples: Samples
    wheels: Repaired
    python: WindowsPython

    @property
    def users(self) -> list[str]:
        """Those of `VALUES` that the linker can build."""
        return [name for name in VALUES if name in self.wheels.outputs]

    def run(self, code: str) -> str:
        """Return what code says that has all wheels on its path."""
        return good(self.python.run(code, *self.wheels.folders.values()))


def shared(linker: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Samples, Repaired]:
    if linker not in linkers():
        pytest.skip("no mingw to build samples with")
    samples = Samples(linker, sample_folder(tmp_path_factory))
    return samples, everything(samples)


@pytest.fixture(params=LINKERS)
def wheels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Repaired:
    return shared(request.param, tmp_path_factory)[1]


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> WindowsPython:
    return windows_python(request, request.param)


@pytest.fixture(params=LINKERS)
def setting(request: pytest.FixtureRequest, python: WindowsPython, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(*shared(request.param, tmp_path_factory), python)


def expected(names: Iterable[str]) -> dict[str, object]:
    return {name: VALUES[name][2] for name in names}


@pytest.mark.parametrize("step", [1, -1], ids=["forwards", "backwards"])
def test_every_consumer_in_one_process(setting: Setting, step: int) -> None:
    """Providers of equal plain names among them, whose consumers come in this order and in the other."""
    names = setting.users[::step]
    assert asked(setting.python, setting.wheels.folders.values(), names) == expected(names)


def test_consumers_of_one_provider_share_its_state(setting: Setting) -> None:
    said = setting.run("""
import _bar as top, space._bar as one, space.deep._bar as two, user1._bar as bar
from space.pair import _pair
print(bar.count(), two.count(), one.count(), _pair.count(), _pair.own_count(), top.count(), bar.count())
""")
    assert said == "101 201 102 103 104 202 105"


def test_dlls_of_the_plain_name_do_not_disturb(setting: Setting) -> None:
    """Somebody has loaded one, with a module that stays with it."""
    foo, bar = map(windows_path, (setting.samples.foo(3), setting.samples.bar()))
    before = f"""
import ctypes, importlib.util
kept = ctypes.CDLL({foo!r})
spec = importlib.util.spec_from_file_location("plain._bar", {bar!r})
plain = importlib.util.module_from_spec(spec)
assert plain.version() == 3
"""
    names = [name for name in setting.users if name != "splituser"]
    assert asked(setting.python, setting.wheels.folders.values(), names, before) == expected(names)


def test_absent_providers(setting: Setting) -> None:
    """The shim says whom to install; without it Windows says no more than that something is missing."""
    folders = setting.wheels.without(*NEEDS.values())
    names = [name for name in setting.users if name in setting.wheels.outputs and name not in NEEDS.values()]
    found = asked(setting.python, folders, names)
    for name in names:
        wanted = f"{NEEDS[name]}==1.*,>=1.0"
        assert f"ImportError: {name} 1.0 needs {wanted}, but it was not found" in str(found[name])
        assert f'python -m pip install "{wanted}"' in str(found[name])
    skipped = asked(setting.python, folders, [name for name in names if name not in DELAYED], env={"NATIVEWHEEL_SKIP": "1"})
    assert {re.sub(r"importing \w+:", "", str(error)) for error in skipped.values()} == {"ImportError: DLL load failed while  Module not found."}


def test_the_provider_of_a_provider_is_absent(setting: Setting) -> None:
    (found,) = asked(setting.python, setting.wheels.without("two"), ["mixuser"]).values()
    assert "ImportError: mix 1.0 needs two==1.*,>=1.0, but it was not found" in str(found)


def test_a_provider_that_is_too_old(python: WindowsPython, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    samples, wheels = shared("zig", tmp_path_factory)
    old = repaired([provider(tmp_path / "dist", "one", samples.foo(), version="0.9")], tmp_path, export("one")).folders["one"]
    found = asked(python, [old, *wheels.without("one")], ["user1", "space1", "user2"])
    for name in ("user1", "space1"):
        assert f"{name} 1.0 needs one==1.*,>=1.0, but one 0.9 was found in {windows_path(old)}\\nw_one" in str(found[name])
    assert found["user2"] == VALUES["user2"][2]


def test_what_was_written(wheels: Repaired) -> None:
    assert needed(wheels.file("user1", "_bar.pyd")) == {"nw_one__foo.dll", "python3.dll"}
    assert needed(wheels.file("top2", "_bar._nw.pyd")) == {"nw_two__foo.dll", "python3.dll"}
    assert needed(wheels.file("mids", "nw_mids__mid.dll")) == {"nw_one__foo.dll"}
    front = pefile.PE(str(wheels.file("fronts", "nw_fronts__front.dll"))).DIRECTORY_ENTRY_EXPORT
    assert {symbol.forwarder for symbol in front.symbols} == {None, b"nw_fronts__foo.foo_add", b"nw_fronts__foo.#12"}
    library = "foo.lib" if "zig" in wheels.inputs["one"].parts else "libfoo.dll.a"
    assert sorted(path.name for path in wheels.folders["one"].glob("one/bin/*")) == sorted([library, "nw_one__foo.dll"])
    assert sorted(path.name for path in wheels.folders["top2"].glob("*.*") if path.is_file()) == ["_bar._nw.pyd", "_bar.py"]
    assert not list(wheels.folders["pair"].glob("space/**/__init__.py"))
    assert requirements_of(wheels.outputs["pair"]) == ["one", "mids", "mids==1.*,>=1.0", "one==1.*,>=1.0"]
    assert requirements_of(wheels.outputs["mixuser"]) == ["mix", "mix==1.*,>=1.0"]
    assert "Root-Is-Purelib: false" in text_of(wheels.outputs["one"], "WHEEL")
    assert {path.name.partition("-")[2] for path in wheels.outputs.values()} == {f"1.0-{tag}-win_amd64.whl" for tag in ("py3-none", "cp38-abi3")}
    assert wheels.warnings == ()


def needed(path: Path) -> set[str]:
    """Return the DLLs that an image imports, but for those of Windows."""
    names = {entry.dll.decode() for entry in pefile.PE(str(path)).DIRECTORY_ENTRY_IMPORT}
    return {name for name in names if name.lower() not in {"kernel32.dll", "msvcrt.dll"}}


def test_every_image_is_sound(wheels: Repaired) -> None:
    assert sum(sound(folder) for folder in wheels.folders.values()) > 20


def test_a_second_repair_changes_nothing(wheels: Repaired, tmp_path: Path) -> None:
    inputs = list(wheels.outputs.values())
    outcomes = nativewheel.repair(inputs, wheel_dir=tmp_path)
    assert [outcome.output.read_bytes() for outcome in outcomes] == [path.read_bytes() for path in inputs]


def test_any_number_of_jobs_gives_the_same_bytes(wheels: Repaired, tmp_path: Path) -> None:
    host = wheels.inputs["one"].parents[1] / "host ü"
    options = {"config": config(tmp_path, *PARTS), "lib_path": [host], "wheel_dir": tmp_path / "out"}
    for outcome in nativewheel.repair(wheels.inputs.values(), jobs=3, **options):  # type: ignore[arg-type]
        assert outcome.output.read_bytes() == wheels.outputs[outcome.output.name.partition("-")[0]].read_bytes()


def test_wheels_of_the_fixtures(python: WindowsPython, tmp_path: Path) -> None:
    """Those for x86 and ARM64 take the same way but for the last step."""
    nativewheel.repair(FIXTURES, wheel_dir=tmp_path / "out", config=config(tmp_path, FIXTURE_EXPORT))
    made = {tuple(path.stem.split("-")[::4]): unpacked(path, tmp_path / path.stem) for path in (tmp_path / "out").glob("*.whl")}
    assert made.keys() == {(name, f"win{arch}") for name in ("ntcore", "ntuser") for arch in ("32", "_amd64", "_arm64")}
    code = "import ntuser; print(ntuser.add(20, 22), ntuser.version(), ntuser.as_built())"
    assert good(python.run(code, made["ntuser", "win_amd64"], made["ntcore", "win_amd64"])) == "42 1.2.7 True"
    for arch in ("32", "_amd64", "_arm64"):
        (dll,) = made["ntcore", f"win{arch}"].rglob("*.dll")
        (module,) = made["ntuser", f"win{arch}"].rglob("*.pyd")
        assert dll.name in needed(module)


FIXTURE_EXPORT = """
[[tool.nativewheel.export]]
distribution = "ntcore"
library = ["ntcore/*/*.dll"]
requires = "=={major}.*,>={version}"
"""
