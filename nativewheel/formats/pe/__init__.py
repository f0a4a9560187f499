"""PE, the images of Windows: read and rewritten on any host.

``headers`` takes a file apart into its headers and sections, and finds bytes by RVA; ``imports``, ``exports``, ``loadconfig`` and ``resources`` give
types to what the data directories point at.  On these stand ``reader``, which makes the format-neutral model, with ``classify`` and ``machine``, and
``runtime``, which tells the C runtimes apart.  ``conventions`` knows how images name libraries.

DLL names are bytes that the loader compares without regard to case; only ASCII letters are known to have one.
"""
