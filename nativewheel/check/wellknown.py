"""Symbols that several libraries of one process may have: those of well-known libraries, and words that anybody uses.

`wellknown.json` beside this module was read off the libraries of Debian 12 by `fixtures/wellknown.py`; many names with one beginning are there as
that beginning, as a regular expression.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORD = re.compile(r"[a-z]{1,12}\d?")
"""A function's name in C that is one word: the `init`, `open`, `error` or `add` of whoever wrote it."""


def owners(symbols: Iterable[str]) -> dict[str, str]:
    """Return those of ``symbols`` that a well-known library has as well, each with the name of that library."""
    names, groups, beginnings = _lists()
    found = {}
    for symbol in symbols:
        if symbol in names:
            found[symbol] = names[symbol]
        elif match := beginnings.match(symbol):
            found[symbol] = groups[str(match.lastgroup)]
    return found


def is_word(symbol: str, library: str) -> bool:
    """Whether a symbol is a word that other libraries may use as well; one that has the name of its own ``library`` in it is not."""
    return _WORD.fullmatch(symbol) is not None and library.lower() not in symbol


@cache
def _lists() -> tuple[Mapping[str, str], Mapping[str, str], re.Pattern[str]]:
    """Return the libraries by name of symbol, the libraries by name of group, and a regular expression with a group for each of them."""
    libraries: dict[str, dict[str, list[str]]] = json.loads(files("nativewheel.check").joinpath("wellknown.json").read_bytes())
    names = {name: library for library, lists in libraries.items() for name in lists["names"]}
    groups = {re.sub(r"\W", "_", library): library for library, lists in libraries.items() if lists["beginnings"]}
    pattern = "|".join(f"(?P<{group}>{'|'.join(libraries[library]['beginnings'])})" for group, library in groups.items())
    return names, groups, re.compile(pattern)
