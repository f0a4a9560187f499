"""DOS times: both ways, and out of range."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.wheel.zipformat import EARLIEST, LATEST, Moment, pack_moment, unpack_moment


@given(st.datetimes(datetime(1980, 1, 1), datetime(2107, 12, 31)))  # noqa: DTZ001  (zip times have no zone)
def test_times_survive_but_for_the_odd_second(when: datetime) -> None:
    moment = (when.year, when.month, when.day, when.hour, when.minute, when.second)
    assert unpack_moment(*pack_moment(moment)) == (*moment[:5], when.second & ~1)


@pytest.mark.parametrize(
    ("moment", "clamped"), [((1970, 1, 1, 0, 0, 0), EARLIEST), ((1979, 12, 31, 23, 59, 58), EARLIEST), ((2108, 1, 1, 0, 0, 0), LATEST)]
)
def test_times_are_clamped_to_what_zip_can_hold(moment: Moment, clamped: Moment) -> None:
    assert unpack_moment(*pack_moment(moment)) == clamped


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_any_fields_give_a_time_in_range_or_none(time: int, date: int) -> None:
    moment = unpack_moment(time, date)
    assert moment is None or EARLIEST <= moment < (2108, 1, 1, 0, 0, 0)


@pytest.mark.parametrize(("time", "date"), [(0, 0), (0, 13 << 5 | 1), (24 << 11, 33), (60 << 5, 33), (30, 33)])
def test_impossible_times_are_none(time: int, date: int) -> None:
    assert unpack_moment(time, date) is None
