"""Symbols of macOS images: each must be there, and each reference must mean one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, member
from mademacs import ARM, chosen, core, dylib, exported, graph_of, module
from smallwheels import wheel

from nativewheel.errors import LinkageError, ProviderError
from nativewheel.formats.image import Arch, Identity, Symbol
from nativewheel.linkage.manifest import Binding
from nativewheel.repair.macos_symbols import check_symbols
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.provider import Chosen
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.names import Member

FOO, BAR = "@rpath/libfoo.dylib", "@rpath/libbar.dylib"
CORE = "@loader_path/libntcore.dylib"
"""A library of the wheel, which has _nt_add and _nt_version."""


class Host(MadeHost):
    """A host whose libraries offer _nt_add."""

    def exports(self, path: Path) -> frozenset[str]:
        assert path in self.made
        return frozenset({"_nt_add"})


def of(library: str | None, *names: str, weak: bool = False) -> list[Symbol]:
    """Want symbols of a library; None is the flat namespace."""
    return [Symbol(name=name, library=Identity(library) if library else None, weak=weak) for name in names]


def check(
    folder: Path,
    imports: Iterable[Symbol],
    *choices: Chosen,
    needed: Iterable[str] = (),
    exports: Mapping[Member, Exported] | None = None,
    host: Host | None = None,
    others: Iterable[WheelImage] = (),
    own: Iterable[Symbol] = (),
) -> None:
    """Check one extension module that needs what is chosen, and ``needed``; libntcore.dylib is beside it, and wants ``own``."""
    user = member("pkg/x.so", module(*(choice.original for choice in choices), *needed), imports=imports)
    beside = member("pkg/libntcore.dylib", dylib(CORE), imports=own)
    graph = graph_of(user, beside, *others, host=host, lib_path=[folder], choices=choices)
    path = wheel(folder, "cp311-cp311-macosx_11_0_arm64", {"pkg/x.so": core(ARM), "pkg/libntcore.dylib": core(ARM)})
    with WheelArchive(path) as archive:
        check_symbols(archive, graph, host or Host(), exports or {}, (Arch.AARCH64,))


class TestOfALibrary:
    def test_the_provider_must_have_them(self, tmp_path: Path) -> None:
        choice = chosen(FOO, ["_a", "_b"])
        check(tmp_path, of(FOO, "_a", "_b"), choice)
        with pytest.raises(ProviderError, match=r"wants _c, which core variant 0 does not export from @rpath/libfoo\.dylib") as caught:
            check(tmp_path, of(FOO, "_a", "_c"), choice)
        assert caught.value.where == ("small-1.0-cp311-cp311-macosx_11_0_arm64.whl", "pkg/x.so")
        assert caught.value.exit_status == 5

    def test_so_must_every_variant(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderError, match="wants _b, which core variant 1 does not"):
            check(tmp_path, of(FOO, "_b"), chosen(FOO, ["_a", "_b"], ["_a"]))

    def test_unique_and_kept_names_count_too(self, tmp_path: Path) -> None:
        choice = chosen(FOO, ["_a", "__ZTI1A"], kept=["__ZTI1A"])
        check(tmp_path, of(FOO, "_a", "_nw_core__a", "__ZTI1A"), choice)
        with pytest.raises(ProviderError, match="wants _nw_core___ZTI1A, which"):
            check(tmp_path, of(FOO, "_nw_core___ZTI1A"), choice)

    def test_those_of_other_libraries_and_weak_ones_do_not(self, tmp_path: Path) -> None:
        choice = chosen(FOO, ["_a"])
        check(tmp_path, [*of(BAR, "_c"), *of(None, "_PyLong_FromLong"), *of(FOO, "_d", weak=True)], choice, needed=[BAR, CORE], others=[BAR_MEMBER])

    @pytest.mark.parametrize("binding", list(Binding))
    def test_the_library_of_a_reference_decides(self, tmp_path: Path, binding: Binding) -> None:
        """What another provider has is of no use: the namespace has two levels."""
        choices = chosen(FOO, ["_a"], binding=binding), chosen(BAR, ["_b"], distribution="other", binding=binding)
        check(tmp_path, [*of(FOO, "_a"), *of(BAR, "_b")], *choices)
        with pytest.raises(ProviderError, match=r"wants _b, which core variant 0"):
            check(tmp_path, of(FOO, "_b"), *choices)

    @pytest.mark.parametrize("wanted", [("_a",), ("_a", "_c")])
    def test_vendored_libraries_want_them_too(self, tmp_path: Path, wanted: tuple[str, ...]) -> None:
        host = Host()
        host.put(tmp_path / "libbar.dylib", dylib(BAR, FOO), imports=of(FOO, *wanted))
        if wanted == ("_a",):
            check(tmp_path, [], chosen(FOO, ["_a"]), needed=[BAR], host=host)
            return
        with pytest.raises(ProviderError, match=r"wants _c, which core variant 0 does not") as caught:
            check(tmp_path, [], chosen(FOO, ["_a"]), needed=[BAR], host=host)
        assert caught.value.where == ("small-1.0-cp311-cp311-macosx_11_0_arm64.whl", "libbar.dylib")


BAR_MEMBER = member("lib/libbar.dylib", dylib(BAR))


class TestFlatNamespace:
    def test_one_library_may_have_it(self, tmp_path: Path) -> None:
        check(tmp_path, of(None, "_nt_add", "_PyLong_FromLong"), chosen(FOO, ["_nt_add"]))

    @pytest.mark.parametrize("wanted", [of(None, "_nt_add"), of(None, "_nt_add", weak=True)])
    def test_another_of_the_wheel_may_not(self, tmp_path: Path, wanted: list[Symbol]) -> None:
        with pytest.raises(LinkageError, match=r"the flat namespace, and both @rpath/libfoo\.dylib and @loader_path/libntcore\.dylib") as caught:
            check(tmp_path, wanted, chosen(FOO, ["_nt_add"]), needed=[CORE])
        assert caught.value.where == ("small-1.0-cp311-cp311-macosx_11_0_arm64.whl", "pkg/x.so")

    def test_nor_one_of_the_host(self, tmp_path: Path) -> None:
        host = Host()
        host.put(tmp_path / "libbar.dylib", dylib(BAR))
        with pytest.raises(LinkageError, match=r"both @rpath/libfoo\.dylib and @rpath/libbar\.dylib have it"):
            check(tmp_path, of(None, "_nt_add"), chosen(FOO, ["_nt_add"]), needed=[BAR], host=host)

    def test_nor_one_that_the_user_adds(self, tmp_path: Path) -> None:
        (tmp_path / "source").write_bytes(core(ARM))
        added = member("small.libs/libbar.dylib", dylib(BAR), source=tmp_path / "source")
        with pytest.raises(LinkageError, match=r"both @rpath/libfoo\.dylib and @rpath/libbar\.dylib have it"):
            check(tmp_path, of(None, "_nt_add"), chosen(FOO, ["_nt_add"]), needed=[BAR], others=[added])

    @pytest.mark.parametrize("binding", list(Binding))
    def test_nor_one_of_another_provider(self, tmp_path: Path, binding: Binding) -> None:
        choices = chosen(FOO, ["_nt_add"]), chosen(BAR, ["_nt_add", "_b"], distribution="other", binding=binding)
        with pytest.raises(LinkageError, match="_nt_add is looked up in the flat namespace"):
            check(tmp_path, of(None, "_nt_add"), *choices)
        check(tmp_path, of(None, "_b"), *choices)

    def test_two_names_for_one_library_are_one(self, tmp_path: Path) -> None:
        beside = member("pkg/libntcore.dylib", dylib(CORE))
        exports = {beside.member: exported(beside, "_nt_add")}
        check(tmp_path, of(None, "_nt_add"), needed=[CORE, "@rpath/libntcore.dylib"], exports=exports)

    def test_names_that_stay_do_not_matter(self, tmp_path: Path) -> None:
        check(tmp_path, of(None, "_nt_add"), chosen(FOO, ["_nt_add"], binding=Binding.INSTALL_NAME), needed=[CORE])
        check(tmp_path, of(None, "_nt_add"), chosen(FOO, ["_nt_add", "_a"], kept=["_nt_add"]), needed=[CORE])
        check(tmp_path, [*of(FOO, "_nt_add"), *of(None, "_a")], chosen(FOO, ["_nt_add", "_a"]), needed=[CORE])


class TestOfAnExportedSibling:
    """An image that takes a library's symbols without naming it does not learn their new names."""

    LIBRARY = member("pkg/libntcore.dylib", dylib(CORE))

    def exports(self, binding: Binding = Binding.FLAT) -> dict[Member, Exported]:
        return {self.LIBRARY.member: exported(self.LIBRARY, "_nt_add", binding=binding)}

    def test_it_must_be_named(self, tmp_path: Path) -> None:
        check(tmp_path, of(None, "_nt_add"), needed=[CORE], exports=self.exports())
        with pytest.raises(LinkageError, match=r"the flat namespace, where @rpath/libntcore\.dylib will have it under") as caught:
            check(tmp_path, of(None, "_nt_add"), exports=self.exports())
        assert caught.value.where == ("small-1.0-cp311-cp311-macosx_11_0_arm64.whl", "pkg/x.so")

    def test_the_library_itself_learns_them(self, tmp_path: Path) -> None:
        check(tmp_path, [], own=of(None, "_nt_add"), exports=self.exports())

    def test_other_names_and_names_that_stay_do_not_matter(self, tmp_path: Path) -> None:
        check(tmp_path, of(None, "_nt_version"), exports=self.exports())
        check(tmp_path, of(BAR, "_nt_add"), needed=[BAR], others=[BAR_MEMBER], exports=self.exports())
        check(tmp_path, of(None, "_nt_add"), exports=self.exports(Binding.INSTALL_NAME))

    def test_another_library_may_not_have_it_as_well(self, tmp_path: Path) -> None:
        (tmp_path / "source").write_bytes(core(ARM))
        other = member("lib/libbar.dylib", dylib(BAR), source=tmp_path / "source")
        with pytest.raises(LinkageError, match="_nt_add is looked up in the flat namespace, and"):
            check(tmp_path, of(None, "_nt_add"), needed=[CORE, BAR], others=[other], exports=self.exports())
