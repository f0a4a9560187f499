"""All rules, in the order of their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.rules.archive import IrregularZip, NamesDiffer, RecordDisagrees, TagsDiffer
from nativewheel.check.rules.duplicates import LibrarySeveralTimes
from nativewheel.check.rules.layout import ImagesUnderPurelib, ImagesUnderPureTag, LibraryInData
from nativewheel.check.rules.promise import BeyondTag, WrongArchitecture
from nativewheel.check.rules.releases import OneIdentity, RangesContradict, RequirementsDiffer, VendoredSeveralTimes

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
    OneIdentity,
    RangesContradict,
    RequirementsDiffer,
    VendoredSeveralTimes,
)
"""A rule that is not listed here does not run."""
