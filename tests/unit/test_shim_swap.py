"""The module that stands in for an extension module; the integration tests import it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nativewheel.shim.inject import swap_module


def test_the_names_are_filled_in() -> None:
    source = swap_module("nw_ntuser", "ext._nw.so").decode()
    assert '__import__("nw_ntuser").load()' in source
    assert '"ext._nw.so")' in source
    assert "@" not in source
    ast.parse(source, feature_version=(3, 8))


def test_names_cannot_break_out_of_the_source() -> None:
    binary = 'a"b\\\n@SHIM@é._nw.so'
    literals = {node.value for node in ast.walk(ast.parse(swap_module("nw_x", binary))) if isinstance(node, ast.Constant)}
    assert {binary, "nw_x"} <= literals


def test_it_has_no_docstring() -> None:
    """importlib.reload runs it in the namespace of the extension module, whose docstring would be replaced."""
    assert ast.get_docstring(ast.parse(swap_module("nw_x", "ext._nw.so"))) is None


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = ModuleType("nw_x")
    vars(shim)["load"] = lambda: None
    monkeypatch.setitem(sys.modules, "nw_x", shim)
    monkeypatch.setitem(sys.modules, "ext", ModuleType("ext"))
    namespace = {"__name__": "ext", "__file__": str(tmp_path / "ext.py")}
    (tmp_path / "ext._nw.so").write_bytes(b"not an image")
    with pytest.raises(ImportError):
        exec(compile(swap_module("nw_x", "ext._nw.so"), "ext.py", "exec"), namespace)  # noqa: S102 - what an import does
    assert namespace.keys() == {"__name__", "__file__", "__builtins__"}
    assert "ext" not in sys.modules


def test_the_binary_is_sought_beside_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = ModuleType("nw_x")
    vars(shim)["load"] = lambda: None
    monkeypatch.setitem(sys.modules, "nw_x", shim)
    monkeypatch.setitem(sys.modules, "ext", ModuleType("ext"))
    with pytest.raises(ImportError) as caught:
        exec(compile(swap_module("nw_x", "ext._nw.so"), "ext.py", "exec"), {"__name__": "ext", "__file__": str(tmp_path / "ext.py")})  # noqa: S102 - as above
    assert str(tmp_path / "ext._nw.so") in str(caught.value)
    assert Path(caught.value.path or "") == tmp_path / "ext._nw.so"
