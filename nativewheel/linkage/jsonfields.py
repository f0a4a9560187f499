"""Reading of JSON objects that strangers wrote: each value is checked, and an error names its place in the document."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import is_normalized_name
from packaging.version import InvalidVersion, Version

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Arch, Format, Identity
from nativewheel.wheel.names import Member, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LIMIT = 64 << 20
"""Most bytes of a document."""

MOST_VERSION = 4096
"""Most characters of a version or a range of versions: Python refuses to read numbers of more than 4300 digits."""

_SHOWN = 60
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMESPACE = re.compile(r"nw_[a-z0-9]+(?:_[a-z0-9]+)*")

T = TypeVar("T")
Text = TypeVar("Text", bound=str)


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a document: its values by key, and the ``path`` that leads to it.

    Each method returns the value of a key, checked; ``UnreadableError`` when it is missing or something else.
    """

    values: Mapping[str, object]
    path: str = ""

    def error(self, key: str, message: str, *, hint: str | None = None) -> UnreadableError:
        """Make the error that says what is wrong with ``key``."""
        return UnreadableError(message, where=(self._place(key),), hint=hint)

    def optional(self, key: str, read: Callable[[str], T]) -> T | None:
        """Return what ``read`` makes of the key, None when it is null."""
        return None if self._value(key) is None else read(key)

    def text(self, key: str) -> str:
        """Return a text that is not empty and can be shown."""
        return self._checked_text(key, self._value(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(self._checked_text(f"{key}[{index}]", item) for index, item in enumerate(self._list(key)))

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self._value(key)
        return value if isinstance(value, bool) else self._refuse(key, "true or false", value)

    def integer(self, key: str) -> int:
        """Return a number that counts something."""
        value = self._value(key)
        counts = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return value if counts and isinstance(value, int) else self._refuse(key, "a number of things", value)

    def choice(self, key: str, choices: Iterable[Text]) -> Text:
        """Return one of ``choices``."""
        found = {str(choice): choice for choice in choices}
        text = self.text(key)
        return found[text] if text in found else self._refuse(key, f"one of {', '.join(found)}", text)

    def inner(self, key: str) -> Fields:
        """Return an inner object."""
        return _fields(self._value(key), self._place(key))

    def items(self, key: str) -> tuple[Fields, ...]:
        """Return a list of objects."""
        return tuple(_fields(item, f"{self._place(key)}[{index}]") for index, item in enumerate(self._list(key)))

    def member(self, key: str) -> Member:
        """Return the path of a file in a wheel, which cannot lead out of the folder that it is joined to."""
        text = self.text(key)
        sound = not {"", ".", ".."} & set(text.split("/")) and "\\" not in text and ":" not in text
        return Member(text) if sound else self._refuse(key, "a path inside the wheel", text)

    def identity(self, key: str) -> Identity:
        """Return the name that dependents have for a library."""
        return Identity(self.text(key))

    def format(self, key: str) -> Format:
        """Return an object file format."""
        return self.choice(key, Format)

    def archs(self, key: str) -> tuple[Arch, ...]:
        """Return architectures, which a comma separates."""
        known = {str(arch): arch for arch in Arch}
        names = self.text(key).split(",")
        unknown = [name for name in names if name not in known]
        return tuple(known[name] for name in names) if not unknown else self._refuse(key, "architectures", unknown[0])

    def sha256(self, key: str) -> str:
        """Return a hash in hexadecimal."""
        text = self.text(key)
        return text if _SHA256.fullmatch(text) else self._refuse(key, "a SHA-256 hash in hexadecimal", text)

    def namespace(self, key: str) -> str:
        """Return the namespace of a distribution."""
        text = self.text(key)
        return text if _NAMESPACE.fullmatch(text) else self._refuse(key, "a namespace", text)

    def distribution(self, key: str) -> str:
        """Return the normalised name of a distribution."""
        text = self.text(key)
        return text if is_normalized_name(text) else self._refuse(key, "a normalised distribution name", text)

    def distributions(self, key: str) -> tuple[str, ...]:
        """Return normalised names of distributions."""
        unknown = [name for name in self.texts(key) if not is_normalized_name(name)]
        return self.texts(key) if not unknown else self._refuse(key, "normalised distribution names", unknown[0])

    def version(self, key: str) -> str:
        """Return a version after PEP 440."""
        text = self._short_text(key)
        try:
            Version(text)
        except InvalidVersion:
            self._refuse(key, "a version", text)
        return text

    def specifier(self, key: str) -> str:
        """Return a range of versions after PEP 440."""
        text = self._short_text(key)
        try:
            SpecifierSet(text)
        except InvalidSpecifier:
            self._refuse(key, "a range of versions", text)
        return text

    def _value(self, key: str) -> object:
        if key not in self.values:
            raise self.error(key, "missing")
        return self.values[key]

    def _list(self, key: str) -> list[object]:
        value = self._value(key)
        return value if isinstance(value, list) else self._refuse(key, "a list", value)

    def _checked_text(self, key: str, value: object) -> str:
        return value if isinstance(value, str) and value and value.isprintable() else self._refuse(key, "a text", value)

    def _short_text(self, key: str) -> str:
        text = self.text(key)
        return text if len(text) <= MOST_VERSION else self._refuse(key, "a shorter text", text)

    def _refuse(self, key: str, wanted: str, value: object) -> NoReturn:
        shown = printable(value[:_SHOWN]) if isinstance(value, str) else type(value).__name__
        raise self.error(key, f"expected {wanted}, got {shown or 'an empty text'}")

    def _place(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def document(data: bytes) -> Fields:
    """Read a JSON document that is one object.

    Raises ``UnreadableError`` for anything else, keys that occur twice and documents above ``LIMIT`` included.
    """
    if len(data) > LIMIT:
        raise UnreadableError(f"a document of {len(data)} bytes is too large")
    try:
        return _fields(json.loads(data.decode("utf-8"), object_pairs_hook=_object), "")
    except UnicodeDecodeError as error:
        raise UnreadableError("not UTF-8 text", where=(f"byte {error.start}",)) from error
    except ValueError as error:  # JSONDecodeError, and the limit on the digits of an integer
        raise UnreadableError(f"not valid JSON: {error}") from error
    except RecursionError as error:
        raise UnreadableError("not valid JSON: nested too deeply") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return found


def _fields(value: object, path: str) -> Fields:
    if not isinstance(value, dict):
        raise UnreadableError(f"expected an object, got {type(value).__name__}", where=(path,) if path else ())
    return Fields(value, path)
