"""METADATA and WHEEL as bytes: what is not edited stays exactly as it was, odd lines and the description included."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from nativewheel.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable

# The line ends and headers that the standard library's email parser knows, as installers read these files with it.  It skips lines with an empty
# name, mbox "From " lines and a folded line at the start, and goes on: here they are fields without a name.
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEADER = re.compile(rb"([!-9;-~]*):|From |[ \t]")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_HEADER_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class _Field:
    """One header: its name in lower case, and its bytes with continuation lines and line ends."""

    name: str
    raw: bytes

    @property
    def value(self) -> str:
        text = self.raw.partition(b":")[2].decode("utf-8", "replace")
        return " ".join(part for line in re.split("[\r\n]+", text) if (part := line.strip()))


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of a METADATA or WHEEL file and the body after them; ``bytes()`` gives the file.

    Names are compared without regard to case.
    """

    fields: tuple[_Field, ...]
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Take a file apart: the first line that is no header begins the body, as in the email parser.

        Raises ``UnreadableError`` for more headers than a real file has.
        """
        found: list[tuple[str, int]] = []
        end = 0
        for line in _LINE.finditer(data):
            header = _HEADER.match(line[0])
            if not header:
                break
            if not found or header[0] not in {b" ", b"\t"}:
                found.append(((header[1] or b"").decode("ascii").lower(), line.start()))
            end = line.end()
            if len(found) > _HEADER_LIMIT:
                raise UnreadableError(f"more than {_HEADER_LIMIT} headers")
        ends = (*(start for _, start in found[1:]), end)
        return cls(tuple(_Field(name, data[start:stop]) for (name, start), stop in zip(found, ends, strict=False)), data[end:])

    def __bytes__(self) -> bytes:
        return b"".join(field.raw for field in self.fields) + self.body

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of ``name``, unfolded, in order."""
        return tuple(field.value for field in self.fields if field.name == name.lower())

    def first(self, name: str) -> str | None:
        """Return the first value of ``name``."""
        return next(iter(self.all(name)), None)

    def with_values(self, name: str, values: Iterable[str]) -> Self:
        """Replace all headers of that name, at the place of the first; without one, add them after the last header."""
        key = name.lower()
        place = next((index for index, field in enumerate(self.fields) if field.name == key), len(self.fields))
        before = self.fields[:place]
        after = tuple(field for field in self.fields[place:] if field.name != key)
        return self._joined(before, tuple(self._render(name, value) for value in values), after)

    def with_added(self, name: str, value: str, after: str | None = None, before: str | None = None) -> Self:
        """Add a header after the last one called ``after``; without one, before the first called ``before``; without either, at the end."""
        last = [index + 1 for index, field in enumerate(self.fields) if after is not None and field.name == after.lower()]
        first = [index for index, field in enumerate(self.fields) if before is not None and field.name == before.lower()]
        place = (last[-1:] or first[:1] or [len(self.fields)])[0]
        return self._joined(self.fields[:place], (self._render(name, value),), self.fields[place:])

    def _render(self, name: str, value: str) -> _Field:
        if _LINE_END.search(value.encode()):
            raise ValueError(f"a header value of one line is wanted, not {value!r}")
        return _Field(name.lower(), f"{name}: {value}".encode() + self._line_end())

    def _line_end(self) -> bytes:
        """Return the line end that the file uses."""
        found = _LINE_END.search(self.fields[0].raw if self.fields else self.body)
        return found[0] if found else b"\n"

    def _joined(self, before: tuple[_Field, ...], new: tuple[_Field, ...], after: tuple[_Field, ...]) -> Self:
        # Only the last line of a file may lack its line end.
        if before and new and not before[-1].raw.endswith((b"\r", b"\n")):
            before = (*before[:-1], _Field(before[-1].name, before[-1].raw + self._line_end()))
        return replace(self, fields=(*before, *new, *after))
