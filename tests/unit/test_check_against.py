"""NW508: what users of a provider lose with a new release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from checked import found
from mademacs import provider as mac_provider
from madeshares import CORE, RULE, SHARING, UNIQUE, provider, repaired
from smallwheels import compiled

from nativewheel.linkage.manifest import Binding
from nativewheel.repair.options import ExportRule, RepairOptions

if TYPE_CHECKING:
    from pathlib import Path

MEMBER = f"core/lib/{UNIQUE}"
MANIFEST = "core-1.3.dist-info/nativewheel.json"


def library(folder: Path, source: str, *flags: str, name: str = "libntcore.so.1") -> bytes:
    """Compile a libntcore."""
    return compiled(folder / "c", name, source, f"-Wl,-soname,{name}", *flags).read_bytes()


def release(
    folder: Path, version: str, data: bytes = CORE, *, name: str = "libntcore.so.1", tag: str = "py3-none-linux_x86_64", **rule: object
) -> Path:
    """Return a repaired provider."""
    options = replace(SHARING, export=(replace(RULE, **rule),))  # type: ignore[arg-type]
    folder = folder / f"{version}-{len(list(folder.iterdir()))}"
    return repaired([provider(folder, {f"core/lib/{name}": data}, version=version, tag=tag)], folder / "out", options)[0]


def messages(new: Path, *old: Path) -> list[str]:
    return [f"{finding.severity}: {finding.message}" for finding in found("NW508", new, against=list(old))]


def test_a_release_that_only_adds(tmp_path: Path) -> None:
    old = release(tmp_path, "1.2.7", library(tmp_path, "int nt_add(void) { return 1; }"))
    new = release(tmp_path, "1.3", library(tmp_path, "int nt_add(void) { return 1; } int nt_more(void) { return 1; }"))
    assert messages(new, old) == []
    assert messages(new) == []
    assert messages(new, new) == []


def test_a_symbol_is_gone(tmp_path: Path) -> None:
    old = release(tmp_path, "1.2.7", library(tmp_path, "int nt_add(void) { return 1; } int nt_more(void) { return 1; }"))
    new = release(tmp_path, "1.3", library(tmp_path, "int nt_add(void) { return 1; }"))
    (finding,) = found("NW508", new, against=[old])
    assert (finding.severity, finding.wheel, finding.member) == ("error", new.name, MEMBER)
    assert finding.message == "lacks nt_more, which core 1.2.7 exports"


def test_weak_symbols_may_go(tmp_path: Path) -> None:
    old = release(tmp_path, "1.2.7", library(tmp_path, "int nt_add(void) { return 1; } __attribute__((weak)) int nt_more(void) { return 1; }"))
    assert messages(release(tmp_path, "1.3", library(tmp_path, "int nt_add(void) { return 1; }")), old) == []


def test_a_version_of_a_symbol_is_gone(tmp_path: Path) -> None:
    def versioned(version: str) -> bytes:
        script = tmp_path / "versions.map"
        script.write_text(f"{version} {{ global: nt_add; }};")
        return library(tmp_path, "int nt_add(void) { return 1; }", f"-Wl,--version-script,{script}")

    old, new = release(tmp_path, "1.2.7", versioned("NT_1")), release(tmp_path, "1.3", versioned("NT_2"))
    assert messages(new, old) == ["error: lacks nt_add@NT_1, which core 1.2.7 exports"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"abi": "2"}, "error: is of the ABI series 2, and in core 1.2.7 of no ABI series"),
        ({"rename": False}, f"error: has a plain name, libntcore.so.1, and {UNIQUE} in core 1.2.7 (rename)"),
        ({"uniquify": True}, "error: has unique symbols, and plain ones in core 1.2.7 (uniquify)"),
    ],
)
def test_the_mode_has_changed(tmp_path: Path, rule: dict[str, object], message: str) -> None:
    old, new = release(tmp_path, "1.2.7"), release(tmp_path, "1.3", **rule)  # type: ignore[arg-type]
    assert messages(new, old) == [message]


def test_the_binding_has_changed(tmp_path: Path) -> None:
    def mac(binding: Binding) -> Path:
        rule = ExportRule(library=("*/libntcore.dylib",), distribution="core", requires="=={major}.*", binding=binding)
        folder = tmp_path / binding
        return repaired([mac_provider(folder)], folder / "out", RepairOptions(sysroot=tmp_path, export=(rule,)))[0]

    flat, named = mac(Binding.FLAT), mac(Binding.INSTALL_NAME)
    assert messages(named, flat) == ["error: is bound by install-name, and in core 1.2.7 by flat (binding)"]
    assert messages(named, named) == []
    assert messages(named, release(tmp_path, "1.2.6")) == [], "a wheel for another platform is no previous release of this one"


def test_a_library_is_gone(tmp_path: Path) -> None:
    old = release(tmp_path, "1.2.7")
    data = library(tmp_path, "int nt_add(void) { return 1; }", name="libntother.so.1")
    (finding,) = found("NW508", release(tmp_path, "1.3", data, name="libntother.so.1", library=("*/*.so.1",)), against=[old])
    assert (finding.severity, finding.member) == ("error", MANIFEST)
    assert finding.message == "does not offer libntcore.so.1 any more, which core 1.2.7 does"


@pytest.mark.parametrize(
    ("requires", "version", "counts"),
    [
        ("=={major}.*,>={version}", "1.9", True),
        ("=={major}.*,>={version}", "2.0", False),
        (">={version}", "2.0", True),
        ("=={version}.*", "1.2.8", True),
        ("=={major}.{minor}.*", "1.3", True),
        ("=={major}.{minor}.*", "2.0", False),
        ("=={major}.*", "1!1.3", False),
    ],
)
def test_a_new_series_may_break_with_the_old_one(tmp_path: Path, requires: str, version: str, *, counts: bool) -> None:
    old = release(tmp_path, "1.2.7", requires=requires)
    new = release(tmp_path, version, library(tmp_path, "int nt_new(void) { return 1; }"), abi="2", requires=requires)
    assert (messages(new, old) != []) is counts


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        ("manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "its tags ask for glibc 2.28, and those of core 1.2.7 for 2.17"),
        ("manylinux2014_x86_64", "manylinux_2_28_x86_64", "its tags ask for glibc 2.28, and those of core 1.2.7 for 2.17"),
        ("musllinux_1_1_x86_64", "musllinux_1_2_x86_64", "its tags ask for musl 1.2, and those of core 1.2.7 for 1.1"),
        ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", None),
        ("manylinux_2_17_x86_64", "manylinux2014_x86_64.manylinux_2_28_x86_64", None),
        ("manylinux_2_17_x86_64", "musllinux_1_2_x86_64", None),
    ],
)
def test_the_platform_floor_has_risen(tmp_path: Path, before: str, now: str, message: str | None) -> None:
    old, new = (release(tmp_path, version) for version in ("1.2.7", "1.3"))
    old, new = _retagged(old, before), _retagged(new, now)
    findings = found("NW508", new, against=[old])
    assert [(finding.severity, finding.member, finding.message) for finding in findings] == ([("warning", None, message)] if message else [])


def test_floors_come_in_the_same_order_in_every_process(tmp_path: Path) -> None:
    old, new = (release(tmp_path, version) for version in ("1.2.7", "1.3"))
    old, new = _retagged(old, "manylinux_2_17_x86_64.musllinux_1_1_x86_64"), _retagged(new, "manylinux_2_28_x86_64.musllinux_1_2_x86_64")
    assert [message.split()[5] for message in messages(new, old)] == ["glibc", "musl"]


def _retagged(path: Path, platform: str) -> Path:
    name = path.name.split("-")
    target = path.parent / platform / "-".join((*name[:4], f"{platform}.whl"))
    target.parent.mkdir()
    return path.rename(target)


def test_other_distributions_and_consumers_are_passed_over(tmp_path: Path) -> None:
    new = release(tmp_path, "1.3")
    other = repaired(
        [provider(tmp_path / "o", {"core/lib/libntcore.so.1": CORE}, name="other")],
        tmp_path / "o" / "out",
        replace(SHARING, export=(replace(RULE, distribution="other"),)),
    )
    assert messages(new, *other) == []
    assert messages(new, provider(tmp_path / "unrepaired")) == []
    assert messages(provider(tmp_path / "unrepaired2"), new) == []
