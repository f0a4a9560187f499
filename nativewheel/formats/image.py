"""The format-neutral model of a native file: what the rest of nativewheel knows of ELF, PE and Mach-O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType

Identity = NewType("Identity", str)
"""What dependents say to get a library: a SONAME, an install name or a DLL base name."""

Soname = NewType("Soname", Identity)
"""An ELF identity (DT_SONAME, DT_NEEDED)."""


class Format(StrEnum):
    """The object file formats, as `show --format json` names them."""

    ELF = "elf"
    PE = "pe"
    MACHO = "macho"


class Arch(StrEnum):
    """Processor architectures, by the names that Linux platform tags use; macOS and Windows tags have their own spelling."""

    X86_64 = "x86_64"
    I686 = "i686"
    AARCH64 = "aarch64"
    ARMV7L = "armv7l"
    ARMV6L = "armv6l"
    PPC64LE = "ppc64le"
    PPC64 = "ppc64"
    S390X = "s390x"
    RISCV64 = "riscv64"
    LOONGARCH64 = "loongarch64"


class Kind(StrEnum):
    """What an image is for."""

    EXTENSION = "extension"
    LIBRARY = "library"
    PROGRAM = "program"


class Libc(StrEnum):
    """The C library that an ELF image is made for."""

    GLIBC = "glibc"
    MUSL = "musl"


class PeBackend(StrEnum):
    """What renames the DLLs that PE images import."""

    NATIVEWHEEL = "nativewheel"
    MACHOMACHOMANGLER = "machomachomangler"


class IsaLevel(IntEnum):
    """x86-64 micro-architecture levels of the psABI, as GNU_PROPERTY_X86_ISA_1_NEEDED demands them; other architectures are BASELINE."""

    BASELINE = 1
    V2 = 2
    V3 = 3
    V4 = 4


class Requirement(StrEnum):
    """How firmly an image asks for a dependency.

    ELF knows only REQUIRED.  Mach-O adds WEAK (LC_LOAD_WEAK_DYLIB), REEXPORT and UPWARD; PE adds DELAYED (delay-import table) and FORWARDED
    (a forwarder string is the only reference).
    """

    REQUIRED = "required"
    WEAK = "weak"
    REEXPORT = "reexport"
    UPWARD = "upward"
    DELAYED = "delayed"
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One library that an image asks the loader for.

    ``versions`` are the symbol versions wanted of that very library (ELF: the vernaux names of the verneed entry whose file is ``name``).
    """

    name: Identity
    requirement: Requirement = Requirement.REQUIRED
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """One dynamic symbol.

    ``version`` and ``library`` are known for imports whose binding names them (ELF symbol versioning: vernaux name and verneed file; the
    install name that a Mach-O ordinal stands for).  For exports, ``version`` is the verdef name and ``library`` is None.  ``weak`` is an import that
    may be missing, or a weak definition.  Mach-O names have the leading underscore that C names get there.  ``archs`` are the slices of a universal
    file that have the symbol, empty when all have it.
    """

    name: str
    version: str | None = None
    library: Identity | None = None
    weak: bool = False
    archs: tuple[Arch, ...] = ()

    def is_for(self, arch: Arch) -> bool:
        """Whether the image has the symbol on ``arch``."""
        return not self.archs or arch in self.archs


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One native file, read.

    ``archs`` has one item, or one for each slice of a universal Mach-O.  ``rpaths`` are the entries of DT_RPATH or DT_RUNPATH (whichever the loader
    honours) or of all LC_RPATH, unexpanded, in order; ``inherited_rpaths`` says that the loader also applies them to the dependencies of
    dependencies (DT_RPATH without DT_RUNPATH; LC_RPATH always).  ``unlisted`` are libraries of which the image wants symbol versions although it
    does not ask for them (ELF: a verneed file that no DT_NEEDED names): something else must bring them, and the loader checks the versions all the
    same.  ``minimum_os`` is the macOS version that a platform tag for all ``archs`` must state; ``minimums`` has the version of each slice in the
    order of ``archs``, None for one that states none, and is () for other formats.  ``certified`` says that a slice is signed with a certificate
    (Developer ID), which no edit keeps; whether the certificate is good is not asked.
    """

    format: Format
    archs: tuple[Arch, ...]
    kind: Kind
    identity: Identity | None
    dependencies: tuple[Dependency, ...]
    unlisted: tuple[Dependency, ...] = ()
    rpaths: tuple[str, ...] = ()
    inherited_rpaths: bool = False
    interpreter: str | None = None
    libc: Libc | None = None
    isa: IsaLevel = IsaLevel.BASELINE
    minimum_os: str | None = None
    minimums: tuple[str | None, ...] = ()
    signed: bool = False
    certified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatBinding:
    """How a Mach-O image is to get the symbols of ``dependency``, as its load command names it, from a library that something else loads first.

    The load command becomes LC_LOAD_WEAK_DYLIB of ``identity``.  All references to it are looked up in the flat namespace instead, by the new names
    of ``renames`` (old, new), with the leading underscore; a name that is not in it stays.
    """

    dependency: Identity
    identity: Identity
    renames: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What to change in an image, by meaning.  A field at its default leaves that part as it is.

    ``replace`` renames dependencies (old, new), together with the symbol-version records that name them; ``remove`` drops dependencies, whose symbols
    the process has from elsewhere; ``rpaths`` is the whole new search path, () to have none.  ``strip`` removes the static symbol table and debug
    sections first.  ``rename_symbols`` gives the dynamic symbols that the image offers, and its own references to them, other names (old, new); it
    may name symbols that the image does not have.  ``rename_imports`` does so for the references to one library, by the name that the image has for
    it now.  ELF references name no library, so all of one name get the new one.  Mach-O names have a leading underscore in both.  ``flat`` is for
    Mach-O alone, and so is ``rename_weak``: the old names of weak definitions among those that get new ones by ``flat`` and ``rename_imports``.
    """

    identity: Identity | None = None
    replace: tuple[tuple[Identity, Identity], ...] = ()
    remove: tuple[Identity, ...] = ()
    rpaths: tuple[str, ...] | None = None
    strip: bool = False
    rename_symbols: tuple[tuple[str, str], ...] = ()
    flat: tuple[FlatBinding, ...] = ()
    rename_imports: tuple[tuple[Identity, tuple[tuple[str, str], ...]], ...] = ()
    rename_weak: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Edit()
