"""Mach-O, the images of macOS: read and rewritten without Apple's tools, by the rules of dyld and of the kernel.

``slices`` takes a file apart into its slices and their load commands, to which ``commands`` gives types.  On these stand ``reader``, which makes
the format-neutral model, with ``classify`` and ``symbols``; ``signature``, which checks every page; and ``writer``, which leaves all content as
it is but for the load commands and __LINKEDIT, and builds that anew.  Each table in __LINKEDIT has a module that decodes it and encodes it again.
``conventions`` knows how images name libraries.

Only 64-bit little-endian images are read: those for x86_64 and arm64 are all that wheels for macOS still hold.
"""
