"""ELF: the reader is nativewheel's own; edits are made by the patchelf program and checked afterwards."""
