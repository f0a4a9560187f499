"""What the pictures draw: nodes, arrows, and what a wheel takes from another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madepictures import EVERY_ROLE, extension, from_arrows, inspection, library, needs

from nativewheel.formats.image import Arch, Format, Identity
from nativewheel.linkage.inspection import Supply
from nativewheel.linkage.manifest import Manifest, ManifestExport
from nativewheel.report.picture import MOST_ARROWS, Role, picture
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from nativewheel.linkage.inspection import Inspection


def core(platform: str, member: str = "core/lib/libnw_core__core.so.1") -> Manifest:
    export = ManifestExport(
        original=Identity("libcore.so.1"),
        identity=Identity("libnw_core__core.so.1"),
        member=Member(member),
        format=Format.ELF,
        archs=(Arch.X86_64,),
        requires=f"=={platform}",
    )
    return Manifest(namespace="nw_core", exports=(export,))


def test_every_role() -> None:
    drawn = picture([EVERY_ROLE])
    assert [(node.role, node.label, node.path, node.note) for node in drawn.nodes] == [
        (Role.EXTENSION, "spam._a", "spam/_a.cpython-311-x86_64-linux-gnu.so", "2.0 kB"),
        (Role.WHEEL, "libown.so", "spam/libown.so", "5.0 kB"),
        (Role.VENDORED, "libin-1a2b3c4d.so.1", "spam.libs/libin-1a2b3c4d.so.1", "1.5 MB"),
        (Role.SHARED, "libnw_spam__egg.so.1", "spam/lib/libnw_spam__egg.so.1", "5.0 kB"),
        (Role.PROGRAM, "tool", "spam/bin/tool", "700 bytes"),
        (Role.EXTERNAL, "libout.so.2", "/lib/libout.so.2", "34.0 MB"),
        (Role.PROVIDER, "libnw_core__core.so.1", "libnw_core__core.so.1", "of core"),
        (Role.MISSING, "libgone.so.3", "libgone.so.3", "missing"),
        (Role.SYSTEM, "libc.so.6", "libc.so.6", ""),
    ]
    assert set(Role) == {node.role for node in drawn.nodes}
    first = [(0, target) for target in (1, 2, 5, 6, 7, 8)]
    assert [(arrow.source, arrow.target) for arrow in drawn.arrows] == [*first, (1, 8), (2, 8), (3, 8), (4, 8), (5, 8)]
    assert [arrow.target for arrow in drawn.arrows if arrow.implied] == [8]
    assert {arrow.name for arrow in drawn.arrows if arrow.target == 5} == {"libout.so.2"}


@pytest.mark.parametrize(
    ("member", "label"),
    [
        ("spam/eggs/_a.abi3.so", "spam.eggs._a"),
        ("_top.cp311-win_amd64.pyd", "_top"),
        ("spam-1.0.data/platlib/spam/_a.so", "spam._a"),
    ],
)
def test_an_extension_is_called_as_it_is_imported(member: str, label: str) -> None:
    assert picture([inspection(extension(member))]).nodes[0].label == label


def test_framework_and_path_names_are_short() -> None:
    frame = "/System/Library/Frameworks/Foundation.framework/Versions/C/Foundation"
    nodes = picture([inspection(extension("a.so", needs(frame, Supply.SYSTEM), needs("odd/", Supply.SYSTEM)))]).nodes
    assert [(node.label, node.path) for node in nodes[1:]] == [("Foundation", frame), ("odd/", "odd/")]


def test_an_image_that_asks_for_itself_or_twice_for_one_gets_no_arrow_more() -> None:
    drawn = picture([from_arrows(2, [(0, 0), (0, 1), (0, 1)])])
    assert [(arrow.source, arrow.target) for arrow in drawn.arrows] == [(0, 1)]


def test_a_provider_in_the_set_is_pointed_at_where_it_fits() -> None:
    def user(platform: str) -> Inspection:
        return inspection(extension("user.so", needs("libnw_core__core.so.1", Supply.PROVIDER, provider="core")), name="user", platform=platform)

    musl, glibc = "musllinux_1_2_x86_64", "manylinux1_x86_64.manylinux_2_5_x86_64"
    providers = [
        inspection(library("core/lib/libnw_core__core.so.1"), name="core", platform=platform, manifest=core("1")) for platform in (musl, glibc)
    ]
    drawn = picture([*providers, user("manylinux_2_17_x86_64"), user(musl), user("macosx_11_0_x86_64")])
    assert [(arrow.source, arrow.target) for arrow in drawn.arrows] == [(2, 1), (3, 0), (4, 5)]
    assert [(group.nodes.start, group.nodes.stop) for group in drawn.groups] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6)]
    assert drawn.nodes[5].note == "of core"


def test_a_manifest_that_names_a_file_which_is_not_there() -> None:
    liar = inspection(library("core/other.so"), name="core", manifest=core("1", "core/gone.so"))
    user = inspection(extension("user.so", needs("libnw_core__core.so.1", Supply.PROVIDER, provider="core")), name="user")
    assert [node.role for node in picture([liar, user]).nodes] == [Role.WHEEL, Role.EXTENSION, Role.PROVIDER]


def test_essential_arrows() -> None:
    def essential(count: int) -> list[tuple[int, int]]:
        arrows = [(source, target) for source in range(count) for target in range(source + 1, count)]
        return [(arrow.source, arrow.target) for arrow in picture([from_arrows(count, arrows)]).essential]

    assert len(essential(11)) == 55 < MOST_ARROWS
    assert essential(12) == [(number, number + 1) for number in range(11)]


def test_a_pure_wheel_has_no_nodes() -> None:
    assert picture([replace(inspection(), verdict=None)]).nodes == ()
