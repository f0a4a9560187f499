"""Calls put into `__init__.py` files, and shared namespaces."""

from __future__ import annotations

import ast
import codecs
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.shim.source_edit import is_shared_namespace, with_call

MODULE = "nw_ntuser"
BLOCK = """\
# nativewheel: begin (loads the shared libraries that this package needs)
# fmt: off
__import__("nw_ntuser").load()  # isort: skip  # pragma: no cover
# fmt: on
# nativewheel: end
"""
CALL = "<call>"


def edited(text: str) -> str:
    """Return the text with the call, the block shown as <call>."""
    result = with_call(text.encode(), MODULE).decode()
    assert result.count(BLOCK) == 1
    return result.replace(BLOCK, CALL)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "<call>"),
        ("\n", "<call>\n"),
        ("import os\n", "<call>import os\n"),
        ("import os", "<call>import os"),
        ("#!/usr/bin/python\nimport os\n", "#!/usr/bin/python\n<call>import os\n"),
        ("#!/usr/bin/python\n# coding: utf-8\n\nimport os\n", "#!/usr/bin/python\n# coding: utf-8\n<call>\nimport os\n"),
        ("\n# coding: utf-8\n# more\nimport os\n", "\n# coding: utf-8\n# more\n<call>import os\n"),
        ("# licence\n\n# about os\nimport os\n", "# licence\n<call>\n# about os\nimport os\n"),
        ("# licence", "# licence\n<call>"),
        ('"""Doc."""', '"""Doc."""\n<call>'),
        ('"""Doc."""\n', '"""Doc."""\n<call>'),
        (
            '# comment\n"""Doc.\n\n# coding: latin-1\n"""  # noqa\nimport os\n',
            '# comment\n"""Doc.\n\n# coding: latin-1\n"""  # noqa\n<call>import os\n',
        ),
        ('"""Doc."""; import os\n', '"""Doc."""\n<call>import os\n'),
        ('"""Doc.""" ; \\\n  import os; import sys\n', '"""Doc."""\n<call>import os; import sys\n'),
        ('"""Doc.""";\nimport os\n', '"""Doc.""";\n<call>import os\n'),
        ('"""Doc.""" \\\n\nimport os\n', '"""Doc.""" \\\n\n<call>import os\n'),
        ('"Do" \\\n"c."\nimport os\n', '"Do" \\\n"c."\n<call>import os\n'),
        ('("Do"\n"c.")\nimport os\n', '("Do"\n"c.")\n<call>import os\n'),
        ("r'''Doc\\d'''\nimport os\n", "r'''Doc\\d'''\n<call>import os\n"),
        ("'é'; x = 'é'; y = 1\n", "'é'\n<call>x = 'é'; y = 1\n"),
        ("from __future__ import annotations\nimport os\n", "from __future__ import annotations\n<call>import os\n"),
        ("from __future__ import annotations; import os\n", "from __future__ import annotations\n<call>import os\n"),
        (
            '"""Doc."""\n# why\n\nfrom __future__ import (\n    annotations,  # x\n)\n\nfrom __future__ import division\nimport os\n',
            '"""Doc."""\n# why\n\nfrom __future__ import (\n    annotations,  # x\n)\n\nfrom __future__ import division\n<call>import os\n',
        ),
        ('"""Doc."""; from __future__ import division; x = 1\n', '"""Doc."""; from __future__ import division\n<call>x = 1\n'),
        ("b'no docstring'\nimport os\n", "<call>b'no docstring'\nimport os\n"),
        ("f'no docstring'\n", "<call>f'no docstring'\n"),
        ("x = '''\n# coding: latin-1\n'''\n", "<call>x = '''\n# coding: latin-1\n'''\n"),
        ("\f\n\fimport os\n", "<call>\f\n\fimport os\n"),
        ("'''Doc\f\x0b\x1c\u2028.'''\f\n\fimport os\n", "'''Doc\f\x0b\x1c\u2028.'''\f\n<call>\fimport os\n"),
        ("if True:\n    import os\n", "<call>if True:\n    import os\n"),
        ("from .__future__ import x\n", "<call>from .__future__ import x\n"),
    ],
)
def test_where_the_call_goes(before: str, after: str) -> None:
    assert edited(before) == after


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("text", ['"""Doc.\n\nMore."""\nimport os\n', '# c\nimport os\nx = """\n"""', '"""Doc."""; import os\n'])
def test_line_ends_are_kept(text: str, newline: str) -> None:
    result = with_call(text.replace("\n", newline).encode(), MODULE)
    assert result.replace(newline.encode(), b"\n") == with_call(text.encode(), MODULE)
    assert set(result.decode()) & {"\r", "\n"} == set(newline)


def test_a_cookie_is_not_sought_beyond_the_second_line_of_old_macintosh_files() -> None:
    source = b"# one\rx = 1\ry = 'coding: latin-1'\r"
    assert with_call(source, MODULE).endswith(b"y = 'coding: latin-1'\r")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "euc-jp", "koi8-r"])
def test_encodings_are_kept(encoding: str) -> None:
    letters = {"euc-jp": "日本", "koi8-r": "дом"}.get(encoding, "é")
    text = f'# -*- coding: {encoding} -*-\n"""Doc {letters}"""; x = "{letters}"\n'
    result = with_call(text.encode(encoding), MODULE)
    assert result.decode(encoding) == f'# -*- coding: {encoding} -*-\n"""Doc {letters}"""\n{BLOCK}x = "{letters}"\n'


@pytest.mark.parametrize("text", ["", "x = 1\n", '"""Dóc."""\n', "# coding: utf-8\nx = 1\n"])
def test_a_byte_order_mark_stays_first(text: str) -> None:
    result = with_call(codecs.BOM_UTF8 + text.encode(), MODULE)
    assert result == codecs.BOM_UTF8 + with_call(text.encode(), MODULE)


def test_it_is_done_once() -> None:
    once = with_call(b'"""Doc."""\nimport os\n', MODULE)
    assert with_call(once, MODULE) == once
    assert with_call(once, "nw_other").count(b"nativewheel: begin") == 2


def test_a_call_that_comes_too_late_does_not_count() -> None:
    source = b'import os\n__import__("nw_ntuser").load()\n'
    assert with_call(source, MODULE) == BLOCK.encode() + source


@pytest.mark.parametrize(
    ("source", "said", "where"),
    [
        (b"x = 1\nprint 'Python 2'\n", "cannot read it", ("line 2",)),
        (b'"""Doc\n', "cannot read it", ("line 1",)),
        (b"x = 1\n\0\n", "", None),
        (b"# coding: nonsense\n", "cannot read it", None),
        (b"# coding: utf-8\nx = '\xe9'\n", "cannot be decoded", ("line 2",)),
        (b"x = 1\r\ny = 1\rz = '\xe9'\n", "cannot be decoded", ("line 3",)),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "cannot read it", None),
        (b"# coding: hex\n", "cannot be decoded", None),
        (b"# coding: utf-7\nx = '+AOk-'\n", "", None),
        (b"# coding: punycode\nx = 'a-b'\n", "", None),
        (b"# coding: unicode_escape\nx = 1\\ny = 2\n", "same bytes", None),
        (b"# coding: unicode_escape\nx = '\\j'\n", "same bytes", None),
    ],
)
def test_sources_that_cannot_be_edited(source: bytes, said: str, where: tuple[str, ...] | None) -> None:
    for edit in (lambda: with_call(source, MODULE), lambda: is_shared_namespace(source)):
        with pytest.raises(LinkageError) as caught:
            edit()
        assert said in caught.value.message
        assert where is None or caught.value.where == where


@pytest.mark.parametrize(
    "source", [b"(" * 100_000, b"x = " + b"-" * 100_000 + b"1\n", b"x" + b".y" * 100_000 + b"\n", b"if x:\n" + b"if x: pass\nel" * 20_000]
)
def test_sources_that_are_nested_too_deeply(source: bytes) -> None:
    with pytest.raises((UnreadableError, LinkageError)):
        with_call(source, MODULE)


def test_warnings_about_the_source_are_not_for_the_user() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert edited("x = '\\d' is 1\n").startswith(CALL)
    assert not caught


LINES = st.sampled_from(
    [
        "",
        "# comment",
        "#!/usr/bin/python",
        "# coding: utf-8",
        '"""Doc."""',
        "'Doc é'; ",
        "'''Doc\n'''",
        "from __future__ import annotations",
        "from __future__ import (division,\n    annotations)",
        "import os",
        "x = 'é'; y = 2",
        "\f",
        "if x:\n    y = '''\n\n'''",
        "x = \\\n  1",
    ]
)


@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
def test_any_source_keeps_its_meaning(lines: list[str], newline: str, final: bool, mark: bool) -> None:  # noqa: FBT001 - drawn
    text = "\n".join(lines) + ("\n" if final else "")
    source = codecs.BOM_UTF8 * mark + text.replace("\n", newline).encode()
    try:
        before = ast.parse(source)
        compile(source, "__init__.py", "exec", dont_inherit=True)
    except SyntaxError:
        return
    result = with_call(source, MODULE)
    compile(result, "__init__.py", "exec", dont_inherit=True)
    after = ast.parse(result)
    calls = [index for index, node in enumerate(after.body) if ast.unparse(node) == "__import__('nw_ntuser').load()"]
    assert len(calls) == 1
    del after.body[calls[0]]
    assert ast.dump(after) == ast.dump(before)
    assert all(ast.unparse(node).startswith(("'", '"', "from __future__")) for node in before.body[: calls[0]])
    assert with_call(result, MODULE) == result


@pytest.mark.parametrize(
    "source",
    [
        "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
        "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n",
        "from pkgutil import extend_path as e\n__path__ = e(__path__, __name__)\n",
        "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n",
        "__import__('pkg_resources').declare_namespace(__name__)\n",
        "import pkg_resources\npkg_resources.declare_namespace(__name__)\n",
        "try:\n    __import__('pkg_resources').declare_namespace(__name__)\nexcept ImportError:\n    from pkgutil import *\n",
        "# comment\r\ntry:\r\n    from pkg_resources import declare_namespace as d\r\n    d(__name__)\r\nexcept ImportError:\r\n    pass\r\n",
    ],
)
def test_shared_namespaces(source: str) -> None:
    assert is_shared_namespace(source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "",
        "import os\n",
        '"""Uses pkgutil.extend_path(__path__, __name__)."""\n# __import__("pkg_resources").declare_namespace(__name__)\n',
        "from pkgutil import extend_path\n",
        "def later():\n    return __import__('pkgutil').extend_path([], 'x')\n",
        "class Later:\n    path = __import__('pkgutil').extend_path([], 'x')\n",
        "later = lambda: __import__('pkgutil').extend_path([], 'x')\n",
        "from pkgutil import iter_modules as extend\nextend()\n",
    ],
)
def test_packages_of_one_distribution(source: str) -> None:
    assert not is_shared_namespace(source.encode())
