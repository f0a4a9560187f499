"""All rules, in the order of their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.rules.against import BreaksUsers
from nativewheel.check.rules.archive import IrregularZip, NamesDiffer, RecordDisagrees, TagsDiffer
from nativewheel.check.rules.duplicates import LibrarySeveralTimes
from nativewheel.check.rules.elf import DependsOnLibpython, HostRunpath, LibraryWithoutSoname, PathInNeeded
from nativewheel.check.rules.exports import FileBesideMissing, PlainExport
from nativewheel.check.rules.layout import ImagesUnderPurelib, ImagesUnderPureTag, LibraryInData
from nativewheel.check.rules.macho import FalseSignature, HostInstallName, MinimumAboveTag, SliceMissing
from nativewheel.check.rules.offers import ProviderLacks
from nativewheel.check.rules.pe import BoundImports, DebugRuntime, FalseCertificate, OldRuntime
from nativewheel.check.rules.promise import BeyondTag, WrongArchitecture
from nativewheel.check.rules.releases import OneIdentity, RangesContradict, RequirementsDiffer, VendoredSeveralTimes
from nativewheel.check.rules.segments import ExecutableStack, MisalignedSegment, TextRelocations
from nativewheel.check.rules.shim import ShimNotFirst
from nativewheel.check.rules.supply import NothingSupplies, ProviderNotRequired, RangeExcludesBuild
from nativewheel.check.rules.symbols import GenericNames

if TYPE_CHECKING:
    from nativewheel.check.rule import Rule, SetRule

RULES: tuple[type[Rule | SetRule], ...] = (
    RecordDisagrees,
    IrregularZip,
    TagsDiffer,
    BeyondTag,
    ImagesUnderPureTag,
    WrongArchitecture,
    LibraryInData,
    ImagesUnderPurelib,
    LibrarySeveralTimes,
    NamesDiffer,
    LibraryWithoutSoname,
    HostRunpath,
    GenericNames,
    ExecutableStack,
    TextRelocations,
    MisalignedSegment,
    PathInNeeded,
    DependsOnLibpython,
    FalseSignature,
    HostInstallName,
    MinimumAboveTag,
    SliceMissing,
    DebugRuntime,
    FalseCertificate,
    OldRuntime,
    BoundImports,
    NothingSupplies,
    ProviderNotRequired,
    ProviderLacks,
    ShimNotFirst,
    PlainExport,
    RangeExcludesBuild,
    FileBesideMissing,
    BreaksUsers,
    OneIdentity,
    RangesContradict,
    RequirementsDiffer,
    VendoredSeveralTimes,
)
"""A rule that is not listed here does not run."""
