"""PE, the images of Windows: read and rewritten on any host.

``headers`` takes a file apart into its headers and sections, and finds bytes by RVA; ``imports``, ``exports``, ``loadconfig`` and ``resources`` give
types to what the data directories point at.  On these stand ``reader``, which makes the format-neutral model, with ``classify`` and ``machine``, and
``runtime``, which tells the C runtimes apart.  ``conventions`` knows how images name libraries.

``writer`` renames DLLs: ``renaming`` says what changes, ``room`` and ``growing`` find places for longer names, ``patches`` keeps all edits until the
copy is written, and ``verify`` and ``structure`` look at the result.  ``backend`` has another program do a part of that.  ``importlibrary`` changes
the files that linkers read.

DLL names are bytes that the loader compares without regard to case; only ASCII letters are known to have one.
"""
