"""ELF images: read with `struct` over a memory view, written by the `patchelf` program, and checked after each write."""
