"""A program of its own: loads the libraries of one provider and says which files the loader took.

It is run in a fresh interpreter, whose search path it is told: what is loaded cannot be unloaded, and a broken library can end the process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def mapped_files(maps: str, name: str) -> list[str]:
    """Return the files called ``name`` in a table of memory mappings (proc_pid_maps(5))."""
    paths = (line[line.index("/") :] for line in maps.splitlines() if line.endswith(f"/{name}"))
    return list(dict.fromkeys(paths))


def main() -> None:
    """Read a request from standard input, and write the answer to standard output, where nothing else goes."""
    with open(0, "rb", closefd=False) as stream:
        request = json.load(stream)
    answer = os.dup(1)
    os.dup2(2, 1)
    sys.path[:] = request["path"]
    provider = __import__(request["module"])
    provider.load()
    maps = Path("/proc/self/maps")
    table = maps.read_text(encoding="utf-8", errors="surrogateescape") if maps.exists() else None
    loaded = {file: [str(provider.path(name))] if table is None else mapped_files(table, file) for file, name in request["names"].items()}
    with os.fdopen(answer, "wb") as stream:
        stream.write(json.dumps({"loaded": loaded}).encode())


if __name__ == "__main__":
    main()
