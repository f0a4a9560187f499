"""What platforms promise, as auditwheel's tables tell it."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from madeimages import library

from nativewheel.errors import LinkageError, MachineError, UsageError
from nativewheel.formats.image import Arch, Identity, Libc
from nativewheel.linkage import policy
from nativewheel.linkage.policy import PolicySet, family, is_libpython, is_loader, policies, runs

if TYPE_CHECKING:
    from pathlib import Path

X86_64 = policies(Libc.GLIBC, Arch.X86_64)
MUSL = policies(Libc.MUSL, Arch.X86_64)


def test_policies_are_sorted_from_the_oldest_system_to_the_newest() -> None:
    versions = [tuple(map(int, item.tag.split("_")[1:3])) for item in X86_64.policies]
    assert versions == sorted(versions)
    assert versions[0] == (2, 5)
    assert X86_64.fallback == "linux_x86_64"


@pytest.mark.parametrize("name", ["manylinux-policy.json", "musllinux-policy.json"])
def test_every_promising_row_of_the_tables_is_used(name: str) -> None:
    rows = json.loads(files("auditwheel").joinpath("policy", name).read_bytes())
    libc = Libc.GLIBC if name.startswith("many") else Libc.MUSL
    promised = {f"{row['name']}_{arch}" for row in rows if row["priority"] > 0 for arch in row["symbol_versions"]}
    known = set()
    for arch in Arch:
        with suppress(LinkageError):
            known |= {item.tag for item in policies(libc, arch).policies}
    assert known == promised


def test_a_legacy_spelling_is_another_name_of_the_same_policy() -> None:
    found = X86_64.named("manylinux2014_x86_64")
    assert found is X86_64.named("manylinux_2_17_x86_64")
    assert found is not None
    assert found.tags == ("manylinux_2_17_x86_64", "manylinux2014_x86_64")


@pytest.mark.parametrize("plat", ["manylinux2014", "manylinux2014_x86_64", "manylinux_2_17", "manylinux_2_17_x86_64"])
def test_a_request_may_leave_out_the_architecture(plat: str) -> None:
    assert X86_64.requested(plat).tag == "manylinux_2_17_x86_64"


@pytest.mark.parametrize("plat", ["manylinux_2_17_aarch64", "manylinux_2_4", "manylinux_9_9_x86_64", "musllinux_1_2", "linux_x86_64", ""])
def test_an_unknown_request_is_a_usage_error_that_lists_the_known_tags(plat: str) -> None:
    with pytest.raises(UsageError, match=r"is not a tag for x86_64 and glibc") as caught:
        X86_64.requested(plat)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("known tags, best first: manylinux_2_5_x86_64, ")


@pytest.mark.parametrize("libc", Libc)
def test_no_tag_covers_armv6(libc: Libc) -> None:
    with pytest.raises(LinkageError, match=f"no {family_name(libc)} tag covers armv6l"):
        policies(libc, Arch.ARMV6L)


def family_name(libc: Libc) -> str:
    return "manylinux" if libc is Libc.GLIBC else "musllinux"


def test_what_every_policy_supplies_is_supplied_always() -> None:
    assert {"libc.so.6", "libstdc++.so.6"} <= X86_64.always_supplied
    assert all(X86_64.always_supplied <= item.libraries for item in X86_64.policies)
    some = set().union(*(item.libraries for item in X86_64.policies)) - X86_64.always_supplied
    assert "libexpat.so.1" in some
    assert PolicySet(libc=Libc.GLIBC, arch=Arch.ARMV6L, policies=()).always_supplied == frozenset()


def test_content_proves_only_the_newest_musl() -> None:
    assert [item.tag for item in MUSL.provable] == ["musllinux_1_2_x86_64"]
    assert X86_64.provable == X86_64.policies


@pytest.mark.parametrize(
    ("arch", "name"), [(Arch.X86_64, "x86_64"), (Arch.I686, "x86"), (Arch.ARMV7L, "armv7"), (Arch.AARCH64, "aarch64"), (Arch.PPC64LE, "ppc64le")]
)
def test_musl_has_the_names_that_alpine_and_the_compilers_give_it(arch: Arch, name: str) -> None:
    for item in policies(Libc.MUSL, arch).policies:
        assert item.supplies(Identity("libc.so"))
        assert item.supplies(Identity(f"libc.musl-{name}.so.1"))


@pytest.mark.parametrize(
    ("version", "allowed"),
    [
        ("GLIBC_2.17", True),
        ("GLIBC_2.18", False),
        ("GLIBC_2.2.5", True),
        ("GLIBC_PRIVATE", False),
        ("GLIBC_ABI_DT_RELR", False),
        ("GLIBCXX_3.4.19", True),
        ("GLIBCXX_3.4.20", False),
        ("LIBFOO_7", True),
        ("NOUNDERSCORE", True),
        ("", True),
    ],
)
def test_versions_of_known_prefixes_are_listed_and_others_are_free(version: str, allowed: bool) -> None:  # noqa: FBT001  (a table)
    assert X86_64.requested("manylinux_2_17").allows(version) is allowed


@pytest.mark.parametrize(
    ("plat", "libc"),
    [("manylinux1_x86_64", Libc.GLIBC), ("manylinux_2_28", Libc.GLIBC), ("musllinux_1_2", Libc.MUSL), ("linux_x86_64", None), ("win32", None)],
)
def test_a_tag_names_its_c_library(plat: str, libc: Libc | None) -> None:
    assert family(plat) is libc


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("libpython3.11.so.1.0", True),
        ("libpython3.13t.so.1.0", True),
        ("libpython2.7.so.1.0", True),
        ("libpython3.so", True),
        ("libpython3.11d.so", True),
        ("libpython.so", False),
        ("libpython3.11.a", False),
        ("libboost_python311.so.1.74.0", False),
        ("libpython3.11.so.1.0-extra", False),
    ],
)
def test_libpython_is_known_by_name(name: str, expected: bool) -> None:  # noqa: FBT001  (a table)
    assert is_libpython(Identity(name)) is expected


@pytest.mark.parametrize(("name", "expected"), [("ld-linux-x86-64.so.2", True), ("ld64.so.2", True), ("ld-linux.so.2", True), ("libld.so", False)])
def test_loaders_belong_to_every_glibc_system(name: str, expected: bool) -> None:  # noqa: FBT001  (a table)
    assert is_loader(Identity(name)) is expected
    assert X86_64.policies[0].supplies(Identity(name)) is expected


@pytest.mark.parametrize(
    ("arch", "code", "expected"),
    [
        (Arch.X86_64, Arch.X86_64, True),
        (Arch.X86_64, Arch.I686, False),
        (Arch.ARMV6L, Arch.ARMV7L, True),
        (Arch.ARMV7L, Arch.ARMV6L, True),
        (Arch.ARMV7L, Arch.AARCH64, False),
    ],
)
def test_arm_versions_mix_and_others_do_not(arch: Arch, code: Arch, expected: bool) -> None:  # noqa: FBT001  (a table)
    assert runs(arch, library(None, arch=code)) is expected


@pytest.mark.parametrize("content", [None, b"", b"[{"])
def test_damaged_tables_are_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    (tmp_path / "policy").mkdir()
    if content is not None:
        (tmp_path / "policy" / "manylinux-policy.json").write_bytes(content)
    monkeypatch.setattr(policy, "files", lambda _: tmp_path)
    with pytest.raises(MachineError, match=r"manylinux-policy\.json cannot be read") as caught:
        policies.__wrapped__(Libc.GLIBC, Arch.X86_64)
    assert caught.value.hint == "reinstall auditwheel"
