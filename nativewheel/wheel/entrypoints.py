"""`entry_points.txt` as bytes: adding one entry point without touching the others (entry points specification, "File format")."""

from __future__ import annotations

import re


def with_entry_point(text: bytes, group: str, name: str, reference: str) -> bytes:
    """Return ``text`` with ``name = reference`` in ``group``; the group is made when it is missing, and an entry that is there already stays."""
    newline = b"\r\n" if b"\r\n" in text else b"\n"
    entry = f"{name} = {reference}".encode()
    if text and not text.endswith((b"\n", b"\r")):
        text += newline
    header = re.search(rb"^\[\s*" + re.escape(group.encode()) + rb"\s*\][ \t]*\r?\n?", text, re.MULTILINE)
    if header is None:
        gap = newline if text else b""
        return text + gap + f"[{group}]".encode() + newline + entry + newline
    following = re.search(rb"^\[", text[header.end() :], re.MULTILINE)
    section = text[header.end() : header.end() + following.start()] if following else text[header.end() :]
    if re.search(rb"^" + re.escape(name.encode()) + rb"\s*=", section, re.MULTILINE):
        return text
    return text[: header.end()] + entry + newline + text[header.end() :]
