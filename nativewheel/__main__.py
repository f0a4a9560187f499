"""`python -m nativewheel`, and the entry point of the `nativewheel` program."""

from __future__ import annotations

import sys

from nativewheel.cli.boundary import main

if __name__ == "__main__":
    sys.exit(main())
