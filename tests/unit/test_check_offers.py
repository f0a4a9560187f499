"""NW503: symbols and ABI series that a provider does not offer."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from checked import found
from madeimages import content
from mademacs import consumer as mac_consumer
from mademacs import edited
from mademacs import provider as mac_provider
from madepe import Pe
from madeshares import RULE, SHARING, changed, consumer, provider, repaired
from smallwheels import compiled, wheel

from nativewheel import formats
from nativewheel.formats.image import Edit
from nativewheel.linkage.manifest import Binding
from nativewheel.repair.options import ExportRule, RepairOptions

if TYPE_CHECKING:
    from pathlib import Path

EXTENSION = "user/_ext.abi3.so"


def other_core(folder: Path, *symbols: str, soname: str = "libntcore.so.1") -> bytes:
    """Compile a libntcore with other symbols."""
    source = "\n".join(f"int {symbol}(void) {{ return 1; }}" for symbol in symbols)
    return compiled(folder / "c", soname, source, f"-Wl,-soname,{soname}").read_bytes()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Return a provider and its consumer, repaired."""
    core, user = repaired([provider(tmp_path), consumer(tmp_path)], tmp_path / "out")
    return core, user


def test_a_provider_that_has_it_all(pair: tuple[Path, Path]) -> None:
    core, user = pair
    assert found("NW503", user, provider=[core]) == []
    assert found("NW503", core, user) == []


def test_without_a_provider_to_look_at(pair: tuple[Path, Path]) -> None:
    assert found("NW503", pair[1]) == []


def test_a_symbol_is_missing(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    (core,) = repaired(
        [provider(tmp_path / "new", {"core/lib/libntcore.so.1": other_core(tmp_path, "nt_version")}, version="1.3")], tmp_path / "out2"
    )
    (finding,) = found("NW503", pair[1], provider=[core])
    assert (finding.severity, finding.wheel, finding.member) == ("error", pair[1].name, EXTENSION)
    assert finding.message == f"wants nt_add, which {core.name} does not export from libntcore.so.1"
    assert [item.wheel for item in found("NW503", core, pair[1])] == [pair[1].name], "what is checked together is compared"


def test_symbols_with_unique_names(tmp_path: Path) -> None:
    options = replace(SHARING, export=(replace(RULE, uniquify=True),))
    core, user = repaired([provider(tmp_path), consumer(tmp_path)], tmp_path / "out", options)
    assert found("NW503", user, provider=[core]) == []
    (other,) = repaired([provider(tmp_path / "new", {"core/lib/libntcore.so.1": other_core(tmp_path, "nt_version")})], tmp_path / "out2", options)
    (finding,) = found("NW503", user, provider=[other])
    assert finding.message == f"wants nw_core__nt_add, which {other.name} does not export from libntcore.so.1"


def test_another_abi_series(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    options = replace(SHARING, export=(replace(RULE, abi="2"),))
    (core,) = repaired([provider(tmp_path / "new")], tmp_path / "out2", options)
    (finding,) = found("NW503", pair[1], provider=[core])
    assert finding.member == EXTENSION
    assert finding.message == f"asks for libnw_core__ntcore.so.1, and {core.name} offers libnw_core_abi2__ntcore.so.1"


def test_another_library_of_the_same_distribution(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    options = replace(SHARING, export=(replace(RULE, library=("*/libother.so*",)),))
    files = {"core/lib/libother.so.1": other_core(tmp_path, "nt_add", soname="libother.so.1")}
    (core,) = repaired([provider(tmp_path / "new", files)], tmp_path / "out2", options)
    (finding,) = found("NW503", pair[1], provider=[core])
    assert finding.message.endswith(f"{core.name} offers libnw_core__other.so.1")


def test_providers_for_other_platforms_are_passed_over(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    rule = ExportRule(library=("*/libntcore.dylib",), distribution="core", requires="=={major}.*")
    (mac,) = repaired([mac_provider(tmp_path / "mac")], tmp_path / "out2", RepairOptions(sysroot=tmp_path, export=(rule,)))
    assert found("NW503", pair[1], provider=[mac]) == []


def test_what_another_library_of_the_wheel_has_is_not_missing(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    """A reference without a version names no library."""
    core = provider(tmp_path / "new", {"core/lib/libntcore.so.1": other_core(tmp_path, "nt_version")})
    data = changed(tmp_path / "x", _image(pair[1]), "--add-needed", "libmore.so.1", "--set-rpath", "$ORIGIN")
    files = {"user/__init__.py": b"", EXTENSION: data, "user/libmore.so.1": other_core(tmp_path, "nt_add", soname="libmore.so.1")}
    path = wheel(tmp_path / "more", "cp38-abi3-linux_x86_64", files, name="user", requires=["core"])
    (provided,) = repaired([core], tmp_path / "out2")
    assert found("NW503", path, provider=[provided]) == []


def test_a_library_of_which_nothing_is_known_may_have_the_symbol(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    (core,) = repaired([provider(tmp_path / "new", {"core/lib/libntcore.so.1": other_core(tmp_path, "nt_version")})], tmp_path / "out2")
    data = changed(tmp_path / "x", _image(pair[1]), "--add-needed", "libX11.so.6")
    path = wheel(tmp_path / "more", "cp38-abi3-linux_x86_64", {"user/__init__.py": b"", EXTENSION: data}, name="user", requires=["core"])
    assert found("NW503", path, provider=[core]) == []


def _image(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(EXTENSION)


@pytest.mark.parametrize("binding", ["flat", "install-name"])
def test_macos(tmp_path: Path, binding: str) -> None:
    rule = ExportRule(library=("*/libntcore.dylib",), distribution="core", requires="=={major}.*", binding=Binding(binding))
    options = RepairOptions(sysroot=tmp_path, export=(rule,))
    core, user = repaired([mac_provider(tmp_path), mac_consumer(tmp_path)], tmp_path / "out", options)
    assert found("NW503", user, provider=[core]) == []
    data = content("ntcore-1.2.7-py3-none-macosx_11_0_arm64.whl", "ntcore/lib/libntcore.dylib")
    names = [symbol.name for symbol in formats.exports(data)]
    edit = Edit(rename_symbols=tuple((name, f"{name}x") for name in names))
    (other,) = repaired([mac_provider(tmp_path / "n", {"core/lib/libntcore.dylib": edited(tmp_path / "x", data, edit)})], tmp_path / "out2", options)
    (finding,) = found("NW503", user, provider=[other])
    assert finding.member == EXTENSION
    assert "nt_add" in finding.message


def test_windows(tmp_path: Path) -> None:
    rule = ExportRule(library=("*/ntcore.dll",), distribution="core", requires="=={major}.*")
    options = RepairOptions(sysroot=tmp_path, export=(rule,))
    library = content("ntcore-1.2.7-py3-none-win_amd64.whl", "ntcore/lib/ntcore.dll")
    image = content("ntuser-0.4.0-cp38-abi3-win_amd64.whl", "ntuser/_ext.pyd")
    dll = wheel(tmp_path, "py3-none-win_amd64", {"core/lib/ntcore.dll": library}, name="core", version="1.2.7")
    module = wheel(tmp_path, "cp38-abi3-win_amd64", {"user/__init__.py": b"", "user/_ext.pyd": image}, name="user")
    core, user = repaired([dll, module], tmp_path / "out", options)
    assert found("NW503", user, provider=[core]) == []
    lacking = Pe(exports=(("nt_version", None),)).build()
    poor = wheel(tmp_path / "poor", "py3-none-win_amd64", {"core/lib/ntcore.dll": lacking}, name="core", version="1.2.7")
    (other,) = repaired([poor], tmp_path / "out2", options)
    (finding,) = found("NW503", user, provider=[other])
    assert finding.member == "user/_ext.pyd"
    assert finding.message.startswith("wants nt_")
