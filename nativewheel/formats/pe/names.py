"""DLL names as the loader sees them: bytes, in which ASCII letters have no case."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

_FOLDING = str.maketrans(ascii_uppercase, ascii_lowercase)


def folded(name: str) -> str:
    """Return the spelling by which names are compared."""
    return name.translate(_FOLDING)


def decoded(name: bytes) -> str:
    """Return a name as text; one that is not UTF-8 is shown with escapes and matches no file."""
    return name.decode("utf-8", "backslashreplace")


def with_suffix(name: str) -> str:
    """Return the name of the file that the loader looks for: it adds ``.dll`` to a name without a dot."""
    return name if "." in name else f"{name}.dll"
