"""Edit the load commands of a slice: install name, dependencies, search path, UUID, and room for the signature.

They must end before the first content of a section, and every dependency keeps its place, because symbols refer to it by its number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from nativewheel.errors import LinkageError
from nativewheel.formats.macho.commands import DYLIB_KINDS
from nativewheel.formats.macho.constants import (
    DYLIB_USE_MARKER,
    LC_CODE_SIGNATURE,
    LC_ID_DYLIB,
    LC_LOAD_WEAK_DYLIB,
    LC_RPATH,
    LC_UUID,
)
from nativewheel.formats.macho.layoutcheck import UNIQUE_DYLIBS_SDK
from nativewheel.formats.macho.slices import HEADER

if TYPE_CHECKING:
    from nativewheel.formats.image import Edit
    from nativewheel.formats.macho.commands import LoadCommand
    from nativewheel.formats.macho.slices import Slice

COMMAND_ALIGNMENT = 8
DYLIB_SIZE = 24
RPATH_SIZE = 12
SIGNATURE_SIZE = 16
PLAIN_TIMESTAMP = 2
"""What linkers write into LC_LOAD_DYLIB."""


def edit_commands(image: Slice, edit: Edit, *, signed: bool, renamed: bool) -> list[bytearray]:
    """Return the new load commands; what they say of __LINKEDIT is still the old.

    ``signed`` asks for LC_CODE_SIGNATURE, which comes last, and ``renamed`` for another UUID.  A slice without an install name gets none.
    """
    edited: list[bytearray] = []
    rpaths = [_rpath(entry) for entry in edit.rpaths or ()]
    names = _DependencyNames(image, edit)
    for command in image.commands:
        if command.cmd == LC_RPATH and edit.rpaths is not None:
            edited += rpaths
            rpaths = []
        elif command.cmd == LC_ID_DYLIB and edit.identity is not None:
            edited.append(_named(command, edit.identity))
        elif command.cmd in DYLIB_KINDS:
            edited.append(names.edit(command))
        elif command.cmd != LC_CODE_SIGNATURE:
            edited.append(bytearray(command.body))
        if command.cmd == LC_UUID and renamed:
            edited[-1][8:24] = _uuid(command.body[8:24], edit)
    edited += rpaths
    if signed:
        edited.append(bytearray(LC_CODE_SIGNATURE.to_bytes(4, "little") + SIGNATURE_SIZE.to_bytes(4, "little") + bytes(8)))
    return edited


class _DependencyNames:
    """What becomes of the commands that name a dependency."""

    def __init__(self, image: Slice, edit: Edit) -> None:
        self.old = {dylib.command.offset: dylib.name for dylib in image.dylibs}
        self.flat: dict[str, str] = {binding.dependency: binding.identity for binding in edit.flat}
        self.names: dict[str, str] = dict(edit.replace)
        if image.build is not None and image.build.sdk >= UNIQUE_DYLIBS_SDK:
            self._require_unique()

    def _require_unique(self) -> None:
        seen: dict[str, str] = {}
        for old in self.old.values():
            new = self.flat.get(old) or self.names.get(old, old)
            if seen.setdefault(new, old) != old:
                raise LinkageError(f"the image would ask for {new} twice, which dyld refuses for images built with the SDK of macOS 26 or later")

    def edit(self, command: LoadCommand) -> bytearray:
        old = self.old[command.offset]
        if old in self.flat:
            return _weak(command, self.flat[old])
        return _named(command, self.names[old]) if old in self.names else bytearray(command.body)


def write_header(image: Slice, edited: list[bytearray], head: bytearray) -> None:
    """Write the load commands into ``head``, a copy of the image up to __LINKEDIT.  Raises ``LinkageError`` if there is no room for them."""
    table = b"".join(edited)
    end, old, limit = HEADER.size + len(table), image.commands_end, image.header_limit
    if end > limit or any(image.data[old : max(end, old)]):
        raise LinkageError(
            f"the load commands need {end - old} bytes more, and there is room for {room(image)}",
            where=("mach_header",),
            hint="build it with -Wl,-headerpad_max_install_names",
        )
    fields = list(HEADER.unpack_from(head))
    fields[4:6] = len(edited), len(table)
    HEADER.pack_into(head, 0, *fields)
    head[HEADER.size : max(end, old)] = table + bytes(max(old - end, 0))


def room(image: Slice) -> int:
    """Return how many bytes the load commands may grow by: those up to the first content that are zero."""
    padding = bytes(image.data[image.commands_end : image.header_limit])
    return len(padding) - len(padding.lstrip(b"\0")) if padding.strip(b"\0") else len(padding)


def command_number(command: bytearray) -> int:
    """Return the number (cmd) of an edited load command."""
    return int.from_bytes(command[:4], "little")


def _named(command: LoadCommand, name: str) -> bytearray:
    """Return a copy of a command that names a library, with another name."""
    start = int.from_bytes(command.body[8:12], "little")
    return _with_text(command.body[:start], name)


def _weak(command: LoadCommand, name: str) -> bytearray:
    """Return the LC_LOAD_WEAK_DYLIB that takes the place of a command: dyld goes on without the library if it is not there."""
    body = bytearray(command.body[:DYLIB_SIZE])
    body[:4] = LC_LOAD_WEAK_DYLIB.to_bytes(4, "little")
    body[8:12] = DYLIB_SIZE.to_bytes(4, "little")
    if int.from_bytes(body[12:16], "little") == DYLIB_USE_MARKER:
        # The word of flags behind the versions goes.
        body[12:16] = PLAIN_TIMESTAMP.to_bytes(4, "little")
    return _with_text(bytes(body), name)


def _rpath(entry: str) -> bytearray:
    return _with_text(LC_RPATH.to_bytes(4, "little") + bytes(4) + RPATH_SIZE.to_bytes(4, "little"), entry)


def _with_text(fixed: bytes, text: str) -> bytearray:
    if "\0" in text or not text.isprintable():
        raise LinkageError(f"no load command can hold the name {text!r}")
    body = bytearray(fixed + text.encode() + b"\0")
    body += bytes(-len(body) % COMMAND_ALIGNMENT)
    body[4:8] = len(body).to_bytes(4, "little")
    return body


def _uuid(old: bytes, edit: Edit) -> bytes:
    """Return a UUID for the same image with other symbols: debuggers and crash reports go by it."""
    lines = [f"{old_name} {new_name}" for old_name, new_name in sorted(edit.rename_symbols)]
    for library, renames in sorted([*((item.identity, item.renames) for item in edit.flat), *edit.rename_imports]):
        lines += [library, *(f"{old_name} {new_name}" for old_name, new_name in sorted(renames))]
    return uuid5(UUID(bytes=old), "\n".join(lines)).bytes
