"""The shape of the code base: which way imports point, who may print, and what modules may be called."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nativewheel"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEST_MODULES = sorted((ROOT / "tests").rglob("test_*.py"))

MAY_IMPORT = {
    "errors": set(),
    "wheel": {"errors"},
    "formats": {"errors"},
    "linkage": {"formats", "wheel", "errors"},
    "shim": {"wheel", "errors"},
    "repair": {"shim", "linkage", "formats", "wheel", "errors"},
    "check": {"linkage", "formats", "wheel", "errors"},
    "config": {"repair", "check", "linkage", "formats", "wheel", "errors"},
    "report": {"repair", "check", "linkage", "formats", "wheel", "errors"},
    "cli": {"report", "config", "repair", "check", "linkage", "formats", "wheel", "errors"},
    # The public API and `python -m nativewheel` stand above everything.
    "__init__": {"config", "repair", "check", "linkage", "formats", "wheel", "errors"},
    "__main__": {"cli", "errors"},
}
INJECTED = [PACKAGE / "shim" / f"{name}.py" for name in ("_nativewheel", "_windows", "launcher", "swap")]
"""Sources that run inside repaired wheels, where they stand beside each other in another package."""
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "tools", "misc", "manager"}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def imported_layers(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, layer) for every import of the package, at any depth of the code: functions and TYPE_CHECKING blocks count."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names if alias.name != "nativewheel"]
            case ast.Attribute(value=ast.Name(id="nativewheel"), attr=name):
                targets = [f"nativewheel.{name}"]
            case ast.ImportFrom(level=0, module=str(module), names=names):
                targets = [f"{module}.{alias.name}" for alias in names]
            case ast.ImportFrom(level=level) if level > 0 and path not in INJECTED:
                pytest.fail(f"{dotted(path)}:{node.lineno}: relative import")
            case _:
                continue
        for target in targets:
            top, _, rest = target.partition(".")
            if top == "nativewheel" and rest != "__version__":  # a constant, for everybody
                name = rest.partition(".")[0]
                known = (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
                yield node.lineno, name if name and known else "__init__"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_point_one_way(path: Path) -> None:
    own = layer(path)
    assert own in MAY_IMPORT, f"the design knows no layer {own}"
    wrong = [f"line {line}: {own} imports {name}" for line, name in imported_layers(path) if name not in MAY_IMPORT[own] | {own}]
    assert not wrong


@pytest.mark.parametrize("path", INJECTED, ids=dotted)
def test_injected_sources_need_only_the_standard_library_of_python_3_8(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_bytes(), feature_version=(3, 8))):
        match node:
            case ast.Import(names=names):
                tops = {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(level=0, module=str(module)):
                tops = {module.partition(".")[0]}
            case _:
                continue
        assert tops <= sys.stdlib_module_names


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) != "cli" and path not in INJECTED], ids=dotted)
def test_only_the_command_line_prints(path: Path) -> None:
    for node in ast.walk(tree(path)):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                pytest.fail(f"{dotted(path)}:{node.lineno} calls print")
            case ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr"):
                pytest.fail(f"{dotted(path)}:{node.lineno} touches sys.{node.attr}")
            case ast.Attribute(value=ast.Name(id="click"), attr="echo" | "secho"):
                pytest.fail(f"{dotted(path)}:{node.lineno} calls click.{node.attr}")
            case _:
                pass


@pytest.mark.parametrize("path", [*MODULES, *TEST_MODULES], ids=dotted)
def test_names_say_what_a_module_is_for(path: Path) -> None:
    assert FORBIDDEN_NAMES.isdisjoint(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", [*MODULES, *TEST_MODULES], ids=dotted)
def test_every_module_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "unit").glob("test_*.py")), ids=dotted)
def test_a_unit_test_names_the_module_that_it_tests(path: Path) -> None:
    """`test_wheel_names.py` tests `wheel/names.py` (or says `test_<layer>_<subject>`); a lone `test_<module>.py` tests that module."""
    name = path.stem.removeprefix("test_")
    if name == "architecture":
        return
    layers = {module.stem for module in (*PACKAGE.iterdir(), *(PACKAGE / "formats").iterdir())}
    assert any(name == one or name.startswith(f"{one}_") for one in layers), f"{path.name} names no module or layer"
