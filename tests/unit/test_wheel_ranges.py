"""Relations between ranges of versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from nativewheel.wheel.ranges import intersects, is_within


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("==1.*", ">=1.2.7", True),
        ("==1.*,>=1.2.7", "<1.2.7", False),
        ("", "==1", True),
        (">=2", "<2", False),
        ("~=1.4", ">=2", False),
        ("==1.2.*", "!=1.2.*", False),
        ("===1.0", "==1", True),
        ("===foo", ">=1", False),
        ("===foo", "===foo", True),
        ("==1!1.*", "==1.*", False),
        (">=1.0rc1", "<=1.0rc1", True),
    ],
)
def test_intersects(one: str, other: str, expected: bool) -> None:  # noqa: FBT001
    assert intersects(one, other) is expected
    assert intersects(other, one) is expected


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("==1.2.*,>=1.2.7", "==1.*", True),
        ("==1.*", "==1.2.*,>=1.2.7", False),
        ("==1.2.7", "==1.*,>=1.2.7", True),
        (">=1", "", True),
        ("", ">=0", False),
        ("===1.2", "===1.2", True),
        ("===1.2", "==1.2", False),
        (">=1.3,<2", "==1.*,>=1.2.7", True),
    ],
)
def test_is_within(inner: str, outer: str, expected: bool) -> None:  # noqa: FBT001
    assert is_within(inner, outer) is expected


CLAUSES = st.builds("{}{}.{}".format, st.sampled_from([">=", "==", "<", "!=", "~="]), st.integers(0, 2), st.integers(0, 2))
RANGES = st.lists(CLAUSES, max_size=2).map(",".join)


@given(RANGES, RANGES)
def test_versions_agree(one: str, other: str) -> None:
    both = [f"{major}.{minor}" for major in range(4) for minor in range(4) if f"{major}.{minor}" in SpecifierSet(one)]
    if any(version in SpecifierSet(other) for version in both):
        assert intersects(one, other)
    if is_within(one, other):
        assert all(version in SpecifierSet(other) for version in both)
