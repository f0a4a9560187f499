"""Which rules run."""

from __future__ import annotations

import pytest

from nativewheel.check.selection import CODES, SelectionLayer, matching, select_codes
from nativewheel.errors import UsageError


def chosen(*layers: SelectionLayer) -> set[str]:
    return set(select_codes(layers))


def test_all_rules_run_unless_something_is_said() -> None:
    assert chosen() == chosen(SelectionLayer()) == chosen(SelectionLayer(select=("NW",))) == set(CODES)


@pytest.mark.parametrize(
    ("select", "extend", "ignore", "expected"),
    [
        (("NW6",), (), (), {"NW601", "NW602", "NW603", "NW604"}),
        (("NW101", "NW6"), (), ("NW603",), {"NW101", "NW601", "NW602", "NW604"}),
        (("NW603",), (), ("NW6",), {"NW603"}),
        (("NW60",), (), ("NW60",), set()),
        (("NW101",), ("NW603",), (), {"NW101", "NW603"}),
        ((), (), (), set()),
    ],
)
def test_longer_prefixes_decide(select: tuple[str, ...], extend: tuple[str, ...], ignore: tuple[str, ...], expected: set[str]) -> None:
    assert chosen(SelectionLayer(select=select, extend_select=extend, ignore=ignore)) == expected


def test_layers() -> None:
    file = SelectionLayer(select=("NW1",), ignore=("NW102",))
    assert "NW102" not in chosen(file)
    assert chosen(file, SelectionLayer(extend_select=("NW601",))) == {*chosen(file), "NW601"}
    assert chosen(file, SelectionLayer(ignore=("NW101",))) == chosen(file) - {"NW101"}
    assert chosen(file, SelectionLayer(select=("NW102",))) == {"NW102"}


@pytest.mark.parametrize(
    ("prefix", "hint"), [("NW999", "did you mean"), ("nw101", "did you mean NW101?"), ("", "lists all rules"), ("E501", "NW501")]
)
def test_codes_that_do_not_exist(prefix: str, hint: str) -> None:
    for layer in (SelectionLayer(select=(prefix,), where="there"), SelectionLayer(ignore=(prefix,), where="there")):
        with pytest.raises(UsageError, match="no rule has the code") as caught:
            select_codes([layer])
        assert caught.value.where == ("there",)
        assert hint in str(caught.value.hint)


def test_matching_codes_are_in_order() -> None:
    assert matching("NW60") == ("NW601", "NW602", "NW603", "NW604")
