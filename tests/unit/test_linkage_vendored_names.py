"""Names with a hash: equal names mean equal files, and whatever changes a file changes its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.linkage.naming import Ingredient, hashed_name, is_hashed, vendored_names

if TYPE_CHECKING:
    from random import Random

Ingredients = dict[Path, Ingredient]
WRITER = "patchelf 0.18.0"


def ingredient(sha256: str, *uses: Path, edits: tuple[str, ...] = ()) -> Ingredient:
    return Ingredient(sha256=sha256, edits=edits, uses=uses)


@st.composite
def networks(draw: st.DrawFn) -> Ingredients:
    """Up to seven libraries that use each other in any way, cycles included."""
    paths = [Path(f"/lib/lib{index}.so.1") for index in range(draw(st.integers(1, 7)))]
    return {
        path: Ingredient(
            sha256=f"content {index}",
            edits=tuple(draw(st.lists(st.sampled_from(["a is b", "without p"]), max_size=2, unique=True))),
            uses=tuple(draw(st.lists(st.sampled_from(paths), max_size=3, unique=True))),
        )
        for index, path in enumerate(paths)
    }


def reaches(ingredients: Ingredients, path: Path) -> set[Path]:
    """Return everything from which ``path`` is reached, itself included."""
    found, before = {path}, set[Path]()
    while found != before:
        before = set(found)
        found |= {user for user, item in ingredients.items() if found.intersection(item.uses)}
    return found


def changed(one: dict[Path, str], other: dict[Path, str]) -> set[Path]:
    return {path for path in one if one[path] != other[path]}


@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_anything_changes_no_name(ingredients: Ingredients, random: Random) -> None:
    items = list(ingredients.items())
    random.shuffle(items)
    shuffled = {path: replace(item, uses=tuple(random.sample(item.uses, len(item.uses)))) for path, item in items}
    assert vendored_names(shuffled, WRITER) == vendored_names(ingredients, WRITER)


@given(networks(), st.data())
def test_a_change_reaches_exactly_those_that_reach_it(ingredients: Ingredients, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(ingredients)))
    before = vendored_names(ingredients, WRITER)
    for other in (replace(ingredients[path], sha256="other"), replace(ingredients[path], edits=("without q",))):
        after = vendored_names({**ingredients, path: other}, WRITER)
        assert changed(before, after) == reaches(ingredients, path)


@given(networks())
def test_names_are_those_of_the_closure_alone(ingredients: Ingredients) -> None:
    names = vendored_names(ingredients, WRITER)
    stranger = {Path("/lib/stranger.so"): ingredient("stranger", *ingredients)}
    assert {path: name for path, name in vendored_names({**ingredients, **stranger}, WRITER).items() if path in names} == names
    folder = Path("/elsewhere")
    moved = {folder / path.name: replace(item, uses=tuple(folder / used.name for used in item.uses)) for path, item in ingredients.items()}
    assert {path.name: name for path, name in vendored_names(moved, WRITER).items()} == {path.name: name for path, name in names.items()}


def test_the_members_of_a_cycle_share_one_hash() -> None:
    one, two, top = Path("/l/one.so"), Path("/l/two.so"), Path("/l/top.so")
    names = vendored_names({one: ingredient("1", two), two: ingredient("2", one), top: ingredient("3", one)}, WRITER)
    hashes = {path: name.partition("-")[2] for path, name in names.items()}
    assert hashes[one] == hashes[two] != hashes[top]


def test_the_writer_counts() -> None:
    path = Path("/lib/libfoo.so.1")
    assert changed(vendored_names({path: ingredient("1")}, WRITER), vendored_names({path: ingredient("1")}, "patchelf 0.18.1")) == {path}


def test_text_cannot_move_from_one_field_into_the_next() -> None:
    path = Path("/lib/libfoo.so.1")
    one, other = ingredient("1", edits=("a", "b")), ingredient("1", edits=('a","b',))
    assert vendored_names({path: one}, WRITER) != vendored_names({path: other}, WRITER)


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("libfoo.so.1", "libfoo-01234567.so.1"),
        ("libfoo.so.1.2.3", "libfoo-01234567.so.1.2.3"),
        ("libfoo-1.2.so", "libfoo-1-01234567.2.so"),
        ("libstdc++.so.6", "libstdc++-01234567.so.6"),
        ("libfoo", "libfoo-01234567"),
        ("libfoo-01234567.so.1", "libfoo-01234567.so.1"),
        ("libfoo-76543210.so.1", "libfoo-76543210-01234567.so.1"),
    ],
)
def test_the_hash_goes_before_the_extensions(name: str, hashed: str) -> None:
    assert hashed_name(name, "0123456789abcdef") == hashed


@pytest.mark.parametrize(
    ("name", "expected"),
    [("libfoo-01234567.so.1", True), ("libfoo.so.1", False), ("libfoo-0123456.so", False), ("libfoo-0123456X.so", False), ("libfoo-01234567", False)],
)
def test_hashed_names_are_recognised(name: str, expected: bool) -> None:  # noqa: FBT001  (a table)
    assert is_hashed(name) is expected
