"""What Linux platforms promise: manylinux and musllinux policies, read from the data that auditwheel ships.

The tables are read as data, so that they are as fresh as the installed auditwheel; none of its code runs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from nativewheel.errors import LinkageError, MachineError, UsageError
from nativewheel.formats.image import Arch, Format, Libc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.image import Identity, Image

_TABLES = {Libc.GLIBC: "manylinux-policy.json", Libc.MUSL: "musllinux-policy.json"}
_LIBPYTHON = re.compile(r"libpython\d+(\.\d+[a-z]*)?\.so(\.\d+)*")
_FAMILIES = {Libc.GLIBC: "manylinux", Libc.MUSL: "musllinux"}

# The tables call musl's libc by its development name; Alpine's files carry the architecture in their SONAME (alpine-baselayout, the musl package).
_MUSL_ARCHES = {Arch.I686: "x86", Arch.ARMV7L: "armv7"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One platform tag and its promise, for one architecture.

    A higher ``priority`` is a better tag: an older system, so that more machines can install the wheel.  ``symbol_versions`` maps a version
    prefix ("GLIBC") to the allowed rest ("2.17"); prefixes that are absent are not restricted.  ``forbidden`` maps a library to symbols
    that its versions on some systems of the platform lack.
    """

    tag: str
    aliases: tuple[str, ...]
    priority: int
    libraries: frozenset[str]
    symbol_versions: Mapping[str, frozenset[str]]
    forbidden: Mapping[str, frozenset[str]]

    @property
    def tags(self) -> tuple[str, ...]:
        """The tag and its legacy spellings."""
        return (self.tag, *self.aliases)

    def supplies(self, name: Identity) -> bool:
        """Whether the platform itself has the library ``name``."""
        return name in self.libraries or is_loader(name)

    def allows(self, version: str) -> bool:
        """Whether a symbol version, such as "GLIBC_2.17", is on every system of the platform."""
        prefix, _, rest = version.partition("_")
        return prefix not in self.symbol_versions or rest in self.symbol_versions[prefix]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """The policies of one C library and architecture, best first; ``fallback`` is the tag that promises nothing."""

    libc: Libc
    arch: Arch
    policies: tuple[Policy, ...]

    @property
    def fallback(self) -> str:
        """The tag of a wheel that only promises to run where it was built."""
        return f"linux_{self.arch}"

    @property
    def provable(self) -> tuple[Policy, ...]:
        """The policies that content can be judged by, best first.

        musl has no symbol versions, so nothing in a file tells an older release from a newer one (PEP 656): only the newest is safe to promise.
        """
        return self.policies if self.libc is Libc.GLIBC else self.policies[-1:]

    @property
    def forbidden_names(self) -> frozenset[str]:
        """Every symbol that some policy of the set forbids."""
        return frozenset().union(*(names for policy in self.policies for names in policy.forbidden.values()))

    @property
    def always_supplied(self) -> frozenset[str]:
        """Libraries that every policy of the set promises."""
        return frozenset.intersection(*(policy.libraries for policy in self.policies)) if self.policies else frozenset()

    def named(self, tag: str) -> Policy | None:
        """Return the policy with this tag or alias."""
        return next((policy for policy in self.policies if tag in policy.tags), None)

    def requested(self, plat: str) -> Policy:
        """Return the policy that ``--plat`` asks for, with or without the architecture.

        Raises ``UsageError`` for a tag that is unknown or of another architecture.
        """
        policy = self.named(plat) or self.named(f"{plat}_{self.arch}")
        if policy is None:
            known = ", ".join(policy.tag for policy in self.policies)
            raise UsageError(f"--plat {plat} is not a tag for {self.arch} and {self.libc}", hint=f"known tags, best first: {known}")
        return policy


def family(plat: str) -> Libc | None:
    """Return the C library that a platform tag stands for, None when it names none."""
    return next((libc for libc, prefix in _FAMILIES.items() if plat.startswith(prefix)), None)


def runs(arch: Arch, image: Image) -> bool:
    """Whether ``image`` is code for Linux on machines of ``arch``."""
    # ARMv7 runs what is made for ARMv6; and code for ARMv6 is often linked with object files that mark the whole as ARMv7.
    arm = {Arch.ARMV6L, Arch.ARMV7L}
    return image.format is Format.ELF and not (arm if arch in arm else {arch}).isdisjoint(image.archs)


def is_libpython(name: Identity) -> bool:
    """Whether ``name`` is CPython's own library, which a manylinux wheel must not depend on (PEP 513, "libpythonX.Y.so.1")."""
    return _LIBPYTHON.fullmatch(name) is not None


def is_loader(name: Identity) -> bool:
    """Whether ``name`` is glibc's dynamic loader, which is part of every glibc system (ld64.so.* on ppc64le and s390x)."""
    return name.startswith(("ld-linux", "ld64.so."))


@cache
def policies(libc: Libc, arch: Arch) -> PolicySet:
    """Return the policies for ``arch``, best first.

    Raises ``LinkageError`` when no policy covers the architecture, ``MachineError`` when auditwheel's tables are unreadable.
    """
    found = [_policy(row, libc, arch) for row in _rows(libc) if str(arch) in row["symbol_versions"]]
    if not found:
        raise LinkageError(
            f"no {_FAMILIES[libc]} tag covers {arch}",
            hint="the wheel can only be used where it was built; publish an sdist for this architecture",
        )
    found.sort(key=lambda policy: policy.priority, reverse=True)
    return PolicySet(libc=libc, arch=arch, policies=tuple(found))


def _rows(libc: Libc) -> list[dict[str, Any]]:
    table = files("auditwheel").joinpath("policy", _TABLES[libc])
    try:
        rows: list[dict[str, Any]] = json.loads(table.read_bytes())
    except (OSError, ValueError) as error:
        raise MachineError(f"auditwheel's policy table {_TABLES[libc]} cannot be read: {error}", hint="reinstall auditwheel") from error
    return [row for row in rows if row["priority"] > 0]


def _policy(row: dict[str, Any], libc: Libc, arch: Arch) -> Policy:
    libraries = frozenset(row["lib_whitelist"])
    if libc is Libc.MUSL:
        # Both spellings: Alpine's packages name the architecture, the musl-gcc wrapper and zig do not.
        libraries |= {f"libc.musl-{_MUSL_ARCHES.get(arch, arch)}.so.1"}
    return Policy(
        tag=f"{row['name']}_{arch}",
        aliases=tuple(f"{alias}_{arch}" for alias in row["aliases"]),
        priority=row["priority"],
        libraries=libraries,
        symbol_versions={prefix: frozenset(versions) for prefix, versions in row["symbol_versions"][str(arch)].items()},
        forbidden={library: frozenset(symbols) for library, symbols in row["blacklist"].items()},
    )
