"""What a wheel takes from providers: names, symbols, requirements, and whether they fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from madeimages import LIBRARIES, MadeHost, extension, member, needs
from madeimages import library as image_of
from madeshares import CORE, PROGRAM, RULE, SHARING, UNIQUE, USER, changed, consumer, plans, provider, repaired
from smallwheels import wheel

from nativewheel.errors import LinkageError, ProviderError
from nativewheel.formats.image import Arch, Format, Identity, Libc, Symbol
from nativewheel.linkage.graph import Graph, GraphBuilder
from nativewheel.linkage.naming import exported_identity, module_name
from nativewheel.linkage.policy import policies
from nativewheel.linkage.provider import Chosen, Consideration, ProvidedLibrary, Provider, ProviderNaming, Variant
from nativewheel.linkage.search import HostSearch
from nativewheel.repair.consuming import requirements
from nativewheel.repair.linux_symbols import SymbolCheck
from nativewheel.repair.options import Executables
from nativewheel.repair.references import References, Referrer, references
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from nativewheel.formats.image import Dependency
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.repair.plan import Plan

PLAIN = Identity("libntcore.so.1")
UNVERSIONED: frozenset[str | None] = frozenset({None})
INNER = (LIBRARIES / "libntinner.so.1").read_bytes()


def chosen(
    name: str = PLAIN,
    *offered: Mapping[str, frozenset[str | None]],
    distribution: str = "core",
    renames: Mapping[str, str] | None = None,
    requires: str = "=={version}",
) -> Chosen:
    """Make a choice with one variant for each table of symbols."""
    original = Identity(name)
    variants = []
    for number, symbols in enumerate(offered or ({},)):
        library = ProvidedLibrary(
            original=original,
            identity=exported_identity(module_name(distribution), original),
            member="x",
            format=Format.ELF,
            archs=(Arch.X86_64,),
            libc=Libc.GLIBC,
            requires=requires,
            symbols=lambda symbols=symbols: symbols,  # type: ignore[misc]
            renames=lambda: renames or {},
        )
        origin = Provider(
            distribution=distribution,
            version="1.2.7",
            namespace=module_name(distribution),
            module=module_name(distribution),
            name=None,
            libraries=(library,),
            origin=f"{distribution} variant {number}",
            considered_because=Consideration.SET,
        )
        variants.append(Variant(provider=origin, library=library))
    return Chosen(
        distribution=distribution,
        version="1.2.7",
        original=original,
        identity=variants[0].library.identity,
        requires=requires,
        marker=None,
        pointed=True,
        variants=tuple(variants),
    )


@dataclass(frozen=True, slots=True)
class Offers:
    """Providers by the names that are asked for (a `ProviderSearch`)."""

    choices: Mapping[str, Chosen]

    def find(self, name: Identity, *, named: bool) -> Chosen | None:
        return self.choices.get(name) if named else None


class Host(MadeHost):
    """A host whose libraries offer what they are said to."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.names: dict[Path, frozenset[str]] = {}
        self.add("libm.so.6", "sin")

    def add(self, name: str, *offered: str, needed: Iterable[str] = ()) -> None:
        path = self.put(self.folder / name, image_of(name, *needed))
        self.names[path.resolve()] = frozenset(offered)

    def exports(self, path: Path) -> frozenset[str]:
        return self.names[path]


def search_in(folder: Path, host: Host, libc: Libc = Libc.GLIBC) -> HostSearch:
    supplied = policies(libc, Arch.X86_64).always_supplied
    return HostSearch(libraries=host, arch=Arch.X86_64, libc=libc, supplied=supplied, lib_path=(host.folder,), sysroot=folder)


def graph_of(images: Sequence[WheelImage], choices: Mapping[str, Chosen], search: HostSearch) -> Graph:
    return GraphBuilder(images=images, loader=search, providers=Offers(choices)).build()


def check(
    folder: Path,
    imports: Iterable[Symbol],
    *choices: Chosen,
    host: Host | None = None,
    others: Sequence[str | Dependency] = (),
    libc: Libc = Libc.GLIBC,
    siblings: Mapping[str, bytes] | None = None,
) -> None:
    """Check one extension module that needs what is chosen, and ``others``."""
    host = host or Host(folder / "host")
    needed = [*(choice.original for choice in choices), *others]
    images = [member("pkg/x.so", extension(*needed, libc=libc), imports=imports)]
    images += [member(f"pkg/{name}", image_of(name, libc=libc)) for name in siblings or {}]
    search = search_in(folder, host, libc)
    graph = graph_of(images, {choice.original: choice for choice in choices}, search)
    path = wheel(folder, "cp311-cp311-linux_x86_64", {"pkg/x.so": USER, **{f"pkg/{name}": data for name, data in (siblings or {}).items()}})
    with WheelArchive(path) as archive:
        SymbolCheck(archive=archive, graph=graph, search=search, libc=libc, host=host).check()


def wants(*names: str, weak: bool = False) -> list[Symbol]:
    return [Symbol(name=name, weak=weak) for name in names]


def offers(*names: str) -> dict[str, frozenset[str | None]]:
    return dict.fromkeys(names, UNVERSIONED)


class TestUnversionedSymbols:
    def test_what_the_provider_has(self, tmp_path: Path) -> None:
        check(tmp_path, wants("nt_add"), chosen(PLAIN, offers("nt_add")))
        with pytest.raises(ProviderError, match=r"wants nt_gone, which core variant 0 does not export from libntcore\.so\.1") as caught:
            check(tmp_path, wants("nt_add", "nt_gone"), chosen(PLAIN, offers("nt_add")))
        assert caught.value.where == ("small-1.0-cp311-cp311-linux_x86_64.whl", "pkg/x.so")
        assert caught.value.exit_status == 5

    def test_many_are_cut_short(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderError, match="wants f0, f1, f2, f3, f4 and 3 more, which"):
            check(tmp_path, wants(*(f"f{number}" for number in range(8))), chosen())

    def test_weak_ones_may_be_missing(self, tmp_path: Path) -> None:
        check(tmp_path, wants("nt_gone", weak=True), chosen())

    @pytest.mark.parametrize(
        "name", ["PyLong_FromLong", "_PyObject_New", "Py_Initialize", "_Py_NoneStruct", "PyPyLong_Check", "__cxa_finalize", "_ITM_x"]
    )
    def test_the_interpreter_s_and_the_compiler_s(self, tmp_path: Path, name: str) -> None:
        check(tmp_path, wants(name), chosen())

    @pytest.mark.parametrize("name", ["_ZN2nt4goneEv", "_Znwm", "_nt_gone", "py_gone"])
    def test_names_that_only_look_like_these(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ProviderError, match=f"wants {name}, which"):
            check(tmp_path, wants(name), chosen())

    def test_libm_is_in_every_module_s_scope(self, tmp_path: Path) -> None:
        check(tmp_path, wants("sin"), chosen())

    def test_any_library_in_reach_may_have_them(self, tmp_path: Path) -> None:
        host = Host(tmp_path / "host")
        host.add("libone.so", "one", needed=("libtwo.so",))
        host.add("libtwo.so", "two")
        check(tmp_path, wants("one", "two"), chosen(), host=host, others=("libone.so",))
        check(tmp_path, wants("nt_add"), chosen(), host=host, others=("libsibling.so",), siblings={"libsibling.so": CORE})
        with pytest.raises(ProviderError, match="wants nt_add, which"):
            check(tmp_path, wants("nt_add"), chosen(), host=host, siblings={"libsibling.so": CORE})

    def test_what_the_module_has_itself(self, tmp_path: Path) -> None:
        check(tmp_path, wants("PyInit__ext"), chosen())

    def test_what_another_provider_has(self, tmp_path: Path) -> None:
        check(tmp_path, wants("one", "two"), chosen("liba.so", offers("one"), distribution="a"), chosen("libb.so", offers("two"), distribution="b"))

    def test_what_another_library_of_the_same_wheel_has(self, tmp_path: Path) -> None:
        choice, other = chosen(PLAIN, offers("one")), chosen("libother.so", offers("nw_core__two"), renames={"two": "nw_core__two"})
        (variant,) = choice.variants
        both = replace(variant.provider, libraries=(variant.library, other.variants[0].library))
        check(tmp_path, wants("one", "two"), replace(choice, variants=(replace(variant, provider=both),)))
        with pytest.raises(ProviderError, match="wants three, which"):
            check(tmp_path, wants("one", "two", "three"), replace(choice, variants=(replace(variant, provider=both),)))

    def test_every_variant_must_have_them(self, tmp_path: Path) -> None:
        choice = chosen(PLAIN, offers("old", "new"), offers("old"))
        check(tmp_path, wants("old"), choice)
        with pytest.raises(ProviderError, match="wants new, which core variant 1 does not export"):
            check(tmp_path, wants("old", "new"), choice)
        with pytest.raises(ProviderError, match="wants new, which core variant 1 does not export"):
            check(tmp_path, wants("other", "new"), chosen("liba.so", offers("other"), distribution="a"), choice)

    def test_plain_and_unique_names_are_one(self, tmp_path: Path) -> None:
        choice = chosen(PLAIN, offers("nw_core__nt_add"), renames={"nt_add": "nw_core__nt_add"})
        check(tmp_path, wants("nt_add"), choice)
        check(tmp_path, wants("nw_core__nt_add"), choice)

    def test_a_library_that_cannot_be_read_may_have_anything(self, tmp_path: Path) -> None:
        check(tmp_path, wants("nt_gone"), chosen(), others=("libunknown.so",))

    def test_the_c_library_has_only_versioned_ones(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderError, match="wants nt_gone, which"):
            check(tmp_path, wants("nt_gone"), chosen(), others=(needs("libc.so.6", "GLIBC_2.2.5"), "libpython3.11.so.1.0"))

    def test_without_the_interpreter_s_libraries_nothing_is_known(self, tmp_path: Path) -> None:
        host = Host(tmp_path / "host")
        (tmp_path / "host" / "libm.so.6").unlink()
        check(tmp_path, wants("nt_gone"), chosen(), host=host)

    def test_musl_has_all_in_one_library(self, tmp_path: Path) -> None:
        host = Host(tmp_path / "host")
        check(tmp_path, wants("nt_gone"), chosen(), host=host, libc=Libc.MUSL, others=("libc.musl-x86_64.so.1",))
        host.put(host.folder / "libc.musl-x86_64.so.1", image_of("libc.musl-x86_64.so.1", libc=Libc.MUSL))
        host.names[(host.folder / "libc.musl-x86_64.so.1").resolve()] = frozenset({"strcmp"})
        with pytest.raises(ProviderError, match="wants nt_gone, which"):
            check(tmp_path, wants("nt_gone", "strcmp"), chosen(), host=host, libc=Libc.MUSL, others=("libc.musl-x86_64.so.1",))


class TestVersionedSymbols:
    def test_name_and_version_count(self, tmp_path: Path) -> None:
        choice = chosen(PLAIN, {"f": frozenset({"V1", "V2"}), "g": UNVERSIONED})
        check(
            tmp_path,
            [Symbol(name="f", version="V2", library=PLAIN), Symbol(name="strcmp", version="GLIBC_2.2.5", library=Identity("libc.so.6"))],
            choice,
        )
        for name, version in (("f", "V3"), ("g", "V1"), ("h", "V1")):
            with pytest.raises(ProviderError, match=f"wants {name}@{version}, which core variant 0 does not export"):
                check(tmp_path, [Symbol(name=name, version=version, library=PLAIN)], choice)
        check(tmp_path, [Symbol(name="h", version="V1", library=PLAIN, weak=True)], choice)

    def test_in_every_variant(self, tmp_path: Path) -> None:
        choice = chosen(PLAIN, {"f": frozenset({"V1", "V2"})}, {"f": frozenset({"V1"})})
        with pytest.raises(ProviderError, match="wants f@V2, which core variant 1 does not export"):
            check(tmp_path, [Symbol(name="f", version="V2", library=PLAIN)], choice)


class TestNames:
    def references(self, graph: Graph, imports: Sequence[Symbol] = ()) -> References:
        user = graph.images[Member("x.so")]
        return references(Referrer(image=user.image, folder="", links=graph.links[user.member], imports=imports), graph, {})

    def graph(self, folder: Path, *needed: str) -> Graph:
        choice = chosen(PLAIN, offers("nw_core__f", "nw_core__g"), renames={"f": "nw_core__f", "g": "nw_core__g"})
        choices = {PLAIN: choice, UNIQUE: choice, "libplain.so": replace(choice, identity=Identity("libplain.so"))}
        search = search_in(folder, Host(folder))
        return graph_of([member("x.so", extension(*needed))], choices, search)

    def test_only_other_names_are_replaced(self, tmp_path: Path) -> None:
        found = self.references(self.graph(tmp_path, PLAIN, UNIQUE, "libplain.so"))
        assert found.replace == ((PLAIN, UNIQUE),)

    def test_symbols_follow_when_they_are_the_provider_s(self, tmp_path: Path) -> None:
        graph, libc = self.graph(tmp_path, PLAIN), Identity("libc.so.6")
        for wanted, name in (
            (wants("f", "h"), "f"),
            ([Symbol(name="f", version="V1", library=PLAIN)], "f"),
            ([Symbol(name="f", version="GLIBC_2.2.5", library=libc), *wants("g")], "g"),
        ):
            assert self.references(graph, wanted).rename_imports == ((PLAIN, ((name, f"nw_core__{name}"),)),)

    def test_requirements_are_those_of_each_library(self) -> None:
        one, two = chosen("liba.so", requires="=={major}.*"), chosen("libb.so", requires=">={version}")
        found = {name: item.line for name, item in requirements([one, replace(two, marker="os_name == 'posix'")]).items()}
        assert found == {one.identity: "core==1.*", two.identity: 'core>=1.2.7; os_name == "posix"'}


def only(found: Sequence[Plan]) -> Plan:
    return found[0]


class TestPlans:
    def test_a_module_in_need_of_a_library_that_is_offered(self, tmp_path: Path) -> None:
        found = only(plans([consumer(tmp_path), provider(tmp_path)]))
        (taken,) = found.consumes
        assert (taken.provider, taken.version, taken.original, taken.identity, taken.requires) == ("core", "1.2.7", PLAIN, UNIQUE, "==1.*,>=1.2.7")
        assert found.requires == ("core==1.*,>=1.2.7",)
        assert [edit.edit.replace for edit in found.edits] == [((PLAIN, UNIQUE),)]
        assert (found.vendored, found.removed) == ((), ())

    def test_symbols_are_renamed_with_the_library(self, tmp_path: Path) -> None:
        found = only(plans([consumer(tmp_path), provider(tmp_path)], replace(SHARING, export=(replace(RULE, uniquify=True),))))
        assert dict(found.edits[0].edit.rename_imports[0][1]) == {"nt_add": "nw_core__nt_add", "nt_version": "nw_core__nt_version"}

    def test_its_own_copy_goes_first_unless_the_user_points_elsewhere(self, tmp_path: Path) -> None:
        files = {"user/__init__.py": b"", "user/_ext.abi3.so": USER, "user/libntcore.so.1": CORE}
        wheels = [consumer(tmp_path, files), provider(tmp_path)]
        assert only(plans(wheels)).consumes == ()
        pointed = replace(SHARING, providers=((PLAIN, ProviderNaming(dist="core")),))
        assert [item.provider for item in only(plans(wheels, pointed)).consumes] == ["core"]

    def test_an_excluded_dependency_is_left_alone(self, tmp_path: Path) -> None:
        found = only(plans([consumer(tmp_path), provider(tmp_path)], replace(SHARING, exclude=(PLAIN,))))
        assert (found.consumes, found.requires, found.files) == ((), (), ())

    def test_a_missing_symbol_of_a_real_library(self, tmp_path: Path) -> None:
        (tmp_path / "names").write_text("nt_add nt_gone\n")
        files = {"user/__init__.py": b"", "user/_ext.abi3.so": changed(tmp_path, USER, "--rename-dynamic-symbols", str(tmp_path / "names"))}
        libm = changed(tmp_path, INNER, "--set-soname", "libm.so.6")
        (tmp_path / "host").mkdir()
        (tmp_path / "host" / "libm.so.6").write_bytes(libm)
        wheels = [consumer(tmp_path, files), provider(tmp_path)]
        message = r"wants nt_gone, which core-1\.2\.7-py3-none-linux_x86_64\.whl does not export from libntcore\.so\.1"
        with pytest.raises(ProviderError, match=message):
            plans(wheels, replace(SHARING, lib_path=(tmp_path / "host",)))

    def test_a_copy_for_programs(self, tmp_path: Path) -> None:
        program = changed(tmp_path, PROGRAM, "--replace-needed", "libntouter.so.2", PLAIN)
        files = {"user/__init__.py": b"", "user/_ext.abi3.so": USER, "user/bin/prog": program}
        rule = replace(RULE, executables=Executables.VENDOR)
        found = only(plans([consumer(tmp_path, files), provider(tmp_path)], replace(SHARING, export=(rule,), lib_path=(LIBRARIES,))))
        assert [re.sub("-[0-9a-f]{8}", "", item.member) for item in found.vendored] == ["user.libs/libntcore.so.1"]
        assert {edit.member: [new for _, new in edit.edit.replace] for edit in found.edits} == {
            "user/_ext.abi3.so": [UNIQUE],
            "user/bin/prog": [found.vendored[0].member.rpartition("/")[2]],
        }


class TestCircles:
    def of(self, folder: Path, name: str, *needed: str) -> Path:
        arguments = [argument for other in needed for argument in ("--add-needed", f"lib{other}.so")]
        data = changed(folder / name, CORE, "--set-soname", f"lib{name}.so", *arguments)
        return wheel(folder / "".join(needed), "py3-none-linux_x86_64", {f"{name}/lib{name}.so": data}, name=name)

    def test_they_are_named(self, tmp_path: Path) -> None:
        wish = replace(SHARING, export=(replace(RULE, distribution=None, library=("*.so",)),))
        first = [self.of(tmp_path, "a", "b"), self.of(tmp_path, "b", "c")]
        with pytest.raises(LinkageError, match=r"need each other's libraries: (a → b → c → a|b → c → a → b|c → a → b → c)"):
            plans([*first, self.of(tmp_path, "c", "a")], wish)
        made = repaired([*first, self.of(tmp_path, "c")], tmp_path / "out", wish)
        with pytest.raises(LinkageError, match="need each other's libraries: c → a → b → c") as caught:
            plans([*made[:2], self.of(tmp_path, "c", "a")], wish)
        assert caught.value.where == ("c-1.0-py3-none-linux_x86_64.whl",)
        with pytest.raises(LinkageError, match="need each other's libraries: c → b → c"):
            plans([self.of(tmp_path, "c", "b")], replace(wish, provider=(tmp_path / "out",)))

    def test_a_library_that_needs_itself_is_none(self, tmp_path: Path) -> None:
        wish = replace(SHARING, export=(replace(RULE, distribution=None, library=("*.so",)),))
        found = only(plans([self.of(tmp_path, "a", "a")], wish))
        assert (found.consumes, found.edits[0].edit.replace) == ((), (("liba.so", "libnw_a__a.so"),))
