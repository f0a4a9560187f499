"""What `doctor` reports of an environment, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Identity


class ProblemCode(StrEnum):
    """What can be wrong in an environment where wheels share libraries."""

    MANIFEST_UNREADABLE = "manifest-unreadable"
    """The record of a repaired wheel is damaged."""
    PROVIDER_MISSING = "provider-missing"
    """A distribution needs libraries of another one that is not installed."""
    PROVIDER_OUT_OF_RANGE = "provider-out-of-range"
    """The provider is there, in a version that the consumer does not work with."""
    LIBRARY_NOT_OFFERED = "library-not-offered"
    """The provider is there and does not have the library: it was built without nativewheel, or from something else."""
    PROVIDER_TWICE = "provider-twice"
    """A provider is installed in two folders of the search path."""
    IDENTITY_TWICE = "identity-twice"
    """Two distributions offer libraries of one name."""
    LIBRARY_MISSING = "library-missing"
    """A file of a provider is gone."""
    LIBRARY_CHANGED = "library-changed"
    """A file of a provider is not the one that was installed."""
    LIBRARY_PRELOADED = "library-preloaded"
    """The environment makes every process load a library of the same name or with the same symbols."""
    LIBRARY_SHADOWED = "library-shadowed"
    """The loader would find another file of the unique name."""
    LOAD_FAILED = "load-failed"
    """A provider's libraries cannot be loaded."""
    OTHER_FILE_LOADED = "other-file-loaded"
    """The loader took another file than the provider's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: a sentence that says what, and one that says what to do."""

    code: ProblemCode
    message: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledLibrary:
    """A library of an installed provider: where it is, and which file a fresh process got for its name (None: none)."""

    identity: Identity
    path: Path
    loaded: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledProvider:
    """An installed distribution that offers libraries; ``root`` is the folder on the search path that it is in."""

    distribution: str
    version: str
    namespace: str
    root: Path
    libraries: tuple[InstalledLibrary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a consumer needs of one provider: the range of versions, the version that is installed, and whether that will do."""

    provider: str
    range: str
    found: str | None
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledConsumer:
    """An installed distribution that uses libraries of others."""

    distribution: str
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of an environment; ``notes`` are sentences that are good to know and no problems."""

    providers: tuple[InstalledProvider, ...]
    consumers: tuple[InstalledConsumer, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
