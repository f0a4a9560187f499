"""Text from wheels in XML and HTML."""

from __future__ import annotations

import html
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from nativewheel.report.markup import escaped, number, references, safe


@given(st.text())
def test_any_text_is_text_in_xml_and_in_html(text: str) -> None:
    written = escaped(text)
    assert written.isascii()
    assert html.unescape(written) == safe(text)
    element = ET.fromstring(f'<a b="{written}">{written}</a>')  # noqa: S314  (our own)
    assert (element.text or "", element.get("b")) == (safe(text), safe(text))


def test_the_middle_of_long_text_gives_way() -> None:
    assert safe("abcdefghij", 10) == "abcdefghij"
    assert safe("abcdefghijk", 10) == "abcde…hijk"
    assert len(safe("x" * 5000)) == 1000


def test_what_xml_forbids_is_spelled_out() -> None:
    assert safe("a\0b\ufffe\uffff\ud800\u202e") == "a\\x00b\\ufffe\\uffff\\ud800\\u202e"


def test_references() -> None:
    assert references("<é日>") == "<&#233;&#26085;>"


def test_numbers_are_short() -> None:
    assert [number(value) for value in (1, 1.25, 2.04, 3.96, -0.5)] == ["1", "1.2", "2", "4", "-0.5"]
