"""Colours that can be read, and shapes that do without them."""

from __future__ import annotations

import pytest

from nativewheel.report.palette import DARK, LIGHT, LOOKS, Colors, Ground
from nativewheel.report.picture import Role
from nativewheel.report.svg_shapes import shape


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2, "relative luminance")."""
    parts = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def looks(*, dark: bool) -> list[tuple[Role, Colors]]:
    return [(role, look.dark if dark else look.light) for role, look in LOOKS.items()]


def test_the_measure() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("ground", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(ground: Ground) -> None:
    for paper in (ground.paper, ground.raised):
        for text in (ground.ink, ground.faint, ground.accent, ground.warning, ground.error):
            assert contrast(paper, text) >= 4.5
        assert contrast(paper, ground.line) >= 3
    for _, colors in looks(dark=ground is DARK):
        assert contrast(colors.fill, colors.text) >= 4.5
        assert contrast(ground.paper, colors.line) >= 3


def test_each_role_has_a_look_and_a_shape() -> None:
    assert list(LOOKS) == list(Role)
    assert len({shape(role, 0, 0, 100, 26) for role in Role}) == len(Role)
    assert len({look.words for look in LOOKS.values()}) == len(Role)
    assert len({look.mermaid for look in LOOKS.values()}) == len(Role)


@pytest.mark.parametrize("dark", [False, True])
def test_no_two_roles_share_a_colour(dark: bool) -> None:  # noqa: FBT001  (pytest's interface)
    assert len({colors.line for _, colors in looks(dark=dark)}) == len(Role)
