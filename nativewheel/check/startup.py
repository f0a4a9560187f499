"""Proofs, from sources alone, that a shim runs before an extension module can be imported."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

LONGEST_SOURCE = 1 << 22
"""Most bytes of a source that is parsed; the parser takes a hundred times as much memory."""

_LOADS = frozenset({"load", "enable"})
"""What the interface of a shim calls the function."""
_IMPORTING = frozenset({"__import__", "exec", "eval", "import_module", "exec_module", "load_module", "load_dynamic", "run_module", "run_path"})
_SHARING = frozenset({"extend_path", "declare_namespace"})
"""What packages call that several distributions share (pkgutil, pkg_resources)."""


def late_call(source: bytes, shim: str, packages: Collection[str]) -> str | None:
    """Say why a package's ``__init__.py`` does not load the libraries first; None when it does.

    It does when a statement at the top level calls the function of the package ``shim``, and nothing before it can import from ``packages``, which
    are the wheel's top-level packages: an extension module of the wheel is imported in no other way.
    """
    body = _parsed(source)
    if isinstance(body, str):
        return body
    if any(isinstance(node, ast.Call) and _callee(node) in _SHARING for statement in body for node in _run(statement)):
        return "it is shared with other distributions, one of which may install its own in its place"
    names: set[str] = set()
    importing = set(_IMPORTING)
    for statement in body:
        if _is_call(statement, shim, names):
            return None
        importing.update(_importing_functions(statement, shim, packages))
        if (place := _import(_run(statement), shim, packages, importing)) is not None:
            called = any(_is_call(later, shim, {*names, *_bound(later, shim)}) for later in body)
            return f"line {place} can import an extension module before {shim}.load() is called" if called else f"it does not call {shim}.load()"
        names.update(_bound(statement, shim))
    return f"it does not call {shim}.load()"


def wrong_swap(source: bytes, shim: str, binary: str) -> str | None:
    """Say why the module that stands in for an extension module does not load the libraries first; None when it does.

    ``binary`` is the file name of the extension module, which must appear, and be loaded after the call.
    """
    body = _parsed(source)
    if isinstance(body, str):
        return body
    nodes = [node for statement in body for node in ast.walk(statement)]
    calls = [node.lineno for node in nodes if isinstance(node, ast.Expr) and _is_call(node, shim, set())]
    if not calls:
        return f"it does not call {shim}.load()"
    if all(not isinstance(node, ast.Constant) or node.value != binary for node in nodes):
        return f"it does not load {binary}"
    loads = [node.lineno for node in nodes if isinstance(node, ast.Call) and _callee(node) in {"ExtensionFileLoader", "create_module", *_IMPORTING}]
    early = [line for line in loads if line < min(calls)]
    return f"line {early[0]} loads {binary} before {shim}.load() is called" if early else None


def used_distributions(source: bytes) -> frozenset[str] | None:
    """Return the distributions whose libraries a shim loads; None when its source is not as nativewheel writes it."""
    body = _parsed(source)
    for statement in [] if isinstance(body, str) else body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="_uses")], value=ast.List(elts=items)):
                pairs = [(key, value) for item in items if isinstance(item, ast.Dict) for key, value in zip(item.keys, item.values, strict=True)]
                return frozenset(
                    str(value.value)
                    for key, value in pairs
                    if isinstance(key, ast.Constant) and key.value == "distribution" and isinstance(value, ast.Constant)
                )
            case _:
                pass
    return None


def _parsed(source: bytes) -> list[ast.stmt] | str:
    """Return the statements, or why there are none."""
    if len(source) > LONGEST_SOURCE:
        return "it is too long to be understood"
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        return f"Python cannot read it: {error.args[0] if error.args else 'syntax error'}"
    except (RecursionError, MemoryError):
        return "it is too deeply nested to be understood"


def _is_call(statement: ast.stmt, shim: str, names: Collection[str]) -> bool:
    """Whether a statement calls the shim; ``names`` are those by which it can do so without importing it."""
    match statement:
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="__import__"), args=[ast.Constant(value=module)]), attr=name))
        ):
            return module == shim and name in _LOADS
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name))):
            return f"{module}." in names and name in _LOADS
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
            return name in names
        case _:
            return False


def _bound(statement: ast.stmt, shim: str) -> Iterator[str]:
    """Yield the names that a statement gives to the shim (with a point) and to its functions."""
    match statement:
        case ast.Import(names=aliases):
            yield from (f"{alias.asname or alias.name}." for alias in aliases if alias.name == shim)
        case ast.ImportFrom(module=module, names=aliases, level=0) if module == shim:
            yield from (alias.asname or alias.name for alias in aliases if alias.name in _LOADS)
        case _:
            pass


def _import(nodes: Iterable[ast.AST], shim: str, packages: Collection[str], importing: Collection[str]) -> int | None:
    """Return the line of the first node that may import something of the wheel, by itself or by calling a function of ``importing``."""
    for node in nodes:
        match node:
            case ast.Import(names=aliases, lineno=line) if any(_top(alias.name) in packages and alias.name != shim for alias in aliases):
                return line
            case ast.ImportFrom(level=level, lineno=line) if level > 0:
                return line
            case ast.ImportFrom(module=str(module), lineno=line) if _top(module) in packages and module != shim:
                return line
            case ast.Call(lineno=line) if _callee(node) in importing:
                return line
            case _:
                pass
    return None


def _importing_functions(statement: ast.stmt, shim: str, packages: Collection[str]) -> Iterator[str]:
    """Yield the names of functions and classes of a statement that import something of the wheel when they are called."""
    for node in ast.walk(statement):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(targets=targets, value=ast.Lambda()):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case _:
                continue
        if _import(ast.walk(node), shim, packages, _IMPORTING) is not None:
            yield from names


def _run(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes that run when the statement does: of functions, decorators and defaults only."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                waiting += [*node.args.defaults, *filter(None, node.args.kw_defaults), *getattr(node, "decorator_list", [])]
            case _:
                waiting += reversed(list(ast.iter_child_nodes(node)))


def _callee(node: ast.Call) -> str | None:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


def _top(module: str) -> str:
    return module.partition(".")[0]
