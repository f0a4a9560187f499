"""Options: one table of keys for the command line, `[tool.nativewheel]` and the Python interface, and how the three are merged."""
