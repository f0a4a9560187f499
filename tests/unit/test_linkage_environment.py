"""What `doctor` finds in environments made for it; each provider is really loaded, in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeproviders import CORE, EXPORT, PLAIN, SHIM, TAG, UNIQUE, consumer, install, provider, renamed_core
from smallwheels import wheel

from nativewheel.linkage.environment import examine
from nativewheel.linkage.health import Health, InstalledConsumer, Need, ProblemCode
from nativewheel.linkage.manifest import Manifest
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the libraries are for Linux")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Install a sound provider."""
    return install(provider(tmp_path / "dist", data=renamed_core(tmp_path)), tmp_path / "sité 1")


def look(*sites: Path, **environment: str) -> Health:
    return examine([*map(str, sites), *(entry for entry in sys.path if "site-packages" not in entry and entry)], environment)


def codes(health: Health) -> list[ProblemCode]:
    return [problem.code for problem in health.problems]


def test_all_is_well(tmp_path: Path, site: Path) -> None:
    install(consumer(tmp_path / "dist"), site)
    health = look(site)
    assert health.problems == ()
    assert health.notes == ()
    (found,) = health.providers
    assert (found.distribution, found.version, found.namespace, found.root) == ("ntcore", "1.0", "nw_ntcore", site)
    assert [(library.identity, library.path, library.loaded) for library in found.libraries] == [
        (UNIQUE, site / EXPORT.member, str(site / EXPORT.member))
    ]
    assert health.consumers == (InstalledConsumer(distribution="ntuser", needs=(Need(provider="ntcore", range="==1.*", found="1.0", ok=True),)),)


def test_an_environment_without_sharing(tmp_path: Path) -> None:
    install(wheel(tmp_path / "dist", "py3-none-any", {}), tmp_path)
    assert look(tmp_path, tmp_path / "absent", tmp_path / "archive.zip") == Health(providers=(), consumers=(), problems=())


def test_provider_missing(tmp_path: Path) -> None:
    health = look(install(consumer(tmp_path / "dist"), tmp_path / "site"))
    assert codes(health) == [ProblemCode.PROVIDER_MISSING]
    assert health.problems[0].fix == 'python -m pip install "ntcore==1.*"'
    assert health.consumers[0].needs == (Need(provider="ntcore", range="==1.*", found=None, ok=False),)


def test_provider_out_of_range(tmp_path: Path, site: Path) -> None:
    health = look(site, install(consumer(tmp_path / "dist", ">=1.1"), tmp_path / "other"))
    assert codes(health) == [ProblemCode.PROVIDER_OUT_OF_RANGE]
    assert health.problems[0].message == f"ntuser 1.0 in {tmp_path / 'other'} needs ntcore>=1.1, and ntcore 1.0 in {site} is installed"
    assert health.consumers[0].needs[0].found == "1.0"


@pytest.mark.parametrize("repaired", [False, True])
def test_library_not_offered(tmp_path: Path, site: Path, *, repaired: bool) -> None:
    if repaired:
        install(consumer(tmp_path / "dist", identity="libnw_ntcore_abi2__ntcore.so.2"), site)
    else:
        site = install(wheel(tmp_path / "plain", "py3-none-any", {}, name="ntcore"), tmp_path / "plain")
        install(consumer(tmp_path / "dist"), site)
    health = look(site)
    assert codes(health) == [ProblemCode.LIBRARY_NOT_OFFERED]
    assert not health.consumers[0].needs[0].ok


def test_provider_twice(tmp_path: Path, site: Path) -> None:
    other = install(provider(tmp_path / "dist"), tmp_path / "other")
    health = look(site, other, site)
    assert codes(health) == [ProblemCode.PROVIDER_TWICE]
    assert f"Python imports 1.0 in {site}, and there is 1.0 in {other}" in health.problems[0].message
    assert [found.root for found in health.providers] == [site]


def test_identity_twice(tmp_path: Path, site: Path) -> None:
    manifest = bytes(Manifest(namespace="nw_other", exports=(EXPORT,)))
    files = {"other-1.0.dist-info/nativewheel.json": manifest, "nw_other/__init__.py": b"def load(): pass\n"}
    health = look(install(wheel(tmp_path / "dist", TAG, files, name="other"), site))
    assert codes(health) == [ProblemCode.IDENTITY_TWICE]
    assert [library.loaded for found in health.providers for library in found.libraries] == [str(site / EXPORT.member), None]


def test_library_missing(site: Path) -> None:
    (site / EXPORT.member).unlink()
    health = look(site)
    assert codes(health) == [ProblemCode.LIBRARY_MISSING, ProblemCode.LOAD_FAILED]
    assert health.problems[0].fix == 'python -m pip install --force-reinstall "ntcore==1.0"'
    assert "OSError" in health.problems[1].message
    assert health.providers[0].libraries[0].loaded is None


def test_library_changed(site: Path) -> None:
    data = bytearray((site / EXPORT.member).read_bytes())
    data[-1] ^= 1
    (site / EXPORT.member).write_bytes(data)
    health = look(site)
    assert codes(health) == [ProblemCode.LIBRARY_CHANGED]
    assert health.problems[0].message.endswith("its content is another one")
    (site / EXPORT.member).write_bytes(CORE.read_bytes())
    assert "bytes instead of" in look(site).problems[0].message


@pytest.mark.parametrize("text", ["{", "\xff", "{}"])
def test_manifest_unreadable(site: Path, text: str) -> None:
    (site / "ntcore-1.0.dist-info" / "nativewheel.json").write_text(text, encoding="latin-1")
    health = look(site)
    assert codes(health) == [ProblemCode.MANIFEST_UNREADABLE]
    assert str(site) in health.problems[0].message


def test_record_unreadable(site: Path) -> None:
    (site / "ntcore-1.0.dist-info" / "RECORD").write_text("a")
    assert codes(look(site)) == [ProblemCode.MANIFEST_UNREADABLE]
    (site / "ntcore-1.0.dist-info" / "RECORD").unlink()
    assert codes(look(site)) == []


@pytest.mark.parametrize("name", [PLAIN, UNIQUE])
def test_preloaded(tmp_path: Path, site: Path, name: str) -> None:
    other = tmp_path / "other" / name
    other.parent.mkdir()
    other.write_bytes(CORE.read_bytes())
    health = look(site, LD_PRELOAD=f"/lib/libabsent.so {other}")
    assert ProblemCode.LIBRARY_PRELOADED in codes(health)
    assert str(other) in health.problems[0].message
    assert health.problems[0].fix == "take it out of LD_PRELOAD"
    assert codes(look(site, LD_PRELOAD=str(site / EXPORT.member))) == []


def test_shadowed(tmp_path: Path, site: Path) -> None:
    for name in (PLAIN, UNIQUE):
        (tmp_path / name).write_bytes(CORE.read_bytes())
    health = look(site, LD_LIBRARY_PATH=f"/absent:{tmp_path}")
    assert codes(health) == [ProblemCode.LIBRARY_SHADOWED]
    assert str(tmp_path / UNIQUE) in health.problems[0].message
    assert health.notes == (f"{tmp_path / PLAIN} is another copy of what ntcore shares, and wheels here do not use it",)
    assert codes(look(site, LD_LIBRARY_PATH=str((site / EXPORT.member).parent))) == []


@pytest.mark.parametrize("fallback", [False, True])
def test_a_library_without_a_name_of_its_own(tmp_path: Path, *, fallback: bool) -> None:
    member = Member(f"ntcore/lib/{PLAIN}")
    plain = replace(EXPORT, identity=PLAIN, member=member, system_fallback=fallback)
    site = install(provider(tmp_path / "dist", plain, place=member, shim=SHIM.replace(UNIQUE, PLAIN)), tmp_path / "site")
    (tmp_path / PLAIN).write_bytes(CORE.read_bytes())
    health = look(site, LD_LIBRARY_PATH=str(tmp_path))
    assert health.providers[0].libraries[0].loaded == str(site / member)
    if fallback:
        assert health.problems == ()
        assert health.notes == (f"{tmp_path / PLAIN} is another copy of what ntcore shares, and wheels here may use it instead",)
    else:
        assert codes(health) == [ProblemCode.LIBRARY_SHADOWED]
        assert health.notes == ()


def test_other_file_loaded(tmp_path: Path, site: Path) -> None:
    other = tmp_path / "other" / UNIQUE
    other.parent.mkdir()
    other.write_bytes((site / EXPORT.member).read_bytes())
    (site / "nw_ntcore" / "__init__.py").write_text(f"import ctypes\ndef load():\n    ctypes.CDLL({str(other)!r})\n")
    health = look(site)
    assert codes(health) == [ProblemCode.OTHER_FILE_LOADED]
    assert health.problems[0].message == f"the loader takes {other} for {UNIQUE}, and not {site / EXPORT.member}"
    assert health.providers[0].libraries[0].loaded == str(other)


def test_switches_are_noted(site: Path) -> None:
    notes = look(site, NATIVEWHEEL_SKIP="1", NATIVEWHEEL_PREFER_SYSTEM="").notes
    assert notes == ("NATIVEWHEEL_SKIP is set: no wheel loads the libraries that it shares",)


def test_conda_is_noted(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conda-meta").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert [note for note in look(site).notes if "conda" in note]
    assert look(tmp_path / "absent").notes == ()


def test_the_environment_of_this_process() -> None:
    assert isinstance(examine(), Health)
