"""Names of exported libraries and symbols: readable, unique, and readable back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nativewheel.errors import LinkageError, UsageError
from nativewheel.formats.image import Identity
from nativewheel.linkage.naming import exported_identity, module_name, namespace, owner_of, plain_symbol, regular_name, unique_symbol

DISTRIBUTIONS = st.from_regex(r"[a-z0-9]+([-_.]{1,2}[A-Za-z0-9]+){0,2}", fullmatch=True).filter(lambda name: "abi" not in name.lower())
NAMESPACES = st.builds(namespace, DISTRIBUTIONS, st.none() | st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True))
IDENTITIES = st.builds(
    lambda folder, lib, name, end: Identity(folder + lib + name + end),
    st.sampled_from(["", "@rpath/", "/usr/lib/"]),
    st.sampled_from(["", "lib", "liblib", "libnw_", "nw_a__"]),
    st.text("ab_.-", min_size=1, max_size=6),
    st.sampled_from(["", ".so", ".so.1", ".so.1.2", ".dylib", ".dll"]),
)


@pytest.mark.parametrize(
    ("identity", "unique"),
    [
        ("libntcore.so.1", "libnw_ntcore__ntcore.so.1"),
        ("libntcore.so", "libnw_ntcore__ntcore.so"),
        ("ntcore.so", "nw_ntcore__ntcore.so"),
        ("libntcore-1.2.so.3.4", "libnw_ntcore__ntcore-1.2.so.3.4"),
        ("ntcore.dll", "nw_ntcore__ntcore.dll"),
        ("libntcore.dylib", "libnw_ntcore__ntcore.dylib"),
        ("@rpath/libntcore.1.dylib", "@rpath/libnw_ntcore__ntcore.1.dylib"),
        ("lib.so", "libnw_ntcore__.so"),
        ("lib_x.so", "libnw_ntcore___x.so"),
        ("libnw_other__x.so", "libnw_ntcore__nw_other__x.so"),
        ("libnw_ntcore__ntcore.so.1", "libnw_ntcore__ntcore.so.1"),
    ],
)
def test_unique_identities(identity: str, unique: str) -> None:
    assert exported_identity("nw_ntcore", Identity(identity)) == unique
    assert owner_of(Identity(unique)) == "nw_ntcore"


@given(NAMESPACES, IDENTITIES)
def test_the_owner_is_read_off_the_name(own: str, identity: Identity) -> None:
    unique = exported_identity(own, identity)
    assert owner_of(unique) == own
    assert exported_identity(own, unique) == unique


@given(NAMESPACES, NAMESPACES, IDENTITIES, IDENTITIES)
def test_different_libraries_get_different_names(own: str, other: str, one: Identity, two: Identity) -> None:
    assume((own, one) != (other, two) and owner_of(one) != own and owner_of(two) != other)
    assert exported_identity(own, one) != exported_identity(other, two)


@pytest.mark.parametrize("name", ["libntcore.so.1", "libnw_ntcore.so", "nw_ntcore_ntcore.dll", "libnw___x.so", "libnw_a___", "nw_A__b.so", "", "lib"])
def test_plain_identities_have_no_owner(name: str) -> None:
    assert owner_of(Identity(name)) == ("nw_a" if name == "libnw_a___" else None)


def test_dll_names_have_no_case() -> None:
    assert owner_of(Identity("NW_NTCORE__ntcore.DLL")) == "nw_ntcore"


@pytest.mark.parametrize(
    ("distribution", "abi", "expected"),
    [
        ("ntcore", None, "nw_ntcore"),
        ("Nt.Core--x", None, "nw_nt_core_x"),
        ("ntcore", "1", "nw_ntcore_abi1"),
        ("ntcore", "cxx11", "nw_ntcore_abicxx11"),
        ("abi3audit", None, "nw_abi3audit"),
        ("x-abi", None, "nw_x_abi"),
        ("x-abi-1", None, "nw_x_abi_1"),
    ],
)
def test_namespaces(distribution: str, abi: str | None, expected: str) -> None:
    assert namespace(distribution, abi) == expected


@pytest.mark.parametrize("abi", [None, "2"])
@pytest.mark.parametrize("distribution", ["ntcore-abi1", "ntcore_ABI1", "ntcore.abicxx"])
def test_a_distribution_that_looks_like_a_series_of_another_cannot_export(distribution: str, abi: str | None) -> None:
    with pytest.raises(LinkageError, match="cannot export"):
        namespace(distribution, abi)
    assert module_name(distribution).startswith("nw_ntcore_abi")


@pytest.mark.parametrize("abi", ["", "A", "1.2", "1_2", "1\n", "-"])
def test_a_series_is_one_word(abi: str) -> None:
    with pytest.raises(UsageError, match="not an ABI series"):
        namespace("ntcore", abi)


@given(st.tuples(DISTRIBUTIONS, st.none() | st.just("1")), st.tuples(DISTRIBUTIONS, st.none() | st.just("1")))
def test_namespaces_are_equal_for_equal_distributions_and_series_only(one: tuple[str, str | None], two: tuple[str, str | None]) -> None:
    same = (module_name(one[0]), one[1]) == (module_name(two[0]), two[1])
    assert (namespace(*one) == namespace(*two)) is same


@pytest.mark.parametrize(
    ("identity", "regular"),
    [
        ("libntcore.so.1", "libntcore"),
        ("libntcore.so", "libntcore"),
        ("libntcore.1.2.dylib", "libntcore"),
        ("@rpath/libntcore.dylib", "libntcore"),
        ("ntcore.DLL", "ntcore"),
        ("libpython3.11.so.1.0", "libpython3.11"),
        ("lib.so", "lib"),
        ("Foo.framework/Versions/A/Foo", "Foo"),
        ("libnw_ntcore__ntcore.so.1", "libnw_ntcore__ntcore"),
        (".so", ".so"),
    ],
)
def test_regular_names(identity: str, regular: str) -> None:
    assert regular_name(Identity(identity)) == regular


@given(NAMESPACES, st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1))
def test_symbols(own: str, name: str) -> None:
    unique = unique_symbol(own, name)
    assert unique_symbol(own, unique) == unique
    assert plain_symbol(own, unique) == name.removeprefix(f"{own}__") or name == f"{own}__"
    assert unique_symbol("nw_ntcore", "foo_add") == "nw_ntcore__foo_add"
    assert plain_symbol("nw_ntcore", "nw_ntcore2__foo_add") is None


@pytest.mark.parametrize(
    ("plain", "unique"),
    [
        ("_foo_add", "_nw_ntcore__foo_add"),
        ("__ZN3foo3addEv", "_nw_ntcore___ZN3foo3addEv"),
        ("foo", "nw_ntcore__foo"),
        ("_nw_other__foo", "_nw_ntcore__nw_other__foo"),
        ("nw_ntcore__foo", "nw_ntcore__foo"),
        ("_nw_ntcore__foo", "_nw_ntcore__foo"),
    ],
)
def test_the_underscore_of_c_names_stays_in_front(plain: str, unique: str) -> None:
    assert unique_symbol("nw_ntcore", plain, "_") == unique
    assert plain_symbol("nw_ntcore", unique, "_") == plain.replace("nw_ntcore__", "")


@pytest.mark.parametrize("name", ["_foo", "foo", "__nw_ntcore__foo", "_nw_ntcore2__foo", "_nw_ntcore_foo", "nw_ntcore__", "_nw_ntcore__", "_", ""])
def test_names_of_another_making(name: str) -> None:
    assert plain_symbol("nw_ntcore", name, "_") is None


SYMBOLS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1) | st.from_regex(r"_{0,3}(nw_a__)?[a-z]{1,3}", fullmatch=True)


@given(NAMESPACES | st.just("nw_a"), SYMBOLS, st.sampled_from(["", "_"]))
def test_plain_symbols_are_read_back(own: str, name: str, prefix: str) -> None:
    assume(name != prefix and plain_symbol(own, name, prefix) is None and name not in {f"{own}__", f"{prefix}{own}__"})
    unique = unique_symbol(own, name, prefix)
    assert unique != name
    assert plain_symbol(own, unique, prefix) == name
    assert unique_symbol(own, unique, prefix) == unique
    assert unique.startswith(prefix) is name.startswith(prefix)


@given(SYMBOLS, SYMBOLS)
def test_different_symbols_get_different_names(one: str, two: str) -> None:
    assume(one != two and not {plain_symbol("nw_a", one, "_"), plain_symbol("nw_a", two, "_")} - {None})
    assert unique_symbol("nw_a", one, "_") != unique_symbol("nw_a", two, "_")
