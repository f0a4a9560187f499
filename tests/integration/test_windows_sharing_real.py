"""Published wheels for Windows whose DLLs, made by Visual C++, move into wheels of their own, which offer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from command import vendored, without_hash
from cpythons import fault, good
from realwheels import published
from sharedwheels import requirements_of, unpacked
from smallwheels import wheel
from winepython import windows_python
from winshares import LIBRARY, Repaired, export, repaired, sound
from winwheels import undelvewheeled

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network

NUMPY = "numpy-1.26.4-cp312-cp312-win_amd64.whl"


class Case(NamedTuple):
    """A wheel, the provider that is made of its DLLs, its tag, the DLL that stays private, what is excluded, and what is tried."""

    wheel: str
    provider: str
    tag: str
    private: str
    exclude: tuple[str, ...]
    python: str
    code: str


CASES = (
    Case(
        "shapely-2.1.1-cp312-cp312-win_amd64.whl",
        "libgeos",
        LIBRARY,
        "msvcp140.dll",
        # Which Pythons a wheel for all of them meets is not known; those of python.org bring it.
        ("vcruntime140*.dll",),
        "3.12",
        "import shapely; print(shapely.Point(0, 0).buffer(2).contains(shapely.Point(1, 1)))",
    ),
    Case(
        "psycopg2_binary-2.9.13-cp311-cp311-win_amd64.whl",
        "libpq",
        "cp311-cp311-win_amd64",
        "",
        (),
        "3.11",
        "import psycopg2; print(psycopg2.__libpq_version__ > 160000)",
    ),
)


class Shared(NamedTuple):
    """A case after the repair; ``others`` are further folders that the wheel needs."""

    case: Case
    wheels: Repaired
    user: str
    others: list[Path]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.provider)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    case, root = request.param, tmp_path_factory.mktemp(request.param.provider)
    before = undelvewheeled(case.wheel, root / "before")
    members = {f"{case.provider}/bin/{path.name}": path for path in before.libraries.iterdir() if path.name != case.private}
    provider = wheel(root / "dist", case.tag, {member: path.read_bytes() for member, path in members.items()}, name=case.provider, version="3.1")
    for path in members.values():
        path.unlink()
    made = repaired([before.wheel, provider], root, export(case.provider), lib_path=[before.libraries], exclude=case.exclude)
    others = [unpacked(published(NUMPY), root / "numpy")] if case.provider == "libgeos" else []
    return Shared(case, made, case.wheel.partition("-")[0], others)


def test_it_imports(request: pytest.FixtureRequest, shared: Shared) -> None:
    python, wheels = windows_python(request, shared.case.python), shared.wheels
    assert good(python.run(shared.case.code, *wheels.folders.values(), *shared.others)) == "True"
    absent = fault(python.run(shared.case.code, wheels.folders[shared.user], *shared.others))
    assert f"needs {shared.case.provider}==3.*,>=3.1, but it was not found" in absent


def test_what_was_written(shared: Shared) -> None:
    """A C++ runtime stays with the wheel whose DLLs need it; a provider without modules is for every Python."""
    wheels, name = shared.wheels, shared.case.provider
    assert sound(wheels.folders[name]) > 1
    assert sound(wheels.folders[shared.user])
    assert f"{name}==3.*,>=3.1" in requirements_of(wheels.outputs[shared.user])
    assert all(f"nw_{name}__" in path.name for path in wheels.folders[name].glob(f"{name}/bin/*"))
    assert wheels.outputs[name].name == f"{name}-3.1-{LIBRARY}.whl"
    private = {f"{name}.libs/{shared.case.private}"} if shared.case.private else set()
    assert without_hash(vendored(wheels.outputs[name])) == private
    assert not vendored(wheels.outputs[shared.user])
