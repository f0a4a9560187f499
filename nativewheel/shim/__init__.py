"""Python sources that a repaired wheel carries: standard library only, Python 3.8 or newer."""
