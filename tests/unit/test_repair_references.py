"""What macOS images call libraries and symbols after a repair; `test_repair_consuming.py` has the same of Linux."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeimages import member
from mademacs import PLAIN, UNIQUE, chosen, dylib, exported, graph_of, module

from nativewheel.errors import ProviderError
from nativewheel.formats.image import Dependency, FlatBinding, Identity, Requirement, Symbol
from nativewheel.linkage.manifest import Binding
from nativewheel.repair.references import References, Referrer, references, without_libpython
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.formats.image import Image
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.provider import Chosen
    from nativewheel.repair.exporting import Exported

BAR, PYTHON = Identity("@rpath/libbar.dylib"), Identity("/Library/Frameworks/Python.framework/Versions/3.11/Python")
RENAMED = ("_add", "_nw_core__add")


def wants(library: str | None, *names: str) -> list[Symbol]:
    return [Symbol(name=name, library=Identity(library) if library else None) for name in names]


def found(
    image: Image,
    *others: WheelImage,
    imports: Iterable[Symbol] = (),
    choices: Iterable[Chosen] = (),
    exports: Iterable[Exported] = (),
    exclude: tuple[str, ...] = (),
) -> References:
    """Return what changes in an extension module in the folder pkg."""
    user = member("pkg/x.so", image)
    graph = graph_of(user, *others, choices=choices, exclude=exclude)
    referrer = Referrer(image=image, folder="pkg", links=graph.links[user.member], imports=tuple(imports))
    return references(referrer, graph, {item.image.member: item for item in exports})


class TestProvider:
    CHOICE = chosen(PLAIN, ["_add", "_version", "__ZTI1A"], kept=["__ZTI1A"])

    def test_in_the_flat_namespace_the_symbols_that_are_wanted_have_new_names(self) -> None:
        changes = found(module(PLAIN), imports=wants(PLAIN, "_add", "__ZTI1A"), choices=[self.CHOICE])
        assert changes == References(flat=(FlatBinding(dependency=PLAIN, identity=UNIQUE, renames=(RENAMED,)),))

    def test_symbols_of_other_libraries_keep_theirs(self) -> None:
        changes = found(module(PLAIN, BAR), member("lib/libbar.dylib", dylib(BAR)), imports=wants(BAR, "_add"), choices=[self.CHOICE])
        assert changes.flat == (FlatBinding(dependency=PLAIN, identity=UNIQUE),)

    def test_references_without_a_library_may_mean_it(self) -> None:
        (binding,) = found(module(PLAIN), imports=wants(None, "_add", "_PyLong_FromLong"), choices=[self.CHOICE]).flat
        assert binding.renames == (RENAMED,)

    def test_what_was_linked_with_the_repaired_provider_is_bound_too(self) -> None:
        changes = found(module(UNIQUE), imports=wants(UNIQUE, "_add"), choices=[self.CHOICE])
        assert changes == References(flat=(FlatBinding(dependency=UNIQUE, identity=UNIQUE, renames=(RENAMED,)),))

    def test_names_that_are_unique_already_stay(self) -> None:
        (binding,) = found(module(UNIQUE), imports=wants(UNIQUE, "_nw_core__add"), choices=[self.CHOICE]).flat
        assert binding.renames == ()

    def test_by_the_install_name_only_that_changes(self) -> None:
        choice = chosen(PLAIN, ["_add"], binding=Binding.INSTALL_NAME)
        assert found(module(PLAIN), imports=wants(PLAIN, "_add"), choices=[choice]) == References(replace=((PLAIN, UNIQUE),))
        assert found(module(UNIQUE), imports=wants(UNIQUE, "_add"), choices=[choice]) == References()

    def test_both_bindings_in_one_image(self) -> None:
        choices = [self.CHOICE, chosen(BAR, ["_bar"], distribution="other", binding=Binding.INSTALL_NAME)]
        changes = found(module(PLAIN, BAR), imports=[*wants(PLAIN, "_add"), *wants(BAR, "_bar")], choices=choices)
        assert [binding.dependency for binding in changes.flat] == [PLAIN]
        assert (changes.replace, changes.rename_imports) == (((BAR, "@rpath/libnw_other__bar.dylib"),), ())

    def test_variants_may_lack_a_symbol_but_not_call_it_something_else(self) -> None:
        wide, narrow = self.CHOICE, chosen(PLAIN, ["_add"])
        both = replace(wide, variants=(*wide.variants, *narrow.variants))
        (binding,) = found(module(PLAIN), imports=wants(PLAIN, "_version"), choices=[both]).flat
        assert binding.renames == (("_version", "_nw_core__version"),)
        plain = chosen(PLAIN, ["_add"], kept=["_add"])
        with pytest.raises(ProviderError, match="have different names for _add"):
            found(module(PLAIN), imports=wants(PLAIN, "_add"), choices=[replace(wide, variants=(*wide.variants, *plain.variants))])


class TestOwnWheel:
    @pytest.mark.parametrize(
        ("place", "name", "reference"),
        [
            ("pkg/libntcore.dylib", PLAIN, "@loader_path/libnw_core__ntcore.dylib"),
            ("pkg/lib/libntcore.dylib", "@loader_path/lib/libntcore.dylib", "@loader_path/lib/libnw_core__ntcore.dylib"),
            ("other/libntcore.dylib", "/build/libntcore.dylib", "@loader_path/../other/libnw_core__ntcore.dylib"),
        ],
    )
    def test_an_exported_library_stays_bound_by_its_place(self, place: str, name: str, reference: str) -> None:
        """Real libraries of one provider need each other, and no order of loading satisfies that."""
        library = member(place, dylib(name))
        changes = found(module(name), library, imports=wants(name, "_add"), exports=[exported(library, "_add", "_version", name=name)])
        assert changes == References(replace=((name, reference),), rename_imports=((name, (RENAMED,)),))  # type: ignore[arg-type]

    def test_by_the_install_name_its_symbols_stay(self) -> None:
        library = member("pkg/libntcore.dylib", dylib(PLAIN))
        changes = found(module(PLAIN), library, imports=wants(PLAIN, "_add"), exports=[exported(library, "_add", binding=Binding.INSTALL_NAME)])
        assert changes == References(replace=((PLAIN, "@loader_path/libnw_core__ntcore.dylib"),))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("rpaths", "name", "new"),
        [
            ((), BAR, "@loader_path/../lib/libbar.dylib"),
            ((), "/build/libbar.dylib", "@loader_path/../lib/libbar.dylib"),
            (("@loader_path/../lib",), BAR, None),
            ((), "@loader_path/../lib/libbar.dylib", None),
        ],
    )
    def test_other_libraries_are_asked_for_where_they_are(self, rpaths: tuple[str, ...], name: str, new: str | None) -> None:
        changes = found(module(name, rpaths=rpaths), member("lib/libbar.dylib", dylib(BAR)), imports=wants(name, "_add"))
        assert changes == References(replace=((Identity(name), Identity(new)),) if new else ())

    def test_a_file_that_is_not_called_as_its_install_name(self) -> None:
        changes = found(module("/build/libbar.1.dylib"), member("pkg/libbar.dylib", dylib("/build/libbar.1.dylib")))
        assert changes.replace == (("/build/libbar.1.dylib", "@loader_path/libbar.dylib"),)


class TestOthers:
    def test_python_s_library_is_taken_out(self) -> None:
        graph = graph_of(member("pkg/x.so", module(PYTHON, "@rpath/libpython3.11.dylib")))
        assert without_libpython(graph.links[Member("pkg/x.so")]) == (PYTHON, "@rpath/libpython3.11.dylib")
        assert found(module(PYTHON)) == References(remove=(PYTHON,))

    def test_the_system_s_what_is_excluded_and_what_may_be_missing_stay(self) -> None:
        weak = Dependency(name=Identity("/opt/libweak.dylib"), requirement=Requirement.WEAK)
        needs = ("/usr/lib/libSystem.B.dylib", BAR, weak, PYTHON)
        assert found(module(*needs), exclude=(BAR, PYTHON)) == References()
