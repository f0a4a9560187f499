"""Mach-O, the images of macOS: read and rewritten without Apple's tools, as dyld and the kernel see them.

``slices`` takes a file apart into its slices and their load commands, which ``commands`` gives types; ``reader`` makes the format-neutral model of
them, ``symtab`` and ``signature`` read what is in the symbol table and in the code signature, and ``paths`` knows names that are relative to an
image.  Only 64-bit little-endian images are read: those of x86_64 and arm64 are all that wheels for macOS still hold.
"""
