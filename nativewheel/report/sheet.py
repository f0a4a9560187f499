"""Lines of text with a little style: what every rendering for people is written on.

Names that come out of wheels are hostile until proven otherwise, so each piece of text is made harmless here, once: a terminal would obey
control characters, and bidirectional ones reorder what a reader sees.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum


class Style(Enum):
    """What a piece of text means, with the SGR parameter (ECMA-48) that shows it."""

    TITLE = "1"
    GOOD = "32"
    NOTICE = "33"
    BAD = "31;1"
    FAINT = "2"


@dataclass(frozen=True, slots=True)
class Styled:
    """A piece of a line in a style."""

    text: str
    style: Style


class Sheet:
    """Lines that are gathered one by one; ``str()`` gives the text, with a line feed after each line."""

    def __init__(self, *, color: bool = False) -> None:
        self._color = color
        self._lines: list[str] = []

    def line(self, *parts: str | Styled, indent: int = 0) -> None:
        """Add a line made of ``parts``, ``indent`` steps of two spaces to the right."""
        self._lines.append("  " * indent + "".join(map(self._shown, parts)) if parts else "")

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def _shown(self, part: str | Styled) -> str:
        if isinstance(part, str):
            return printable(part)
        text = printable(part.text)
        return f"\x1b[{part.style.value}m{text}\x1b[0m" if self._color and text else text


def title(text: str) -> Styled:
    """Mark a heading."""
    return Styled(text, Style.TITLE)


def good(text: str) -> Styled:
    """Mark what is as it should be."""
    return Styled(text, Style.GOOD)


def notice(text: str) -> Styled:
    """Mark what deserves a look."""
    return Styled(text, Style.NOTICE)


def bad(text: str) -> Styled:
    """Mark what is in the way."""
    return Styled(text, Style.BAD)


def faint(text: str) -> Styled:
    """Mark what is there for completeness."""
    return Styled(text, Style.FAINT)


def printable(text: str) -> str:
    r"""Escape control, format and surrogate characters as Python writes them: ``\x1b``, ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else character for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
