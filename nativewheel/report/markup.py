"""Text from wheels as XML and HTML take it: nothing that comes out of a wheel may become markup."""

from __future__ import annotations

import html

from nativewheel.report.sheet import printable

MOST_CHARACTERS = 1000
"""Characters of one text that a picture shows: a name in a hostile file can have millions."""


def safe(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return ``text`` without what XML 1.0 forbids or HTML does not take, and not longer than ``most``: the middle of a name gives way first."""
    if len(text) > most:
        head = most // 2
        text = f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"
    return "".join(f"\\u{ord(character):04x}" if _is_no_character(ord(character)) else character for character in printable(text))


def _is_no_character(code: int) -> bool:
    """Whether Unicode will never assign the code point (section 23.7, "Noncharacters"), which XML forbids or HTML calls an error."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004  (Unicode's numbers)


def escaped(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return ``text`` for the inside of an element or of an attribute in quotes.

    It is ASCII: standard output has the encoding of its system, which need not be the one that the file states.
    """
    return references(html.escape(safe(text, most)))


def references(text: str) -> str:
    """Return ``text`` with character references in the place of what is not ASCII."""
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def number(value: float) -> str:
    """Return a coordinate, no more exact than an eye is."""
    return f"{value:.1f}".removesuffix(".0")
