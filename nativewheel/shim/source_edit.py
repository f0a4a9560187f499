"""Puts the call of a shim into a package's ``__init__.py``, and recognises those ``__init__.py`` that several distributions ship."""

from __future__ import annotations

import ast
import io
import re
import sys
import threading
import tokenize
import warnings
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = """\
# nativewheel: begin (loads the shared libraries that this package needs)
# fmt: off
__import__("{module}").load()  # isort: skip  # pragma: no cover
# fmt: on
# nativewheel: end
"""
# Python ends a line here only; str.splitlines() does so at form feeds and others, too.
_LINE_END = re.compile(r"\r\n?|\n")
_LINE = re.compile(rf"[^\r\n]*(?:{_LINE_END.pattern})|[^\r\n]+")
_COMMENT = re.compile(r"[ \t\f]*#")
_COOKIE = re.compile(r"[ \t\f]*#.*?coding[:=]")  # PEP 263: in the first line, or in the second after a comment or a blank line
_BLANK_OR_COMMENT = re.compile(r"[ \t\f]*(?:#|[\r\n]|$)")
_SHARING = {"pkgutil": "extend_path", "pkg_resources": "declare_namespace"}
_ASCII = bytes(range(0x20, 0x7F))
_FILTERS = threading.Lock()
"""Held while the list of warning filters, which all threads share, is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A source that Python can read; ``lines`` keep their ends."""

    bom: bytes
    encoding: str
    lines: list[str]
    body: list[ast.stmt]

    @property
    def header(self) -> int:
        """Return the number of statements that must stay first: the docstring and imports from ``__future__``."""
        count = 0 if _docstring(self.body) is None else 1
        while count < len(self.body) and _is_future(self.body[count]):
            count += 1
        return count


def with_call(source: bytes, shim_module: str) -> bytes:
    """Return the source with a call of ``shim_module`` before all that it does, or unchanged when the call is there.

    The call follows the first comments, the docstring and the imports from ``__future__``.  Raises ``LinkageError`` when this Python cannot read the
    source or its encoding cannot be written back, ``UnreadableError`` when it is too deeply nested.
    """
    before = _read(source)
    header = before.header
    if _calls(before.body[header : header + 1], shim_module):
        return source
    head, tail = _split(before, header)
    end = _LINE_END.search(before.lines[0]) if before.lines else None
    newline = end[0] if end else "\n"
    block = _BLOCK.format(module=shim_module).replace("\n", newline)
    if head and not head.endswith(("\n", "\r")):
        block = newline + block
    result = before.bom + (head + block + tail).encode(before.encoding)
    after = _read(result).body
    if not _calls(after[header : header + 1], shim_module) or _shape(after[:header] + after[header + 1 :]) != _shape(before.body):
        raise LinkageError("a call cannot be put into this source without a change of what it means")
    return result


def is_shared_namespace(source: bytes) -> bool:
    """Whether the source declares a namespace that several distributions share, in the way of pkgutil or pkg_resources.

    Raises what ``with_call`` raises.
    """
    functions = set(_SHARING.values())
    for node in _run_at_import(_read(source).body):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                functions |= {alias.asname or alias.name for alias in names if alias.name == _SHARING.get(module)}
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in functions:
                return True
            case _:
                pass
    return False


def _read(source: bytes) -> _Source:
    bom = BOM_UTF8 if source.startswith(BOM_UTF8) else b""
    content = source[len(bom) :]
    try:
        with _FILTERS, warnings.catch_warnings(action="ignore"):
            encoding = tokenize.detect_encoding(io.BytesIO(re.sub(rb"\r\n?", b"\n", source)).readline)[0].removesuffix("-sig")
            if _ASCII.decode(encoding) != _ASCII.decode("ascii"):
                raise LinkageError(f"the encoding {encoding} is not made for sources")
            text = content.decode(encoding)
            faithful = text.encode(encoding) == content
            body = ast.parse(_LINE_END.sub("\n", text)).body
    except SyntaxError as error:
        raise LinkageError(
            f"Python {sys.version_info.major}.{sys.version_info.minor} cannot read it: {error.msg}",
            where=() if error.lineno is None else (f"line {error.lineno}",),
            hint="run nativewheel with a Python that knows the syntax; sources of Python 2 cannot be edited",
        ) from error
    except UnicodeDecodeError as error:
        row = len(_LINE_END.findall(content[: error.start].decode("latin-1"))) + 1
        raise LinkageError(f"cannot be decoded: {error}", where=(f"line {row}",)) from error
    except (ValueError, LookupError) as error:
        raise LinkageError(f"cannot be decoded: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableError("the source is too deeply nested") from error
    if not faithful:
        raise LinkageError(f"the encoding {encoding} does not give back the same bytes")
    return _Source(bom=bom, encoding=encoding, lines=_LINE.findall(text), body=body)


def _split(source: _Source, header: int) -> tuple[str, str]:
    """Return what comes before the call and what after it."""
    lines = source.lines
    if header == 0:
        count = _first_comments(lines)
        return "".join(lines[:count]), "".join(lines[count:])
    last = source.body[header - 1]
    row = _logical_end(lines, last)
    following = source.body[header] if header < len(source.body) else None
    if following is None or following.lineno > row:
        return "".join(lines[:row]), "".join(lines[row:])
    # A statement after a semicolon: what stands between the two is only that, spaces and continuations of the line.
    head, _ = _cut(lines, last.end_lineno or row, last.end_col_offset or 0)
    _, tail = _cut(lines, following.lineno, following.col_offset)
    return head, tail


def _cut(lines: list[str], row: int, offset: int) -> tuple[str, str]:
    """Cut at ``row``, counted from 1, and ``offset``, counted in UTF-8 as in ``ast``."""
    line = lines[row - 1].encode()
    return "".join(lines[: row - 1]) + line[:offset].decode(), line[offset:].decode() + "".join(lines[row:])


def _first_comments(lines: list[str]) -> int:
    """Return the number of lines that make up the comments at the top: #!, encoding, licence."""
    count = 2 if len(lines) > 1 and _BLANK_OR_COMMENT.match(lines[0]) and _COOKIE.match(lines[1]) else 0
    while count < len(lines) and _COMMENT.match(lines[count]):
        count += 1
    return count


def _logical_end(lines: list[str], statement: ast.stmt) -> int:
    """Return the last row of the logical line in which the statement ends."""
    for token in tokenize.generate_tokens(iter([_LINE_END.sub("\n", line) for line in lines]).__next__):
        if token.type == tokenize.NEWLINE and token.start[0] >= (statement.end_lineno or 0):
            return token.start[0]
    return len(lines)


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes outside functions and classes."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _docstring(body: list[ast.stmt]) -> str | None:
    match body:
        case [ast.Expr(value=ast.Constant(value=str(text))), *_]:
            return text
        case _:
            return None


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__" and statement.level == 0


def _calls(statements: list[ast.stmt], shim_module: str) -> bool:
    match statements:
        case [
            ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="__import__"), args=[ast.Constant(value=name)]), attr="load")))
        ]:
            return bool(name == shim_module)
        case _:
            return False


def _shape(body: list[ast.stmt]) -> tuple[str | None, list[str], list[type[ast.stmt]]]:
    """Return the docstring, the imports from ``__future__`` and the kinds of all statements."""
    futures = [alias.name for statement in body if isinstance(statement, ast.ImportFrom) and _is_future(statement) for alias in statement.names]
    return _docstring(body), futures, [type(statement) for statement in body]
