"""Templates of ranges: exactly what the provider's author wrote, filled in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from nativewheel.errors import LinkageError, UsageError
from nativewheel.linkage.requirement import DEFAULT_TEMPLATE, lower_bound, requirement


@pytest.mark.parametrize(
    ("template", "version", "line"),
    [
        ("=={major}.{minor}.*,>={version}", "1.2.7", "ntcore==1.2.*,>=1.2.7"),
        ("=={major}.*,>={version}", "1.2.7", "ntcore==1.*,>=1.2.7"),
        ("=={version}", "1.2.7", "ntcore==1.2.7"),
        (">={version},=={major}.*", "1.2.7", "ntcore>=1.2.7,==1.*"),
        (" == {major}.* , >= {version} ", "1.2.7", "ntcore==1.*,>=1.2.7"),
        ("~={major}.{minor}", "1.2.7", "ntcore~=1.2"),
        ("=={major}.{minor}.{micro}", "1", "ntcore==1.0.0"),
        ("=={major}.*,>={version}", "1!2.3", "ntcore==1!2.*,>=1!2.3"),
        ("=={version}", "1.2.7+cu12", "ntcore==1.2.7"),
        ("=={version}", "1.2.7.post1", "ntcore==1.2.7.post1"),
        ("==1.2.*", "1.2.7", "ntcore==1.2.*"),
        ("==={version}", "1.2.7", "ntcore===1.2.7"),
    ],
)
def test_templates(template: str, version: str, line: str) -> None:
    found = requirement(template, "NTcore", version)
    assert found.line == line
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("version", "specifier"), [("1.2.7", "==1.2.7.*"), ("1.2", "==1.2.*"), ("1.2.7+x", "==1.2.7.*"), ("1.2.post1", "==1.2.post1"), ("1!1", "==1!1.*")]
)
def test_the_default_is_strict_and_said(version: str, specifier: str) -> None:
    found = requirement(None, "ntcore", version)
    assert found.specifier == specifier
    assert requirement(DEFAULT_TEMPLATE, "ntcore", version).specifier == specifier
    assert found.warnings == (f"ntcore does not say which versions its users may have: they get {specifier} (set requires)",)


def test_a_marker_goes_after_the_range() -> None:
    found = requirement("=={version}", "nt.core", "1", "sys_platform=='linux'")
    assert found.line == 'nt-core==1; sys_platform == "linux"'
    assert str(Requirement(found.line)) == found.line


@pytest.mark.parametrize(("version", "specifier"), [("1.3rc1", ">=1.3rc1,==1.*"), ("1.3.dev2", ">=1.3.dev2,==1.*")])
def test_a_pre_release_warns(version: str, specifier: str) -> None:
    found = requirement(">={version},=={major}.*", "ntcore", version)
    assert found.specifier == specifier
    assert found.warnings == (f"ntcore {version} is a pre-release: installers take another version where the range has one",)
    assert len(requirement(None, "ntcore", version).warnings) == 2


@pytest.mark.parametrize(
    "template", ["", "{version}", "about {version}", "=={version}.*.*", "==1.*,", "[x]=={version}", "=={version}; python_version>'3'"]
)
def test_what_is_no_range(template: str) -> None:
    with pytest.raises(LinkageError, match="no range of versions"):
        requirement(template, "ntcore", "1.2.7")


@pytest.mark.parametrize("template", ["==" + "9" * 5000, "==" + "{version}" * 2000, "==1," * 2000 + ">=1"])
def test_a_range_has_a_limit(template: str) -> None:
    with pytest.raises(LinkageError, match="characters long"):
        requirement(template, "ntcore", "1.2.7")


def test_a_template_can_suit_some_versions_only() -> None:
    with pytest.raises(LinkageError, match=r"no range of versions for 1\.2\.7rc1"):
        requirement("~={major}.1,=={version}.*", "ntcore", "1.2.7rc1")


@pytest.mark.parametrize("template", [">{version}", "<{version}", "!={version}", "=={major}.0.*", "==2.*", "<={major}"])
def test_a_range_has_the_version_built_against(template: str) -> None:
    with pytest.raises(LinkageError, match=r"excludes 1\.2\.7, the version built against"):
        requirement(template, "ntcore", "1.2.7")


@pytest.mark.parametrize("template", ["=={patch}", "=={}", "=={version!r}", "=={version:5}", "=={version", "==version}", "=={{version}}", "=={0}"])
def test_unknown_placeholders(template: str) -> None:
    with pytest.raises(UsageError, match="in the template"):
        requirement(template, "ntcore", "1.2.7")


def test_what_else_is_refused() -> None:
    with pytest.raises(UsageError, match="not an environment marker"):
        requirement("=={version}", "ntcore", "1", "on linux")
    with pytest.raises(LinkageError, match="no version after PEP 440"):
        requirement("=={version}", "ntcore", "one")


@pytest.mark.parametrize(
    ("specifier", "release"),
    [
        ("==1.*,>=1.2.7", (1, 2, 7)),
        ("==1.2.*", (1, 2)),
        ("==1.2.0", (1, 2)),
        (">=1.0.0,~=1.4.2", (1, 4, 2)),
        (">1.2,<2", (1, 2)),
        ("==0.*", ()),
        (">=1!2.3", (1, 2, 3)),
        (">=1.2.7rc1", (1, 2, 7)),
        ("===1.5", (1, 5)),
        ("===foo", None),
        ("<2,!=1.5", None),
        ("", None),
    ],
)
def test_lower_bounds(specifier: str, release: tuple[int, ...] | None) -> None:
    assert lower_bound(specifier) == release


VERSIONS = st.builds(
    lambda release, end: ".".join(map(str, release)) + end,
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.sampled_from(["", "rc1", ".post1", ".dev3"]),
)
CLAUSES = st.builds(lambda operator, version: operator + version, st.sampled_from([">=", "==", ">", "<", "!="]), VERSIONS)


@given(st.lists(CLAUSES, max_size=3).map(",".join), VERSIONS)
def test_nothing_in_a_range_is_below_its_bound(specifier: str, version: str) -> None:
    bound = lower_bound(specifier)
    if bound is not None and SpecifierSet(specifier).contains(version, prereleases=True):
        assert Version(version).release >= bound
