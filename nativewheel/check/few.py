"""One finding for each of a few things, and no flood for thousands of them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

T = TypeVar("T")

MOST = 8


def few(items: Collection[T], *, most: int = MOST) -> Iterator[tuple[T, str]]:
    """Yield the first ``most`` items, each with what to add to its message: something for the last of them, when there are more."""
    more = len(items) - most
    for index, item in enumerate(islice(items, most)):
        yield item, f" (and {more} more)" if more > 0 and index == most - 1 else ""
