"""Numbers as people read them."""

from __future__ import annotations

import pytest

from nativewheel.report.amounts import counted, libraries, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (34_500_000, "34.5 MB"),
        (1_234_000_000, "1.2 GB"),
        (5_000_000_000_000, "5000.0 GB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_counts() -> None:
    assert [counted(1, "wheel"), counted(0, "wheel"), libraries(1), libraries(12)] == ["1 wheel", "0 wheels", "1 library", "12 libraries"]
