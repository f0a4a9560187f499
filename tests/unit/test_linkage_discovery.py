"""Providers in wheels, in folders of wheels, and where wheels are installed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeimages import patched
from madeproviders import CORE, EXPORT, TAG, UNIQUE, install, provider
from smallwheels import wheel

from nativewheel.errors import ProviderError, UnreadableError, UsageError
from nativewheel.formats.image import Arch, Format, Libc
from nativewheel.linkage.discovery import exported_file, installed_providers, providers_in
from nativewheel.linkage.manifest import ManifestRenames
from nativewheel.linkage.provider import Consideration
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path


def test_a_wheel(tmp_path: Path) -> None:
    path = provider(tmp_path)
    (found,) = providers_in(path)
    assert (found.distribution, found.version, found.namespace, found.module) == ("ntcore", "1.0", "nw_ntcore", "nw_ntcore")
    assert (found.origin, str(found.name), found.considered_because) == (path.name, path.name, Consideration.OPTION)
    (library,) = found.libraries
    assert (library.original, library.identity, library.member) == ("libntcore.so.1", UNIQUE, f"ntcore/lib/{UNIQUE}")
    assert (library.format, library.archs, library.libc) == (Format.ELF, (Arch.X86_64,), Libc.GLIBC)
    assert (library.requires, library.abi, library.uniquify, library.uses) == ("=={major}.*", "1", False, ("wpiutil",))
    assert library.symbols() == {"nt_add": {None}, "nt_version": {None}}
    assert library.renames() == {}


def test_symbols_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    path = provider(tmp_path, data=b"\x7fELF, and nothing more")
    (found,) = providers_in(path)
    with pytest.raises(UnreadableError) as caught:
        found.libraries[0].symbols()
    assert caught.value.where[:2] == (path.name, EXPORT.member)


def test_a_member_of_a_scheme_is_where_it_gets_installed(tmp_path: Path) -> None:
    place = f"ntcore-1.0.data/platlib/ntcore/lib/{UNIQUE}"
    path = provider(tmp_path, replace(EXPORT, member=Member(place)), place=place)
    assert providers_in(path)[0].libraries[0].member == f"ntcore/lib/{UNIQUE}"


def test_a_folder_of_wheels(tmp_path: Path) -> None:
    provider(tmp_path)
    provider(tmp_path, tag="py3-none-musllinux_1_2_x86_64")
    provider(tmp_path, None, tag="py3-none-win_amd64")
    wheel(tmp_path, "py3-none-any", {"small.py": b""})
    (tmp_path / "folder.whl").mkdir()
    (tmp_path / "text.txt").touch()
    providers = providers_in(tmp_path)
    assert [found.libraries[0].libc for found in providers] == [Libc.GLIBC, Libc.MUSL]
    assert providers_in(tmp_path / "folder.whl") == ()


def test_an_installation(tmp_path: Path) -> None:
    site = install(provider(tmp_path / "dist"), tmp_path / "site")
    install(wheel(tmp_path / "dist", "py3-none-any", {"small.py": b""}), site)
    (found,) = providers_in(site)
    assert (found.distribution, found.version, found.origin) == ("ntcore", "1.0", f"ntcore 1.0 in {site}")
    assert (found.considered_because, found.libraries[0].libc) == (Consideration.OPTION, Libc.GLIBC)
    assert found.libraries == providers_in(tmp_path / "dist" / f"ntcore-1.0-{TAG}.whl")[0].libraries
    assert set(found.libraries[0].symbols()) == {"nt_add", "nt_version"}
    (site / "ntcore" / "lib" / UNIQUE).unlink()
    with pytest.raises(ProviderError, match="not there any more"):
        providers_in(site)[0].libraries[0].symbols()


def test_what_offers_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        providers_in(tmp_path / "absent")
    with pytest.raises(UsageError, match="offers no libraries"):
        providers_in(provider(tmp_path, None))
    with pytest.raises(UsageError, match="offers no libraries"):
        providers_in(wheel(tmp_path, "py3-none-any", {}))


def test_manifests_that_lie(tmp_path: Path) -> None:
    path = provider(tmp_path, replace(EXPORT, member=Member("ntcore/absent.so")))
    with pytest.raises(UnreadableError, match="names a file that is not there") as caught:
        providers_in(path)
    assert caught.value.where == (path.name, "ntcore/absent.so")
    path = wheel(tmp_path, TAG, {"ntcore-1.0.dist-info/nativewheel.json": b"{}"}, name="ntcore")
    with pytest.raises(UnreadableError, match="missing") as caught:
        providers_in(path)
    assert caught.value.where == (path.name, "ntcore-1.0.dist-info/nativewheel.json", "schema")
    with pytest.raises(UnreadableError, match="missing"):
        providers_in(install(path, tmp_path / "site"))


@pytest.fixture
def renamed(tmp_path: Path) -> bytes:
    """The library with one symbol renamed."""
    names = tmp_path / "names"
    names.write_text("nt_add nw_ntcore__nt_add\n")
    return patched(CORE, tmp_path / "renamed.so", "--rename-dynamic-symbols", str(names)).read_bytes()


def test_renames_are_recomputed_from_the_file(tmp_path: Path, renamed: bytes) -> None:
    assert exported_file(renamed).symbols.keys() == {"nw_ntcore__nt_add", "nt_version"}
    renames = {"nt_add": "nw_ntcore__nt_add"}
    export = replace(EXPORT, uniquify=True, renames=ManifestRenames.of(renames), kept=("nt_version",))
    (found,) = providers_in(provider(tmp_path, export, renamed))
    assert found.libraries[0].renames() == renames


@pytest.mark.parametrize(
    "said", [{}, {"nt_add": "nt_add"}, {"nt_sub": "nw_ntcore__nt_sub"}, {"nt_add": "nw_ntcore__nt_add", "nt_version": "nw_ntcore__nt_version"}]
)
def test_renames_that_are_not_in_the_file(tmp_path: Path, renamed: bytes, said: dict[str, str]) -> None:
    (found,) = providers_in(provider(tmp_path, replace(EXPORT, uniquify=True, renames=ManifestRenames.of(said)), renamed))
    with pytest.raises(ProviderError, match="not those that its manifest speaks of"):
        found.libraries[0].renames()


def test_a_right_digest_with_a_wrong_count(tmp_path: Path, renamed: bytes) -> None:
    renames = replace(ManifestRenames.of({"nt_add": "nw_ntcore__nt_add"}), count=2)
    assert renames.digest == hashlib.sha256(b"nt_add\tnw_ntcore__nt_add\n").hexdigest()
    (found,) = providers_in(provider(tmp_path, replace(EXPORT, renames=renames), renamed))
    with pytest.raises(ProviderError):
        found.libraries[0].renames()


def test_the_environment_offers_what_is_named(tmp_path: Path) -> None:
    site = install(provider(tmp_path / "dist"), tmp_path / "site")
    install(wheel(tmp_path / "dist", "py3-none-any", {"small.py": b""}), site)
    (found,) = installed_providers({"ntcore", "small", "absent"}, [str(site)])
    assert (found.distribution, found.considered_because) == ("ntcore", Consideration.NAMED)
    assert installed_providers({"small"}, [str(site)]) == ()
    assert installed_providers({"ntcore"}) == ()


def test_the_environment_offers_what_python_imports(tmp_path: Path) -> None:
    path = provider(tmp_path / "dist")
    sites = [install(path, tmp_path / "one"), install(path, tmp_path / "two")]
    (tmp_path / "link").symlink_to(sites[1])
    found = installed_providers({"ntcore"}, [str(tmp_path / "absent"), str(tmp_path / "link"), *map(str, sites)])
    assert [one.origin for one in found] == [f"ntcore 1.0 in {tmp_path / 'link'}"]
    plain = install(wheel(tmp_path / "plain", "py3-none-any", {}, name="ntcore"), tmp_path / "three")
    assert installed_providers({"ntcore"}, [str(plain), str(sites[0])]) == ()
