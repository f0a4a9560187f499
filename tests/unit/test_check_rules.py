"""The rules as a whole: all that the design lists, each with its severity and a text that stands on its own."""

from __future__ import annotations

import pytest

from nativewheel.check.finding import Severity
from nativewheel.check.rule import Explained, Rule, SetRule
from nativewheel.check.rules import RULES

FAMILIES = {"NW1": 10, "NW2": 8, "NW3": 4, "NW4": 4, "NW5": 8, "NW6": 4}
WARNINGS = {"NW109", "NW203", "NW205", "NW208", "NW402", "NW403", "NW404", "NW505", "NW603", "NW604"}


def test_every_code_of_the_design_has_one_rule() -> None:
    expected = [f"{family}{number:02}" for family, count in FAMILIES.items() for number in range(1, count + 1)]
    assert [rule.code for rule in RULES] == expected


def test_severities() -> None:
    assert {rule.code for rule in RULES if rule.severity is Severity.WARNING} == WARNINGS & {rule.code for rule in RULES}


def test_names_and_summaries_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len({rule.summary for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_explains_itself(rule: type[Rule | SetRule]) -> None:
    assert set("abcdefghijklmnopqrstuvwxyz0123456789-") >= set(rule.name)
    for attribute in ("summary", "explanation", "example", "remedy"):
        text = getattr(rule, attribute)
        assert text == text.strip(), attribute
        assert len(text) >= len("Some text"), attribute
        assert text.count("`") % 2 == 0, attribute
    assert not rule.summary.endswith(".")
    assert "\n" not in rule.summary + rule.example
    assert "Source" in rule.explanation
    assert rule.explanation.endswith(".")
    assert rule.remedy.endswith(".")


def test_every_rule_is_listed() -> None:
    def concrete(base: type[Explained]) -> set[type[Explained]]:
        return {found for child in base.__subclasses__() for found in ({child} if "code" in vars(child) else set()) | concrete(child)}

    assert concrete(Explained) == set(RULES)
