"""NW601 to NW604: wheels that are checked together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nativewheel import formats
from nativewheel.check.few import few
from nativewheel.check.finding import Severity
from nativewheel.check.rule import SetRule
from nativewheel.formats.image import Format
from nativewheel.linkage.naming import is_hashed
from nativewheel.linkage.windows import is_msvc_runtime
from nativewheel.wheel.compatibility import installable_together
from nativewheel.wheel.names import listed, printable
from nativewheel.wheel.ranges import intersects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.check.facts import LibraryFacts, WheelFacts
    from nativewheel.check.finding import Finding
    from nativewheel.formats.image import Identity

_LONGEST_LINE = 4096
_MOST_RANGES = 16
"""Ranges of one distribution that are compared for each wheel: more than any real one has, and few enough to compare each two."""

# What comes with a compiler goes with the code that it compiled; nobody can promise it for the code of others.
_RUNTIME = re.compile(
    r"lib(?:gcc_s|stdc\+\+|gfortran|quadmath|atomic|ssp|winpthread|c\+\+|c\+\+abi|unwind)[-._]|msvcp|vcruntime|concrt|vcomp", re.IGNORECASE
)


class OneIdentity(SetRule):
    """NW601."""

    code = "NW601"
    name = "one-identity"
    summary = "Two distributions have a library of one identity for one platform"
    explanation = """\
Loaders know a library by its identity: its SONAME, its install name, or the base name of the DLL. When two distributions that can be installed \
together have different libraries of one identity, the one that is loaded first serves both; which one that is depends on the order of imports.

Names that carry a hash of their contents are no finding, since equal names then mean equal files; neither are equal copies of Microsoft's runtime, \
nor dylibs that are found by a path relative to the file that asks for them.

Source: dlopen(3) and glibc, elf/dl-load.c (match by SONAME); dyld(1); "Dynamic-link library search order" (loaded-module list)."""
    example = "spam.libs/libfoo.so.1: eggs-2.0-cp311-cp311-manylinux_2_17_x86_64.whl has another library called libfoo.so.1"
    remedy = """\
Let `nativewheel repair` vendor the library under a name with a hash, or let one distribution export it and the other use it from there. For \
incompatible majors of one library, use distributions and ABI series of their own."""

    def check_set(self, wheels: Sequence[WheelFacts]) -> Iterator[Finding]:
        """Compare the libraries of each two distributions."""
        having: dict[tuple[Format, str], list[tuple[WheelFacts, LibraryFacts]]] = defaultdict(list)
        for wheel in wheels:
            for library in wheel.libraries:
                if (identity := _findable(library)) is not None:
                    having[library.format, formats.conventions(library.format).key(identity)].append((wheel, library))
        for holders in having.values():
            for (wheel, library), (other, theirs) in _first_of_each(holders):
                if library.digest == theirs.digest and not (library.exported and theirs.exported) and is_msvc_runtime(library.identity or ""):
                    continue
                message = f"{other.file} has {'the same' if library.digest == theirs.digest else 'another'} library called {library.identity}"
                fix = "give it a unique name: vendor it with a hash, or export it from one distribution only"
                yield self.found(wheel, message, fix=fix, member=library.member)


class RangesContradict(SetRule):
    """NW602."""

    code = "NW602"
    name = "ranges-contradict"
    summary = "No version of a distribution satisfies what the wheels require of it"
    explanation = """\
Two wheels that can be installed together require ranges of a third distribution that have no version in common, or one wheel does so by itself: \
consumers of a shared library that were built against different series of its provider, as a rule. No installer can have them both.

Requirements with markers are compared when the markers are equal; those of extras are not.

Source: dependency specifiers (PEP 508), version specifiers (PEP 440)."""
    example = "spam-1.0-…whl: requires ntcore<2,>=1.2, and eggs-1.0-…whl requires ntcore<3,>=2.0"
    remedy = "Build both against the same series of the provider, or let the provider's `requires` template allow more."

    def check_set(self, wheels: Sequence[WheelFacts]) -> Iterator[Finding]:
        """Compare requirements of the same distribution under the same marker."""
        asking: dict[tuple[str, str], dict[str, list[tuple[WheelFacts, Requirement]]]] = defaultdict(lambda: defaultdict(list))
        counts: Counter[tuple[str, ...]] = Counter()
        for wheel in wheels:
            for requirement in _requirements(wheel):
                if requirement.url is None and "extra" not in str(requirement.marker):
                    key = canonicalize_name(requirement.name), str(requirement.marker or "")
                    counts[wheel.file, *key] += 1
                    if counts[wheel.file, *key] <= _MOST_RANGES:
                        asking[key][str(requirement.specifier)].append((wheel, requirement))
        for ranges in asking.values():
            for one, other in combinations(ranges, 2):
                if not intersects(one, other):
                    yield from self._pairs(ranges[one], ranges[other])

    def _pairs(self, ours: Sequence[tuple[WheelFacts, Requirement]], theirs: Sequence[tuple[WheelFacts, Requirement]]) -> Iterator[Finding]:
        fix = "build both against the same series of it"
        for wheel, requirement in ours:
            rivals = [(other, wanted) for other, wanted in theirs if other is wheel or _meet(wheel, other)]
            for (other, wanted), others in few(rivals, most=1):
                said = "requires" if other is not wheel else "also requires"
                who = other.file if other is not wheel else "it"
                yield self.found(wheel, f"requires {requirement}, and {who} {said} {wanted}{others}", fix=fix)


class RequirementsDiffer(SetRule):
    """NW603."""

    code = "NW603"
    name = "requirements-differ"
    severity = Severity.WARNING
    summary = "Wheels of one release have different Requires-Dist"
    explanation = """\
Resolvers that lock for all platforms (uv, Poetry, PDM) read the metadata of one wheel of a release, whichever it is, and take its requirements for \
those of all. A wheel that requires more than the others is then installed without it.

Differences between platforms belong into markers, with the same lines in every wheel.

Source: uv's documentation, "Resolution", on inconsistent metadata; PyPA discussion on PEP 643 and metadata that differs between wheels."""
    example = "spam-1.0-cp311-cp311-win_amd64.whl: lacks ntcore<2,>=1.2.7, which spam-1.0-cp311-cp311-manylinux_2_17_x86_64.whl requires"
    remedy = """\
Write the requirement into the project's metadata with a marker such as `; sys_platform == "linux"`. For providers, set `marker` in \
`[tool.nativewheel.providers]`: the same line then goes into every wheel of the consumer."""

    def check_set(self, wheels: Sequence[WheelFacts]) -> Iterator[Finding]:
        """Compare each wheel with the first of its release."""
        releases: dict[tuple[str, str], list[WheelFacts]] = defaultdict(list)
        for wheel in wheels:
            releases[wheel.name.normalized, wheel.version].append(wheel)
        for first, *others in releases.values():
            expected = _lines(first)
            for wheel in others:
                own = _lines(wheel)
                lacking, extra = sorted(expected - own), sorted(own - expected)
                parts = [f"lacks {listed(lacking)}, which {first.file} requires"] * bool(lacking)
                parts += [f"requires {listed(extra)}, which {first.file} does not"] * bool(extra)
                if parts:
                    fix = "put the same lines into every wheel, with markers for what only some platforms need"
                    yield self.found(wheel, "; ".join(parts), fix=fix)


class VendoredSeveralTimes(SetRule):
    """NW604."""

    code = "NW604"
    name = "vendored-several-times"
    severity = Severity.WARNING
    summary = "The same library is in the wheels of several distributions"
    explanation = """\
Distributions that can be installed together carry the same library, byte for byte or under the same name with a hash. Whoever installs both \
downloads it twice, and has its code and its state (thread pools, caches, configuration) in memory twice; a security fix in it needs a release of \
each.

Runtimes of compilers (libstdc++, libgfortran, msvcp140 and others) are no finding: they go with the code that the compiler made.

One distribution can export the library and the others use it from there: see "Sharing" in the documentation. "When not to share" says when copies \
are the better choice.

Source: the sizes of numeric and database wheels; PEP 725, "Motivation"."""
    example = "spam.libs/libopenblas-1a2b3c4d.so: also in eggs-2.0-…whl (35,129,344 bytes that sharing would save)"
    remedy = """\
Make one distribution the provider (`[[tool.nativewheel.export]]`) and repair the others with it (`--provider`), or ignore this rule: vendoring is \
right for libraries that are small or whose releases the distributions cannot agree on."""

    def check_set(self, wheels: Sequence[WheelFacts]) -> Iterator[Finding]:
        """Group libraries by contents, or by a name with a hash, and those that the same wheels have into one finding."""
        having: dict[str, list[tuple[WheelFacts, LibraryFacts]]] = defaultdict(list)
        for wheel in wheels:
            for library in wheel.libraries:
                file = library.member.rpartition("/")[2]
                if _RUNTIME.match(file):
                    continue
                having[file if is_hashed(file) else library.digest].append((wheel, library))
        shared: dict[tuple[str, ...], list[tuple[WheelFacts, LibraryFacts, int]]] = defaultdict(list)
        for holders in having.values():
            first = next(((wheel, library, others) for (wheel, library), others in _with_rivals(holders) if others), None)
            if first:
                wheel, library, others = first
                copies = len({other.name.normalized for other in others})
                shared[wheel.file, *(other.file for other in others)].append((wheel, library, copies * library.size))
        for (_, *files), libraries in shared.items():
            wheel, largest, _ = max(libraries, key=lambda item: item[2])
            more = f", as {_counted(len(libraries) - 1)}" if len(libraries) > 1 else ""
            message = f"also in {listed(files)}{more} ({sum(saved for _, _, saved in libraries):,} bytes that sharing would save)"
            yield self.found(wheel, message, fix="let one distribution export it, and the others use it from there", member=largest.member)


def _counted(libraries: int) -> str:
    return "is another library" if libraries == 1 else f"are {libraries} other libraries"


def _findable(library: LibraryFacts) -> Identity | None:
    """Return the identity by which the loader would take another library for this one, None where that cannot be."""
    name = library.identity
    # dyld compares the name that is asked for, after `@loader_path` was expanded; delocate's names start with /DLC.
    if name is None or is_hashed(name.rpartition("/")[2]) or (library.format is Format.MACHO and not name.startswith("@rpath/")):
        return None
    return name


def _meet(one: WheelFacts, other: WheelFacts) -> bool:
    """Whether two wheels of different distributions can be installed together."""
    return one.name.normalized != other.name.normalized and installable_together(one.name, other.name)


def _first_of_each(
    holders: Sequence[tuple[WheelFacts, LibraryFacts]],
) -> Iterator[tuple[tuple[WheelFacts, LibraryFacts], tuple[WheelFacts, LibraryFacts]]]:
    """Yield a pair of holders that can meet for each two distributions."""
    seen: set[frozenset[str]] = set()
    for one, other in combinations(holders, 2):
        names = frozenset({one[0].name.normalized, other[0].name.normalized})
        if names not in seen and _meet(one[0], other[0]):
            seen.add(names)
            yield one, other


def _with_rivals(
    holders: Sequence[tuple[WheelFacts, LibraryFacts]],
) -> Iterator[tuple[tuple[WheelFacts, LibraryFacts], list[WheelFacts]]]:
    """Yield each holder with the wheels that can be installed beside its own."""
    for wheel, library in holders:
        yield (wheel, library), [other for other, _ in holders if _meet(wheel, other)]


def _requirements(wheel: WheelFacts) -> Iterator[Requirement]:
    for line in wheel.requires:
        try:
            if len(line) <= _LONGEST_LINE:
                yield Requirement(line)
        except (InvalidRequirement, RecursionError):  # as `wheel.requires` does
            continue


def _lines(wheel: WheelFacts) -> frozenset[str]:
    """Return the requirements in one spelling; what cannot be understood stays as it is."""
    return frozenset(map(_spelled, wheel.requires))


def _spelled(line: str) -> str:
    try:
        requirement = Requirement(line[:_LONGEST_LINE])
    except (InvalidRequirement, RecursionError):
        return printable(line[:_LONGEST_LINE])
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)
