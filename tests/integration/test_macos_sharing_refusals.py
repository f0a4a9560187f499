"""What cannot be shared between wheels for macOS is refused, with the exit status and the reason, and nothing is written then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machosamples import ARCHS, LC_LAZY_LOAD_DYLIB, LC_REEXPORT_DYLIB, Samples, linkers, sample_folder
from macsharewheels import TIGHT, consumer, export, provider, repaired
from sharedwheels import by_name

from nativewheel.errors import LinkageError, NativewheelError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


KINDS = (("zig", "arm64"), ("opcodes", "x86_64"), ("opcodes", "universal2"), ("chains", "universal2"))
for_both = pytest.mark.parametrize("samples", [kind for kind in KINDS if kind[1] == "universal2"], ids="-".join, indirect=True)
for_one = pytest.mark.parametrize("samples", [kind for kind in KINDS if kind[1] in ARCHS], ids="-".join, indirect=True)
by_lld = pytest.mark.parametrize("samples", [kind for kind in KINDS if kind[0] != "zig"], ids="-".join, indirect=True)


@pytest.fixture(params=KINDS, ids="-".join)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    linker, arch = request.param
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    return Samples(linker=linker, arch=arch, folder=sample_folder(tmp_path_factory))


def refusal(folder: Path, error: type[NativewheelError], wheels: Iterable[Path], *parts: str) -> str:
    """Repair a set of wheels, which must fail, and return the message."""
    with pytest.raises(error) as caught:
        repaired(wheels, folder, *parts)
    assert not list((folder / "out").glob("*"))
    assert type(caught.value) is error
    return f"{caught.value}; {caught.value.hint}"


@pytest.mark.parametrize(("command", "word"), [(LC_REEXPORT_DYLIB, "reexport"), (LC_LAZY_LOAD_DYLIB, "delayed")])
def test_other_load_commands(samples: Samples, tmp_path: Path, command: int, word: str) -> None:
    """The flat namespace has no way to pass on another wheel's library whole, nor to load it late."""
    wheels = [
        provider(tmp_path, samples.arch, "one", samples.foo()),
        consumer(tmp_path, samples.arch, "user", samples.bar_by(command), "one"),
    ]
    said = refusal(tmp_path, LinkageError, wheels, export("one"))
    assert "user/_bar.so" in said
    assert "libfoo.dylib" in said
    assert word in said


def test_names_of_a_provider_that_are_passed_on(samples: Samples, tmp_path: Path) -> None:
    """Entries of the export trie that stand for another wheel's symbols."""
    wheels = [
        provider(tmp_path, samples.arch, "one", samples.foo()),
        consumer(tmp_path, samples.arch, "user", samples.front(), "one"),
    ]
    said = refusal(tmp_path, LinkageError, wheels, export("one"))
    assert "user/libfront.dylib" in said
    assert "re-exported from a library of another wheel" in said


@pytest.mark.parametrize("binding", ["flat", "install-name"])
def test_symbol_that_the_provider_lacks(samples: Samples, tmp_path: Path, binding: str) -> None:
    """What is wanted weakly may be missing, and is not named."""
    wheels = [
        provider(tmp_path, samples.arch, "one", samples.poor_foo()),
        consumer(tmp_path, samples.arch, "user", samples.bar(), "one"),
    ]
    said = refusal(tmp_path, ProviderError, wheels, export("one", binding=binding))
    assert "user/_bar.so" in said
    assert "foo_add" in said
    assert "one" in said
    assert "foo_maybe" not in said
    assert "nw_one" not in said


@for_both
def test_symbol_that_one_variant_of_the_provider_lacks(samples: Samples, tmp_path: Path) -> None:
    """Both wheels of the provider may be installed beside the consumer for both processors."""
    thin = {arch: Samples(linker=samples.linker, arch=arch, folder=samples.folder) for arch in ARCHS}
    wheels = [
        provider(tmp_path, "x86_64", "one", thin["x86_64"].foo()),
        provider(tmp_path, "arm64", "one", thin["arm64"].poor_foo()),
        consumer(tmp_path, samples.arch, "user", samples.bar(), "one"),
    ]
    said = refusal(tmp_path, ProviderError, wheels, export("one"))
    assert "foo_add" in said
    assert "arm64" in said


@by_lld
def test_flat_reference_that_two_libraries_have(samples: Samples, tmp_path: Path) -> None:
    wheels = [
        provider(tmp_path, samples.arch, "one", samples.foo()),
        provider(tmp_path, samples.arch, "other", samples.twin()),
        consumer(tmp_path, samples.arch, "user", samples.bar_of_two()),
    ]
    said = refusal(tmp_path, LinkageError, wheels, export("one"), export("other"))
    assert "user/_bar.so" in said
    assert "looked up in the flat namespace, and both @rpath/libfoo.dylib and @rpath/libtwin.dylib have it" in said
    assert "_foo_" in said


def test_two_libraries_with_one_new_name(samples: Samples, tmp_path: Path) -> None:
    more = {"one/lib/deep/libfoo.dylib": samples.foo(2).read_bytes()}
    wheels = [provider(tmp_path, samples.arch, "one", samples.foo(), files=more)]
    said = refusal(tmp_path, LinkageError, wheels, export("one"))
    assert "libnw_one__foo.dylib" in said
    assert "one/lib/deep/libfoo.dylib" in said
    assert "one/lib/libfoo.dylib" in said


def test_two_distributions_that_have_the_library(samples: Samples, tmp_path: Path) -> None:
    wheels = [
        *(provider(tmp_path, samples.arch, name, samples.foo(version)) for name, version in (("one", 1), ("two", 2))),
        consumer(tmp_path, samples.arch, "user", samples.bar()),
    ]
    said = refusal(tmp_path, ProviderError, wheels, export("one"), export("two"))
    assert "several distributions supply it: one, two" in said


def test_no_room_in_the_header(samples: Samples, tmp_path: Path) -> None:
    """A name of 16 bytes more than the old one, where there are 8."""
    name = "provider_of_foo"
    wheels = [provider(tmp_path, samples.arch, name, samples.foo()), consumer(tmp_path, samples.arch, "user", samples.bar(*TIGHT))]
    said = refusal(tmp_path, LinkageError, wheels, export(name))
    assert "user/_bar.so" in said
    assert "headerpad" in said
    assert "8" in said


@for_one
def test_provider_for_another_processor(samples: Samples, tmp_path: Path) -> None:
    other = Samples(linker=samples.linker, arch=next(arch for arch in ARCHS if arch != samples.arch), folder=samples.folder)
    wheels = [provider(tmp_path, other.arch, "one", other.foo()), consumer(tmp_path, samples.arch, "user", samples.bar(), "one")]
    said = refusal(tmp_path, LinkageError, wheels, export("one"))
    assert "libfoo.dylib" in said


def test_distributions_that_need_each_other(samples: Samples, tmp_path: Path) -> None:
    left, right = samples.ring()
    wheels = [provider(tmp_path, samples.arch, "egg", left), provider(tmp_path, samples.arch, "hen", right)]
    said = refusal(tmp_path, LinkageError, wheels, export("egg"), export("hen"))
    assert "egg → hen → egg" in said or "hen → egg → hen" in said


def test_refused_wheel_leaves_nothing_of_the_others(samples: Samples, tmp_path: Path) -> None:
    good = [provider(tmp_path, samples.arch, "one", samples.foo()), consumer(tmp_path, samples.arch, "fine", samples.bar(), "one")]
    bad = consumer(tmp_path, samples.arch, "bad", samples.drawing())
    said = refusal(tmp_path, LinkageError, [*good, bad], export("one"))
    assert "libshape.dylib" in said
    assert by_name(repaired(good, tmp_path / "again", export("one")).outputs["one"].parent).keys() == {"one", "fine"}
