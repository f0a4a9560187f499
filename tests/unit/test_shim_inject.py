"""Texts that go into a wheel."""

from __future__ import annotations

import ast

import pytest

from nativewheel.shim.inject import launcher


@pytest.mark.parametrize("program", ["small.scripts/prog", "small.scripts/it's", 'a"b', "back\\slash", "\u00e9", "@PROGRAM@"])
def test_the_launcher_holds_the_name_and_parses_on_python_3_8(program: str) -> None:
    text = launcher(program)
    assert text.startswith(b"#!python\n")  # installers put the interpreter there
    tree = ast.parse(text, feature_version=(3, 8))
    values = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROGRAM"]
    assert values == [program]


def test_it_is_the_same_each_time() -> None:
    assert launcher("a/b") == launcher("a/b")
