"""What a repair of a macOS wheel decides, on the small wheels of the fixtures and variants of them."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mademacs import ARM, BOTH, INTEL, PLAIN, TAGS, UNIQUE, consumer, core, edited, provider, user
from madeproviders import install
from madeshares import NOWHERE, plans, repaired, written
from madeslices import ARM64, BASE, BUNDLE, EXECUTE, X86_64, Macho, build_version, code_signature, fat
from madeslices import dylib as load
from smallwheels import wheel

from nativewheel import formats
from nativewheel.errors import LinkageError, ProviderError, UnreadableError
from nativewheel.formats.image import Edit, FlatBinding, Identity
from nativewheel.linkage.inspect import inspect_wheel
from nativewheel.linkage.inspection import Supply
from nativewheel.linkage.manifest import Binding
from nativewheel.repair.options import AddedLibrary, ExportRule, RepairOptions
from nativewheel.repair.plan import Action

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nativewheel.formats.image import Arch
    from nativewheel.repair.plan import ImageEdit, Plan

RULE = ExportRule(library=("*.dylib",), distribution="core", requires="=={major}.*")
SHARING = RepairOptions(sysroot=NOWHERE, export=(RULE,))
ALONE = RepairOptions(sysroot=NOWHERE)
RENAMES = (("_nt_add", "_nw_core__nt_add"), ("_nt_version", "_nw_core__nt_version"))
LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_CODE_SIGNATURE = 0xC, 0x80000018, 0x1D

pytestmark = pytest.mark.usefixtures("no_library_path")


def plan(path: Path, wish: RepairOptions = ALONE) -> Plan:
    (found,) = plans([path], wish)
    return found


def plan_of(folder: Path, files: Mapping[str, bytes], wish: RepairOptions = ALONE, *, archs: tuple[Arch, ...] = ARM, tag: str | None = None) -> Plan:
    return plan(consumer(folder / "in", files, archs=archs, tag=tag), wish)


def host(folder: Path, archs: tuple[Arch, ...] = ARM) -> RepairOptions:
    """Put the library into a folder of the host and have it looked for there."""
    (folder / "host").mkdir(parents=True)
    (folder / "host" / "libntcore.dylib").write_bytes(core(archs))
    return replace(ALONE, lib_path=(folder / "host",))


def edits(found: Plan) -> dict[str, ImageEdit]:
    return {str(edit.member): edit for edit in found.edits}


def made(*commands: bytes, cpu: tuple[int, int] = ARM64, filetype: int = BUNDLE, signed: bool = False, minimum: int = 0xB0000) -> bytes:
    """Build an image that has no more than load commands."""
    return Macho(cpu=cpu, filetype=filetype, commands=(*commands, build_version(minimum)), signed=signed).build()


SYSTEM = load(LC_LOAD_DYLIB, "/usr/lib/libSystem.B.dylib")
PROGRAM = made(SYSTEM, load(LC_LOAD_DYLIB, PLAIN), filetype=EXECUTE)


class TestVendoring:
    @pytest.mark.parametrize("archs", [ARM, INTEL, BOTH])
    def test_a_library_of_the_host(self, tmp_path: Path, archs: tuple[Arch, ...]) -> None:
        found = plan(consumer(tmp_path, archs=archs), host(tmp_path, archs))
        assert (found.action, found.output) == (Action.REPAIR, found.name)
        (copy,) = found.vendored
        assert re.fullmatch(r"user\.libs/libntcore-[0-9a-f]{8}\.dylib", copy.member)
        leaf = copy.member.rpartition("/")[2]
        assert copy.edit == Edit(identity=Identity(f"@rpath/{leaf}"))
        assert edits(found)["user/_ext.abi3.so"].edit == Edit(replace=((PLAIN, Identity(f"@loader_path/../user.libs/{leaf}")),), rpaths=())
        assert found.warnings == ("user/_ext.abi3.so: search path /build/ntcore/lib dropped, it leads out of the wheel",)
        assert (found.files, found.exports, found.consumes) == ((), (), ())

    def test_a_thin_one_is_none_for_both(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match=r"a library was not found: @rpath/libntcore\.dylib") as caught:
            plan(consumer(tmp_path, archs=BOTH), host(tmp_path, ARM))
        assert caught.value.where == ("user-1.0-cp38-abi3-macosx_11_0_universal2.whl",)

    def test_required_architectures_are_also_those_of_libraries(self, tmp_path: Path) -> None:
        wish = replace(host(tmp_path, ARM), require_archs=BOTH)
        fat_module = {"user/__init__.py": b"", "user/_ext.abi3.so": user(BOTH)}
        with pytest.raises(LinkageError, match=r"a library was not found: @rpath/libntcore\.dylib"):
            plan_of(tmp_path, fat_module, wish)
        assert len(plan_of(tmp_path / "both", fat_module, replace(host(tmp_path / "both", BOTH), require_archs=BOTH)).vendored) == 1

    def test_so_are_they_of_libraries_that_the_user_adds(self, tmp_path: Path) -> None:
        (tmp_path / "libadded.dylib").write_bytes(core(ARM))
        wish = replace(ALONE, add_library=(AddedLibrary(path=tmp_path / "libadded.dylib"),))
        module = {"user/_ext.abi3.so": made(SYSTEM)}
        assert [copy.member for copy in plan_of(tmp_path, module, wish).vendored] == ["user.libs/libadded.dylib"]
        with pytest.raises(LinkageError, match="made for arm64, and --require-archs asks for x86_64"):
            plan_of(tmp_path, {"user/_ext.abi3.so": user(BOTH)}, replace(wish, require_archs=BOTH, allow_missing=(PLAIN,)))

    def test_a_program_among_the_scripts_gets_a_launcher(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"user-1.0.data/scripts/tool": PROGRAM}, host(tmp_path), tag="py3-none-macosx_11_0_arm64")
        assert [(item.member, item.program) for item in found.launchers] == [("user-1.0.data/scripts/tool", "user.scripts/tool")]
        ((_, name),) = edits(found)["user-1.0.data/scripts/tool"].edit.replace
        assert name == f"@loader_path/../{found.vendored[0].member}"

    def test_an_excluded_one_stays_as_it_is_asked_for(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"user/_ext.abi3.so": user()}, replace(host(tmp_path), exclude=(PLAIN,)))
        assert (found.vendored, edits(found)["user/_ext.abi3.so"].edit) == ((), Edit(rpaths=()))


class TestNothingToDo:
    def test_a_wheel_that_needs_nothing_is_copied(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"user/_ext.abi3.so": made(SYSTEM)})
        assert (found.action, found.reason, found.output) == (Action.COPY, "nothing to repair", found.name)

    def test_so_is_one_whose_libraries_are_found_beside_it(self, tmp_path: Path) -> None:
        module = edited(tmp_path, user(), Edit(rpaths=("@loader_path/.dylibs",)))
        found = plan_of(tmp_path, {"user/_ext.abi3.so": module, "user/.dylibs/libntcore.dylib": core()})
        assert (found.action, found.warnings) == (Action.COPY, ())

    def test_one_that_allows_an_older_system_says_so(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"user/_ext.abi3.so": made(SYSTEM)}, tag="cp38-abi3-macosx_13_0_arm64")
        assert (found.action, found.reason) == (Action.COPY, "nothing to repair; the content also allows macosx_11_0_arm64")

    @pytest.mark.parametrize(
        ("tag", "module", "wish"),
        [
            ("cp38-abi3-macosx_11_0_arm64", made(SYSTEM, minimum=0xD0000), ALONE),
            ("cp38-abi3-macosx_11_0_arm64", made(SYSTEM), replace(ALONE, plat="macosx_12_0_arm64")),
            ("cp38-abi3-macosx_11_0_arm64", made(SYSTEM), replace(ALONE, strip=True)),
            ("cp38-abi3-macosx_11_0_arm64", made(SYSTEM, load(LC_LOAD_DYLIB, "@rpath/libpython3.11.dylib")), ALONE),
        ],
        ids=["untrue", "plat", "strip", "python"],
    )
    def test_a_reason_to_repair(self, tmp_path: Path, tag: str, module: bytes, wish: RepairOptions) -> None:
        assert plan_of(tmp_path, {"user/_ext.abi3.so": module}, wish, tag=tag).action is Action.REPAIR

    def test_a_weak_library_that_is_nowhere_is_no_reason(self, tmp_path: Path) -> None:
        assert plan_of(tmp_path, {"user/_ext.abi3.so": made(SYSTEM, load(LC_LOAD_WEAK_DYLIB, PLAIN))}).action is Action.COPY
        with pytest.raises(LinkageError, match="a library was not found"):
            plan_of(tmp_path, {"user/_ext.abi3.so": made(SYSTEM, load(LC_LOAD_DYLIB, PLAIN))})

    def test_python_is_dropped_with_a_warning(self, tmp_path: Path) -> None:
        module = made(SYSTEM, load(LC_LOAD_DYLIB, "@rpath/libpython3.11.dylib"))
        found = plan_of(tmp_path, {"user/_ext.abi3.so": module})
        assert found.warnings == ("user/_ext.abi3.so: dependency on @rpath/libpython3.11.dylib dropped, as the interpreter has it",)
        assert edits(found)["user/_ext.abi3.so"].edit == Edit(remove=(Identity("@rpath/libpython3.11.dylib"),))


class TestRepairedBefore:
    def test_it_is_copied(self, tmp_path: Path) -> None:
        made_before = repaired([consumer(tmp_path), provider(tmp_path)], tmp_path / "out", SHARING)
        for found in plans(made_before, SHARING):
            assert (found.action, found.reason) == (Action.COPY, "already repaired by nativewheel")

    @pytest.mark.parametrize(("plat", "refused"), [("macosx_12_0_arm64", True), (TAGS[ARM], False), ("manylinux_2_28_x86_64", False), (None, False)])
    def test_another_tag_comes_too_late(self, tmp_path: Path, plat: str | None, refused: bool) -> None:  # noqa: FBT001
        (path,) = repaired([provider(tmp_path)], tmp_path / "out", SHARING)
        wish = replace(SHARING, plat=plat)
        if not refused:
            assert plan(path, wish).action is Action.COPY
            return
        with pytest.raises(LinkageError, match=f"already repaired, and not for {plat}"):
            plan(path, wish)


def certified(image: bytes) -> bytes:
    """Return a signed image whose signature has a message of a certificate."""
    at = image.index(bytes.fromhex("fade0cc0"))
    signature = code_signature(image[:at], wrapper=b"message")
    changed = bytearray(image[:at] + signature)
    place = image.index(struct.pack("<II", LC_CODE_SIGNATURE, 16))
    struct.pack_into("<I", changed, place + 12, len(signature))
    linkedit = image.index(b"__LINKEDIT")
    struct.pack_into("<Q", changed, linkedit + 24, 0x4000)  # vmsize
    struct.pack_into("<Q", changed, linkedit + 40, len(changed) - BASE)
    return bytes(changed)


class TestCertificates:
    """A signature of Developer ID cannot be made again."""

    def signed(self, cpu: tuple[int, int] = ARM64) -> bytes:
        image = made(SYSTEM, load(LC_LOAD_DYLIB, PLAIN), cpu=cpu, signed=True)
        assert not formats.read(image, "x.so").certified
        return certified(image)

    def test_a_changed_file_loses_it(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"user/a.so": self.signed(), "user/b.so": made(SYSTEM)}, host(tmp_path))
        assert found.warnings == (
            "user/a.so: the signature of its certificate is lost, because the file changes; sign the wheel's files again if you need one",
        )

    def test_of_a_universal_file_one_slice_is_enough(self, tmp_path: Path) -> None:
        both = fat((X86_64, self.signed(X86_64)), (ARM64, made(SYSTEM, load(LC_LOAD_DYLIB, PLAIN), signed=True)), align=14)
        found = plan_of(tmp_path, {"user/a.so": both}, host(tmp_path, BOTH), archs=BOTH)
        assert [line.partition(",")[0] for line in found.warnings] == ["user/a.so: the signature of its certificate is lost"]

    def test_an_unchanged_one_keeps_it(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"user/a.so": self.signed()}, replace(ALONE, exclude=(PLAIN,), plat="macosx_12_0_arm64"))
        assert (found.action, found.edits, found.warnings) == (Action.REPAIR, (), ())


class TestSharing:
    @pytest.mark.parametrize("archs", [ARM, INTEL, BOTH])
    def test_a_consumer(self, tmp_path: Path, archs: tuple[Arch, ...]) -> None:
        found, _ = plans([consumer(tmp_path, archs=archs), provider(tmp_path, archs=archs)], SHARING)
        assert found.edits[0].edit == Edit(flat=(FlatBinding(dependency=PLAIN, identity=UNIQUE, renames=RENAMES),), rpaths=())
        assert [(item.provider, item.original, item.identity) for item in found.consumes] == [("core", PLAIN, UNIQUE)]
        assert (found.requires, found.vendored) == (("core==1.*",), ())
        assert b'__import__("nw_user").load()' in written(found)["user/__init__.py"]

    def test_bound_by_the_install_name(self, tmp_path: Path) -> None:
        wish = replace(SHARING, export=(replace(RULE, binding=Binding.INSTALL_NAME),))
        found, _ = plans([consumer(tmp_path), provider(tmp_path)], wish)
        assert found.edits[0].edit == Edit(replace=((PLAIN, UNIQUE),), rpaths=())

    @pytest.mark.parametrize("given", ["wheels", "site"])
    def test_a_provider_that_was_repaired_before(self, tmp_path: Path, given: str) -> None:
        """Its manifest tells the binding, and its file the names."""
        for number, (binding, edit) in enumerate(
            [
                (Binding.FLAT, Edit(flat=(FlatBinding(dependency=PLAIN, identity=UNIQUE, renames=RENAMES),), rpaths=())),
                (Binding.INSTALL_NAME, Edit(replace=((PLAIN, UNIQUE),), rpaths=())),
            ]
        ):
            folder = tmp_path / str(number)
            (path,) = repaired([provider(folder)], folder / "out", replace(SHARING, export=(replace(RULE, binding=binding),)))
            source = path.parent
            if given == "site":
                source = install(path, folder / "site")
            found = plan(consumer(folder), replace(ALONE, provider=(source,)))
            assert found.edits[0].edit == edit

    def test_thin_providers_of_a_universal_consumer(self, tmp_path: Path) -> None:
        wheels = [consumer(tmp_path, archs=BOTH), provider(tmp_path, archs=ARM), provider(tmp_path, archs=INTEL)]
        assert [found.consumes[0].identity for found in plans(wheels, SHARING)[:1]] == [UNIQUE]

    def test_a_symbol_that_the_provider_lacks(self, tmp_path: Path) -> None:
        other = edited(tmp_path, core(), Edit(rename_symbols=(("_nt_version", "_nt_else"),)))
        with pytest.raises(ProviderError, match=r"wants _nt_version, which core-1\.2\.7-py3-none-macosx_11_0_arm64\.whl does not export"):
            plans([consumer(tmp_path), provider(tmp_path, {"core/lib/libntcore.dylib": other})], SHARING)

    def test_a_program_cannot_use_a_provider(self, tmp_path: Path) -> None:
        wheels = [consumer(tmp_path, {"user-1.0.data/scripts/tool": PROGRAM}, tag="py3-none-macosx_11_0_arm64"), provider(tmp_path)]
        with pytest.raises(LinkageError, match="the program needs a library of another wheel"):
            plans(wheels, SHARING)

    def test_show_names_the_provider_and_what_is_spared(self, tmp_path: Path) -> None:
        made_before = repaired([consumer(tmp_path), provider(tmp_path)], tmp_path / "out", SHARING)
        (tmp_path / "host").mkdir()
        (tmp_path / "host" / "libntcore.dylib").write_bytes(core())
        found = inspect_wheel(made_before[0], lib_path=[tmp_path / "host"], sysroot=tmp_path)
        assert [(item.name, item.supply, item.provider) for item in found.images[0].dependencies] == [
            ("/usr/lib/libSystem.B.dylib", Supply.SYSTEM, None),
            (UNIQUE, Supply.PROVIDER, "core"),
        ]
        assert [(library.path.name, library.size) for library in found.spared] == [("libntcore.dylib", len(core()))]
        assert (found.external, found.repaired, found.repaired_by) == ((), None, "nativewheel")
        assert found.verdict is not None
        assert found.verdict.tag == "macosx_11_0_arm64"
        assert inspect_wheel(made_before[0], sysroot=tmp_path).spared == ()
        offered = inspect_wheel(made_before[1], lib_path=[tmp_path / "host"], sysroot=tmp_path)
        assert (offered.manifest and [item.identity for item in offered.manifest.exports], offered.spared) == ([UNIQUE], ())


def test_a_tag_for_processors_that_nobody_supports(tmp_path: Path) -> None:
    path = wheel(tmp_path, "cp38-abi3-macosx_10_6_intel", {"user/_ext.abi3.so": user(INTEL)})
    with pytest.raises(UnreadableError, match="wheels for macosx_10_6_intel are not supported"):
        plan(path)
    with pytest.raises(UnreadableError, match="wheels for macosx_10_6_intel are not supported"):
        inspect_wheel(path)
    also = wheel(tmp_path, "cp38-abi3-macosx_10_9_intel.macosx_10_9_x86_64", {"user/_ext.abi3.so": made(SYSTEM, cpu=X86_64, minimum=0xA0900)})
    assert plan(also).action is Action.COPY
