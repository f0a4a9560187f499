"""RECORD: the list of a wheel's files with their hashes and sizes, as bytes."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from nativewheel.errors import UnreadableError
from nativewheel.wheel.names import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Buffer = bytes | bytearray | memoryview

_DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_SIZE = re.compile(r"[0-9]{1,18}", re.ASCII)
_NEEDS_QUOTES = re.compile(r'[,"\r\n]')
_COLUMNS = 3
_QUOTED_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One row: the path as RECORD spells it, ``algorithm=digest``, and the size in bytes; the last two may be missing."""

    name: str
    hash: str | None = None
    size: int | None = None

    def __str__(self) -> str:
        name = '"' + self.name.replace('"', '""') + '"' if _NEEDS_QUOTES.search(self.name) else self.name
        return f"{name},{self.hash or ''},{'' if self.size is None else self.size}"

    @property
    def algorithm(self) -> str | None:
        """The name of the hash, as hashlib spells it."""
        return self.hash.partition("=")[0] if self.hash else None


@dataclass(frozen=True, slots=True)
class Record:
    """RECORD: its rows in order; ``bytes()`` renders it with LF line ends."""

    rows: tuple[RecordRow, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse the bytes of a RECORD file.

        Raises ``UnreadableError`` for anything but CSV rows of path, hash and size in UTF-8, and for hashes weaker than SHA-256, which the
        wheel specification forbids.
        """
        try:
            text = data.decode("utf-8")
            # strict: without it, the reader repairs broken quoting in its own way.
            return cls(tuple(_row(fields) for fields in csv.reader(io.StringIO(text, newline=""), strict=True) if fields))
        except UnicodeDecodeError as error:
            raise UnreadableError("RECORD is not UTF-8 text", where=(f"byte {error.start}",)) from error
        except csv.Error as error:
            raise UnreadableError(f"RECORD is not well-formed CSV: {error}") from error

    def __iter__(self) -> Iterator[RecordRow]:
        return iter(self.rows)

    def __bytes__(self) -> bytes:
        return "".join(f"{row}\n" for row in self.rows).encode()


def _row(fields: list[str]) -> RecordRow:
    name = printable(fields[0][:_QUOTED_NAME])
    if len(fields) != _COLUMNS:
        raise UnreadableError(f"a RECORD row has {len(fields)} columns and not 3", where=(name,))
    if fields[2] and not _SIZE.fullmatch(fields[2]):
        raise UnreadableError("the size in RECORD is not a number", where=(name,))
    return RecordRow(name=fields[0], hash=_hash(name, fields[1]), size=int(fields[2]) if fields[2] else None)


def _hash(name: str, text: str) -> str | None:
    """Check the form of a hash column; the padding that some backends leave is dropped."""
    if not text:
        return None
    algorithm, _, digest = text.partition("=")
    digest = digest.rstrip("=")
    if algorithm not in _DIGEST_SIZES:
        raise UnreadableError(
            f"the hash in RECORD is not one of {', '.join(_DIGEST_SIZES)}: {algorithm[:_QUOTED_NAME]!r}",
            where=(name,),
            hint="rebuild the wheel with a current build backend",
        )
    try:
        raw = urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
    except ValueError as error:
        raise UnreadableError("the hash in RECORD is not URL-safe base64", where=(name,)) from error
    # The decoder skips foreign characters and stray bits; the comparison does not.
    if _encode(raw) != digest:
        raise UnreadableError("the hash in RECORD is not URL-safe base64", where=(name,))
    if len(raw) != _DIGEST_SIZES[algorithm]:
        raise UnreadableError(f"the hash in RECORD is {len(raw)} bytes long, not the {_DIGEST_SIZES[algorithm]} of {algorithm}", where=(name,))
    return f"{algorithm}={digest}"


def record_hash(data: Buffer, algorithm: str = "sha256") -> str:
    """Hash ``data`` into the text that RECORD holds: the algorithm, ``=``, and the digest in URL-safe base64 without padding."""
    return f"{algorithm}={_encode(hashlib.new(algorithm, data).digest())}"


def _encode(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDifference:
    """One kind of disagreement with RECORD, and the files that it is about (none when RECORD as a whole is meant); ``str()`` is a sentence."""

    text: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text}: {listed([printable(name[:_QUOTED_NAME]) for name in self.names])}" if self.names else self.text


def disagreements(record: Record, sizes: Mapping[str, int], dist_info: str) -> tuple[RecordDifference, ...]:
    """Compare ``record`` with the files of the archive and their sizes in bytes.

    RECORD itself and its signatures have no hash, and the signatures need not be listed (binary distribution format, "Signed wheel files").
    """
    signatures = {f"{dist_info}/RECORD.jws", f"{dist_info}/RECORD.p7s"}
    unhashed = {f"{dist_info}/RECORD", *signatures}
    rows = {row.name: row for row in record}
    counts = Counter(row.name for row in record)
    findings = (
        ("the archive has files that RECORD does not list", [name for name in sizes if name not in rows and name not in signatures]),
        ("RECORD lists files that the archive does not have", [name for name in rows if name not in sizes]),
        ("RECORD lists files twice", [name for name, count in counts.items() if count > 1]),
        ("RECORD has no hash for", [name for name, row in rows.items() if row.hash is None and name not in unhashed]),
        (
            "RECORD has another size for",
            [name for name, row in rows.items() if row.size not in {None, sizes.get(name, row.size)} and name not in unhashed],
        ),
    )
    return tuple(RecordDifference(text=text, names=tuple(names)) for text, names in findings if names)
