"""Which provider supplies a dependency: never one that merely happens to be there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mademacs import ARM, BOTH, INTEL

from nativewheel.errors import ProviderError
from nativewheel.formats.image import Arch, Format, Identity, Libc
from nativewheel.linkage.manifest import Binding
from nativewheel.linkage.naming import exported_identity, module_name
from nativewheel.linkage.provider import Chosen, Consideration, ProvidedLibrary, Provider, ProviderNaming, choose_provider
from nativewheel.wheel.names import WheelName

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PLAIN = Identity("libntcore.so.1")
UNIQUE = Identity("libnw_ntcore__ntcore.so.1")
CONSUMER = WheelName.parse("ntuser-0.4-cp311-cp311-linux_x86_64.whl")
LIBC = {"manylinux": Libc.GLIBC, "musllinux": Libc.MUSL}


def library(distribution: str = "ntcore", original: str = PLAIN, *, libc: Libc | None = Libc.GLIBC, arch: Arch = Arch.X86_64) -> ProvidedLibrary:
    return ProvidedLibrary(
        original=Identity(original),
        identity=exported_identity(module_name(distribution), Identity(original)),
        member=f"{distribution}/lib/x",
        format=Format.ELF,
        archs=(arch,),
        libc=libc,
        requires="=={major}.*,>={version}",
        symbols=dict,
    )


def provider(
    distribution: str = "ntcore",
    tag: str = "py3-none-manylinux_2_17_x86_64",
    *libraries: ProvidedLibrary,
    version: str = "1.2.7",
    because: Consideration = Consideration.SET,
) -> Provider:
    name = WheelName.parse(f"{distribution}-{version}-{tag}.whl")
    system, arch = tag.split("-")[2].partition("_")[0], next(arch for arch in Arch if tag.endswith(arch))
    return Provider(
        distribution=distribution,
        version=version,
        namespace=module_name(distribution),
        module=module_name(distribution),
        name=name,
        libraries=libraries or (library(distribution, libc=LIBC[system], arch=arch),),
        origin=str(name),
        considered_because=because,
    )


def choose(
    *candidates: Provider,
    name: str = PLAIN,
    named: Mapping[str, ProviderNaming] | None = None,
    requires_dist: Collection[str] = (),
    consumer: WheelName = CONSUMER,
    pointed_only: bool = False,
) -> Chosen | None:
    return choose_provider(
        Identity(name),
        candidates,
        consumer=consumer,
        archs=(Arch.X86_64,),
        libc=Libc.GLIBC,
        named=named or {},
        requires_dist=requires_dist,
        pointed_only=pointed_only,
    )


def test_one_provider() -> None:
    found = choose(provider(), provider("other", "py3-none-manylinux_2_17_x86_64", library("other", "libother.so")))
    assert found is not None
    assert (found.distribution, found.version, found.original, found.identity) == ("ntcore", "1.2.7", PLAIN, UNIQUE)
    assert (found.requires, found.marker, found.pointed, found.module) == ("=={major}.*,>={version}", None, False, "nw_ntcore")
    assert [variant.provider for variant in found.variants] == [provider()]


def test_none() -> None:
    assert choose() is None
    assert choose(provider(), name="libother.so") is None
    assert choose(provider(), name="libnw_else__ntcore.so.1") is None
    assert choose(provider(), consumer=WheelName.parse("ntcore-1.2.7-cp311-cp311-linux_x86_64.whl")) is None


def test_merely_having_it_is_not_pointing_at_it() -> None:
    assert choose(provider(), pointed_only=True) is None
    assert choose(provider(), requires_dist={"ntcore"}, pointed_only=True) is None
    assert choose(provider(), provider("other"), pointed_only=True) is None


@pytest.mark.parametrize("name", [UNIQUE, f"@rpath/{UNIQUE}"])
def test_a_unique_identity_points_at_its_owner(name: str) -> None:
    found = choose(provider("other"), provider(), name=name, pointed_only=True, named={PLAIN: ProviderNaming(dist="other", marker="x")})
    assert found is not None
    assert (found.distribution, found.pointed, found.marker) == ("ntcore", True, None)


def test_the_configuration_points_at_a_distribution() -> None:
    marker = "sys_platform == 'linux'"
    found = choose(provider("other"), provider(), named={PLAIN: ProviderNaming(dist="ntcore", marker=marker)}, pointed_only=True)
    assert found is not None
    assert (found.distribution, found.pointed, found.marker) == ("ntcore", True, marker)
    by_unique_name = choose(provider(), name=UNIQUE, named={PLAIN: ProviderNaming(dist="ntcore", marker=marker)})
    assert by_unique_name == found


def test_requires_dist_decides_between_two() -> None:
    found = choose(provider("other"), provider(), requires_dist={"ntcore", "numpy"})
    assert found is not None
    assert found.distribution == "ntcore"


@pytest.mark.parametrize("requires_dist", [(), ("ntcore", "other"), ("numpy",)])
def test_two_and_nothing_decides(requires_dist: tuple[str, ...]) -> None:
    with pytest.raises(ProviderError, match="several distributions supply it: ntcore, other") as caught:
        choose(provider("other"), provider(), requires_dist=requires_dist)
    assert caught.value.where == (str(CONSUMER), PLAIN)
    assert '"libntcore.so.1" = "ntcore"' in (caught.value.hint or "")


def test_variants_that_can_be_installed_together() -> None:
    fitting = [provider(tag="py3-none-manylinux_2_28_x86_64"), provider(tag="cp311-cp311-manylinux_2_17_x86_64")]
    others = [
        provider(tag="py3-none-musllinux_1_2_x86_64"),
        provider(tag="py3-none-manylinux_2_17_aarch64"),
        provider(tag="cp312-cp312-manylinux_2_17_x86_64"),
    ]
    found = choose(*others, *fitting)
    assert found is not None
    assert [variant.provider for variant in found.variants] == fitting
    assert choose(*others) is None
    with pytest.raises(ProviderError, match="no wheel of it that is given can be installed together with this one: ntcore-1"):
        choose(*others, named={PLAIN: ProviderNaming(dist="ntcore")})
    with pytest.raises(ProviderError, match="no wheel of it that is given"):
        choose(*others, name=UNIQUE)


def test_a_distribution_for_other_systems_is_no_rival() -> None:
    found = choose(provider("other", "py3-none-musllinux_1_2_x86_64"), provider())
    assert found is not None
    assert found.distribution == "ntcore"


def test_tags_that_are_not_known_keep_nothing_apart() -> None:
    assert choose(replace(provider(), name=None)) is not None


def test_what_is_installed_counts_only_when_it_is_named() -> None:
    installed = provider(because=Consideration.NAMED)
    assert choose(installed) is None
    assert choose(installed, name=UNIQUE) is None
    assert choose(installed, requires_dist={"ntcore"}) is not None
    assert choose(installed, named={"libelse.so": ProviderNaming(dist="ntcore")}) is not None


def test_the_set_goes_before_folders_and_folders_before_the_environment() -> None:
    candidates = [provider(version="1.1", because=Consideration.NAMED), provider(version="1.2", because=Consideration.OPTION)]
    for version, given in (("1.1", candidates[:1]), ("1.2", candidates), ("1.3", [*candidates, provider(version="1.3")])):
        found = choose(*given, requires_dist={"ntcore"})
        assert found is not None
        assert found.version == version


def test_the_configuration_names_a_distribution_that_is_not_there() -> None:
    with pytest.raises(ProviderError, match="no wheel of that is given"):
        choose(provider("other"), named={PLAIN: ProviderNaming(dist="ntcore")})
    with pytest.raises(ProviderError, match=r"but ntcore-1.* offers libsecond\.so"):
        choose(provider("ntcore", "py3-none-manylinux_2_17_x86_64", library(original="libsecond.so")), named={PLAIN: ProviderNaming(dist="ntcore")})


@pytest.mark.parametrize("built_against", ["1.2.7", "1.2.7.0", "1.2.7+local"])
def test_built_against_chooses_the_version(built_against: str) -> None:
    found = choose(provider(version="1.2.8"), provider(), named={PLAIN: ProviderNaming(dist="ntcore", built_against=built_against)})
    assert found is not None
    assert found.version == "1.2.7"


def test_versions_that_disagree() -> None:
    with pytest.raises(ProviderError, match=r"built against ntcore 1\.2\.6, but given is ntcore-1\.2\.7"):
        choose(provider(), named={PLAIN: ProviderNaming(dist="ntcore", built_against="1.2.6")})
    with pytest.raises(ProviderError, match="have different versions"):
        choose(provider(), provider(tag="py3-none-manylinux_2_28_x86_64", version="1.2.8"))


def test_variants_that_disagree() -> None:
    tag = "py3-none-manylinux_2_28_x86_64"
    for other, what in (
        (replace(library(), abi="2"), "ABI series"),
        (replace(library(), uniquify=True), "symbol names"),
        (replace(library(), requires="=={version}"), "ranges for its users"),
        (replace(library(), identity=Identity("libnw_ntcore_abi1__ntcore.so.1")), "names for it"),
    ):
        with pytest.raises(ProviderError, match=f"have different {what}"):
            choose(provider(), provider("ntcore", tag, other))


def test_a_unique_identity_has_one_distribution() -> None:
    with pytest.raises(ProviderError, match="have different distributions"):
        choose(provider(), provider("thief", "py3-none-manylinux_2_17_x86_64", library()), name=UNIQUE)


def test_dll_names_have_no_case() -> None:
    windows = WheelName.parse("ntuser-0.4-cp311-cp311-win_amd64.whl")
    candidate = replace(
        provider("ntcore", "py3-none-manylinux_2_17_x86_64", replace(library(original="ntcore.dll"), format=Format.PE, libc=None)),
        name=WheelName.parse("ntcore-1.2.7-py3-none-win_amd64.whl"),
    )
    for name in ("NTCORE.dll", "Nw_ntcore__NTcore.DLL"):
        found = choose_provider(
            Identity(name),
            [candidate],
            consumer=windows,
            archs=(Arch.X86_64,),
            libc=None,
            named={"NtCore.dll": ProviderNaming(dist="ntcore")},
            requires_dist=(),
        )
        assert found is not None
        assert found.pointed


class TestMacOS:
    """Wheels with one slice and with both are variants of one distribution."""

    NAME = "@rpath/libntcore.dylib"
    TAGS: Mapping[tuple[Arch, ...], str] = {ARM: "macosx_11_0_arm64", INTEL: "macosx_10_9_x86_64", BOTH: "macosx_10_9_universal2"}

    def offer(self, archs: tuple[Arch, ...], binding: Binding = Binding.FLAT) -> Provider:
        made = replace(library(original=self.NAME, libc=None), archs=archs, format=Format.MACHO, binding=binding)
        plain = provider("ntcore", "py3-none-manylinux_2_17_x86_64", made)
        return replace(plain, name=WheelName.parse(f"ntcore-1.2.7-py3-none-{self.TAGS[archs]}.whl"), origin=self.TAGS[archs])

    def choose(self, archs: tuple[Arch, ...], *candidates: Provider, name: str = NAME) -> list[str]:
        found = choose_provider(
            Identity(name),
            candidates,
            consumer=WheelName.parse(f"ntuser-0.4-cp311-cp311-{self.TAGS[archs]}.whl"),
            archs=archs,
            libc=None,
            named={},
            requires_dist=(),
        )
        return [variant.provider.origin for variant in found.variants] if found else []

    @pytest.mark.parametrize(
        ("archs", "expected"), [(ARM, {ARM, BOTH}), (INTEL, {INTEL, BOTH}), (BOTH, {ARM, INTEL, BOTH})], ids=["arm64", "x86_64", "universal2"]
    )
    def test_those_that_some_machine_has_with_the_consumer(self, archs: tuple[Arch, ...], expected: set[tuple[Arch, ...]]) -> None:
        offers = [self.offer(found) for found in (ARM, INTEL, BOTH)]
        assert set(self.choose(archs, *offers)) == {self.TAGS[found] for found in expected}

    def test_none_of_another_processor(self) -> None:
        assert self.choose(ARM, self.offer(INTEL)) == []

    @pytest.mark.parametrize(
        "name", ["/build/lib/libntcore.dylib", "libntcore.dylib", "@loader_path/libntcore.dylib", "@rpath/libnw_ntcore__ntcore.dylib"]
    )
    def test_the_last_part_of_the_name_counts(self, name: str) -> None:
        assert self.choose(ARM, self.offer(ARM), name=name) == [self.TAGS[ARM]]
        assert self.choose(ARM, self.offer(ARM), name="@rpath/libNTCORE.dylib") == []

    def test_they_agree_on_the_binding(self) -> None:
        with pytest.raises(ProviderError, match="have different bindings"):
            self.choose(BOTH, self.offer(ARM), self.offer(INTEL, Binding.INSTALL_NAME))
        assert self.choose(ARM, self.offer(ARM), self.offer(INTEL, Binding.INSTALL_NAME)) == [self.TAGS[ARM]]
