"""Which rules run: codes chosen by prefixes, layer upon layer."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from nativewheel.check.rules import RULES
from nativewheel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

CODES = tuple(rule.code for rule in RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionLayer:
    """What one source of options says; every item is a code or the beginning of some.

    ``select`` (None: nothing is said) replaces what lower layers have chosen, their ``ignore`` included; the other two change it.  ``where`` says in
    messages who says it.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    where: str = ""


def select_codes(layers: Iterable[SelectionLayer]) -> frozenset[str]:
    """Return the codes that the layers, lowest first, choose; without any, all of them.

    Within a layer the longer prefix decides, and of two equally long ones that of ``ignore``.  Raises ``UsageError`` for a prefix of no code.
    """
    chosen = set(CODES)
    for layer in layers:
        if layer.select is not None:
            chosen.clear()
        wanted = (*(layer.select or ()), *layer.extend_select)
        for length in sorted({len(prefix) for prefix in (*wanted, *layer.ignore)}):
            for prefix in wanted:
                if len(prefix) == length:
                    chosen.update(matching(prefix, layer.where))
            for prefix in layer.ignore:
                if len(prefix) == length:
                    chosen.difference_update(matching(prefix, layer.where))
    return frozenset(chosen)


def matching(prefix: str, where: str = "") -> tuple[str, ...]:
    """Return the codes that begin with ``prefix``.  Raises ``UsageError`` when none does."""
    found = tuple(code for code in CODES if code.startswith(prefix)) if prefix else ()
    if not found:
        close = get_close_matches(prefix.upper(), (*CODES, *(code[:3] for code in CODES)), n=1)
        hint = f"did you mean {close[0]}?" if close else "`nativewheel rule` lists all rules"
        raise UsageError(f"no rule has the code {prefix!r} or one that begins so", where=(where,) if where else (), hint=hint)
    return found
