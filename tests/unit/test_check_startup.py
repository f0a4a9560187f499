"""Proofs that a shim runs first, from sources alone."""

from __future__ import annotations

import pytest

from nativewheel.check.startup import LONGEST_SOURCE, late_call, used_distributions, wrong_swap
from nativewheel.shim.inject import ShimPackage, package_init, swap_module, with_call
from nativewheel.shim.package import ShimProvider

SHIM, OWN = "nw_small", frozenset({"small", "_small"})
CALL = '__import__("nw_small").load()\n'


def late(source: str) -> str | None:
    return late_call(source.encode(), SHIM, OWN)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# a comment\n",
        '"""A docstring."""\n',
        "from __future__ import annotations\n",
        "import os\nimport sys as system\nfrom pathlib import Path\n",
        "import numpy\n",
        "version = '1.0'\nif version:\n    name = version.upper()\n",
        "def later():\n    from . import _ext\n    import small._ext\n",
        "later = lambda: __import__('small._ext')\n",
        "import smaller\n",
        "import nw_small\n",
    ],
)
def test_calls_that_come_first(before: str) -> None:
    assert late(before + CALL) is None
    assert late(before + CALL + "from . import _ext\n") is None


@pytest.mark.parametrize(
    "call",
    [
        "import nw_small\nnw_small.load()\n",
        "import nw_small as libraries\nlibraries.enable()\n",
        "from nw_small import load\nload()\n",
        "from nw_small import enable as begin\nbegin()\n",
        '__import__("nw_small").enable()\n',
    ],
)
def test_ways_to_call(call: str) -> None:
    assert late(f"{call}from . import _ext\n") is None


@pytest.mark.parametrize(
    "before",
    [
        "from . import _ext\n",
        "from ._ext import f\n",
        "import small._ext\n",
        "import os, small.sub\n",
        "from small import _ext\n",
        "import _small\n",
        "if True:\n    from . import _ext\n",
        "try:\n    from . import _ext\nexcept ImportError:\n    pass\n",
        "class C:\n    from . import _ext\n",
        "import importlib\nimportlib.import_module('small._ext')\n",
        "__import__('small._ext')\n",
        "exec('import small._ext')\n",
        "@register(__import__('small._ext'))\nclass C: pass\n",
        "@register(__import__('small._ext'))\ndef f(): pass\n",
        "def f(module=__import__('small._ext')): pass\n",
        "def f():\n    from . import _ext\nf()\n",
        "class C:\n    def __init__(self):\n        import small._ext\nC()\n",
        "f = lambda: __import__('small._ext')\nf()\n",
        "f = lambda *, module=__import__('small._ext'): module\n",
    ],
)
def test_calls_that_come_too_late(before: str) -> None:
    line = next(number for number, text in enumerate(before.splitlines(), 1) if "small" in text or "from ." in text)
    if before.endswith(("f()\n", "C()\n")):
        line = before.count("\n")
    assert late(before + CALL) == f"line {line} can import an extension module before nw_small.load() is called"


@pytest.mark.parametrize(
    "source",
    [
        "",
        "from . import _ext\n",
        "import nw_small\n",
        "nw_small.load()\n",
        '__import__("nw_other").load()\n',
        '__import__("nw_small").path()\n',
        "load()\n",
        f"if os.name == 'nt':\n    {CALL}",
        f"def start():\n    {CALL}",
        f"try:\n    {CALL}except ImportError:\n    pass\n",
        "from nw_small import path\npath()\n",
    ],
)
def test_sources_that_do_not_call(source: str) -> None:
    assert late(source) == "it does not call nw_small.load()"


@pytest.mark.parametrize(
    "source",
    [
        "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
        "__import__('pkg_resources').declare_namespace(__name__)\n",
        "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n",
    ],
)
def test_packages_that_several_distributions_share(source: str) -> None:
    assert late(CALL + source) == "it is shared with other distributions, one of which may install its own in its place"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (b"print 1\n", "Python cannot read it: "),
        (b"\xff\n", "Python cannot read it: "),
        (b"a\0b\n", "Python cannot read it: "),
        (b"(" * 5000, "Python cannot read it: "),
        (b"x = " + b"-" * 100_000 + b"1\n", "it is too deeply nested"),
    ],
)
def test_sources_that_cannot_be_understood(source: bytes, problem: str) -> None:
    for found in (late_call(source, SHIM, OWN), wrong_swap(source, SHIM, "_ext._nw.so")):
        assert found is not None
        assert found.startswith((problem, "it is too deeply nested"))
    assert used_distributions(source) is None


def test_sources_that_are_too_long() -> None:
    assert late_call(b"#" * (LONGEST_SOURCE + 1), SHIM, OWN) == "it is too long to be understood"


def test_what_is_injected_is_proven() -> None:
    for source in (b"from . import _ext\n", b'"""Doc."""\nfrom __future__ import annotations\nfrom ._ext import *\n', b"# coding: latin-1\n# \xe9\n"):
        assert late_call(with_call(source, SHIM), SHIM, OWN) is None
        assert late_call(source, SHIM, OWN) == "it does not call nw_small.load()"
    assert wrong_swap(swap_module(SHIM, "_ext._nw.so"), SHIM, "_ext._nw.so") is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('__import__("nw_small").load()', "pass", "it does not call nw_small.load()"),
        ("_ext._nw.so", "_other._nw.so", "it does not load _ext._nw.so"),
        ("    import os", "    module = ExtensionFileLoader(name, path)\n    import os", "line 5 loads _ext._nw.so before nw_small.load() is called"),
    ],
)
def test_swaps_that_were_changed(old: str, new: str, problem: str) -> None:
    source = swap_module(SHIM, "_ext._nw.so").decode()
    assert old in source
    assert wrong_swap(source.replace(old, new, 1).encode(), SHIM, "_ext._nw.so") == problem


def test_distributions_that_a_shim_loads() -> None:
    providers = tuple(
        ShimProvider(module=f"nw_{name}", distribution=name, requirement=">=1", minimum=(1,), names={"libx.so": f"libnw_{name}__x.so"})
        for name in ("core", "other")
    )
    assert used_distributions(package_init(ShimPackage(distribution="small", version="1", providers=providers))) == frozenset({"core", "other"})
    assert used_distributions(package_init(ShimPackage(distribution="small", version="1"))) == frozenset()
    assert used_distributions(b"_uses = None\n") is None
    assert used_distributions(b"") is None
