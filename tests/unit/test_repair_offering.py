"""The providers that a wheel may use: of its set, given with --provider, and installed ones that are named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeimages import content
from madeproviders import install
from madeshares import CORE, RULE, SHARING, UNIQUE, USER, changed, consumer, plans, provider, repaired

from nativewheel.errors import ProviderError, UsageError
from nativewheel.formats.image import Identity
from nativewheel.linkage.discovery import providers_in
from nativewheel.linkage.provider import ProviderNaming
from nativewheel.repair import offering
from nativewheel.repair.plan import Action

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.provider import Provider
    from nativewheel.repair.options import RepairOptions
    from nativewheel.repair.plan import Plan

ALONE = replace(SHARING, export=())


def taken(found: Plan) -> list[tuple[str, str]]:
    return [(item.provider, item.version) for item in found.consumes]


def alone(folder: Path, wish: RepairOptions, files: dict[str, bytes] | None = None) -> Plan:
    (found,) = plans([consumer(folder, files)], wish)
    return found


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """A repaired provider in a folder of its own."""
    (made,) = repaired([provider(tmp_path / "core")], tmp_path / "providers")
    return made


class TestGiven:
    def test_a_wheel_a_folder_of_wheels_and_an_installation(self, tmp_path: Path, core: Path) -> None:
        install(core, tmp_path / "site")
        for path in (core, core.parent, tmp_path / "site"):
            found = alone(tmp_path, replace(ALONE, provider=(path,)))
            assert taken(found) == [("core", "1.2.7")]
            assert found.requires == ("core==1.*,>=1.2.7",)
            assert found.edits[0].edit.replace == (("libntcore.so.1", UNIQUE),)

    def test_what_is_no_provider_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"--provider: there is no"):
            alone(tmp_path, replace(ALONE, provider=(tmp_path / "nothing",)))
        with pytest.raises(UsageError, match="offers no libraries"):
            alone(tmp_path, replace(ALONE, provider=(provider(tmp_path),)))

    def test_each_path_is_read_once_for_the_set(self, tmp_path: Path, core: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[Path] = []

        def counting(path: Path) -> tuple[Provider, ...]:
            read.append(path)
            return providers_in(path)

        monkeypatch.setattr(offering, "providers_in", counting)
        wheels = [consumer(tmp_path, tag=f"cp31{minor}-cp31{minor}-linux_x86_64") for minor in range(1, 4)]
        assert [taken(found) for found in plans(wheels, replace(ALONE, provider=(core,)))] == [[("core", "1.2.7")]] * 3
        assert read == [core]

    def test_the_set_goes_before_it(self, tmp_path: Path, core: Path) -> None:
        found, _ = plans([consumer(tmp_path), provider(tmp_path, version="1.3")], replace(SHARING, provider=(core,)))
        assert taken(found) == [("core", "1.3")]

    def test_unless_nothing_of_the_set_goes_with_the_wheel(self, tmp_path: Path, core: Path) -> None:
        tag = "py3-none-linux_aarch64"
        other = provider(
            tmp_path, {"core/lib/libntcore.so.1": content(f"ntcore-1.2.7-{tag}.whl", "ntcore/lib/libntcore.so.1")}, tag=tag, version="1.3"
        )
        found, foreign = plans([consumer(tmp_path), other], replace(SHARING, provider=(core,)))
        assert ([item.identity for item in foreign.exports], taken(found)) == ([UNIQUE], [("core", "1.2.7")])

    def test_what_a_wheel_links_by_its_unique_name_needs_no_plain_one(self, tmp_path: Path, core: Path) -> None:
        linked = changed(tmp_path, USER, "--replace-needed", "libntcore.so.1", UNIQUE)
        files = {"user/__init__.py": b"", "user/_ext.abi3.so": linked}
        found = alone(tmp_path, replace(ALONE, provider=(core,)), files)
        assert (taken(found), found.edits[0].edit.replace) == ([("core", "1.2.7")], ())


class TestInstalled:
    def test_only_when_it_is_named(self, tmp_path: Path, core: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(install(core, tmp_path / "site")))
        host = tmp_path / "host"
        host.mkdir()
        (host / "libntcore.so.1").write_bytes(CORE)
        wish = replace(ALONE, lib_path=(host,))
        found = alone(tmp_path, wish)
        assert (taken(found), len(found.vendored)) == ([], 1)
        named = replace(wish, providers=((Identity("libntcore.so.1"), ProviderNaming(dist="core")),))
        assert taken(alone(tmp_path, named)) == [("core", "1.2.7")]
        (required,) = plans([consumer(tmp_path / "required", requires=("Core>=1",))], wish)
        assert (taken(required), required.requires) == ([("core", "1.2.7")], ("core==1.*,>=1.2.7",))

    def test_a_name_that_nothing_stands_for(self, tmp_path: Path) -> None:
        with pytest.raises(ProviderError, match="and no wheel of that is given"):
            alone(tmp_path, replace(ALONE, providers=((Identity("libntcore.so.1"), ProviderNaming(dist="core")),)))


class TestRepairedBefore:
    def test_providers_of_the_set_may_be(self, tmp_path: Path, core: Path) -> None:
        found, again = plans([consumer(tmp_path), core])
        assert (taken(found), again.action, again.exports) == ([("core", "1.2.7")], Action.COPY, ())

    def test_with_unique_symbols(self, tmp_path: Path) -> None:
        wish = replace(SHARING, export=(replace(RULE, uniquify=True),))
        (made,) = repaired([provider(tmp_path)], tmp_path / "out", wish)
        (fresh, _), (found, _) = plans([consumer(tmp_path), provider(tmp_path)], wish), plans([consumer(tmp_path), made])
        assert found.edits == fresh.edits
        assert dict(found.edits[0].edit.rename_imports[0][1]) == {"nt_add": "nw_core__nt_add", "nt_version": "nw_core__nt_version"}

    def test_a_repaired_consumer_needs_nobody(self, tmp_path: Path) -> None:
        made, _ = repaired([consumer(tmp_path), provider(tmp_path)], tmp_path / "out")
        (found,) = plans([made], ALONE)
        assert (found.action, found.reason) == (Action.COPY, "already repaired by nativewheel")

    def test_another_wheel_of_the_same_distribution_is_no_provider(self, tmp_path: Path, core: Path) -> None:
        files = {"core/__init__.py": b"", "core/_ext.abi3.so": USER, "core/libntcore.so.1": CORE}
        module = provider(tmp_path / "module", files, tag="cp38-abi3-linux_x86_64")
        found, _ = plans([module, core], ALONE)
        assert found.consumes == ()
        assert found.edits[0].edit.replace == ()
