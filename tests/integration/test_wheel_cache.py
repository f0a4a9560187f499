"""The cache of real wheels, which tests in several processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import realwheels

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_another_process_was_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realwheels, "CACHE", tmp_path)
    folder = tmp_path / "published" / "some"

    def make(scratch: Path) -> None:
        for place, content in ((scratch, b"ours"), (folder, b"theirs")):
            place.mkdir(parents=True, exist_ok=True)
            (place / "some.whl").write_bytes(content)

    realwheels.fill(folder, make)
    assert (folder / "some.whl").read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [folder.parent]
