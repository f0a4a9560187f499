"""Sphinx configuration."""

from __future__ import annotations

import sys
from pathlib import Path

from nativewheel import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "nativewheel"
author = "The nativewheel authors"
project_copyright = "2026, the nativewheel authors"
release = __version__
extensions = ["sphinx_click", "schema_table", "rule_pages"]
html_theme = "furo"
html_title = f"nativewheel {release}"
