"""The platform tags that a repaired wheel gets, and why a wish is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, extension, graph_of, library, member, needs

from nativewheel.errors import LinkageError, UsageError
from nativewheel.formats.image import Arch, Identity, Libc, Symbol
from nativewheel.linkage.inspection import Blocker
from nativewheel.linkage.policy import policies
from nativewheel.linkage.verdict import Judge
from nativewheel.repair.linux_tags import choose, describe, libc_of
from nativewheel.wheel.names import WheelName

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.repair.platform import Choice

OLD = member("pkg/_x.so", extension(needs("libc.so.6", "GLIBC_2.2.5")))
NEW = member(
    "pkg/_x.so",
    extension(needs("libc.so.6", "GLIBC_2.14")),
    imports=[Symbol(name="memcpy", version="GLIBC_2.14", library=Identity("libc.so.6"))],
)
MUSL = member("pkg/_x.so", extension("libc.so", libc=Libc.MUSL))
STATIC = member("pkg/prog", library(None, libc=None))

pytestmark = pytest.mark.usefixtures("no_library_path")


def choice(
    *images: WheelImage,
    tags: str = "linux_x86_64",
    plat: str | None = None,
    only_plat: bool = False,
    libc: Libc = Libc.GLIBC,
    host: MadeHost | None = None,
    lib_path: tuple[Path, ...] = (),
) -> Choice:
    host = host or MadeHost()
    judge = Judge(graph=graph_of(host, *images, libc=libc, lib_path=lib_path), policies=policies(libc, Arch.X86_64), host=host)
    return choose(WheelName.parse(f"small-1.0-cp311-cp311-{tags}.whl"), judge, plat, only_plat=only_plat)


class TestBest:
    def test_the_oldest_system_with_its_legacy_name(self) -> None:
        found = choice(OLD)
        assert found.platforms == ("manylinux1_x86_64", "manylinux_2_5_x86_64")
        assert (found.satisfied, found.best, found.warnings) == (False, ("manylinux_2_5_x86_64",), ())

    def test_fewer_libraries_count_more_than_an_older_system(self, tmp_path: Path) -> None:
        host = MadeHost()
        host.put(tmp_path / "libexpat.so.1", library("libexpat.so.1"))
        found = choice(member("pkg/_x.so", extension("libexpat.so.1")), host=host, lib_path=(tmp_path,))
        assert (found.best, found.external) == (("manylinux_2_12_x86_64",), ())

    def test_musl_content_proves_the_newest_release_only(self) -> None:
        assert choice(MUSL, libc=Libc.MUSL).platforms == ("musllinux_1_2_x86_64",)

    def test_content_that_no_tag_fits_is_refused_with_symbols(self) -> None:
        image = member("pkg/_x.so", extension(needs("libc.so.6", "GLIBC_PRIVATE")))
        message = r"no glibc platform tag fits its content; in the way of manylinux_\S+: pkg/_x\.so wants libc\.so\.6, GLIBC_PRIVATE"
        with pytest.raises(LinkageError, match=message):
            choice(image)


class TestExistingTags:
    def test_a_true_tag_satisfies(self) -> None:
        found = choice(NEW, tags="manylinux_2_28_x86_64")
        assert (found.satisfied, found.best) == (True, ("manylinux_2_17_x86_64",))
        assert found.platforms == ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")

    def test_an_untrue_tag_is_dropped_with_a_warning(self) -> None:
        found = choice(NEW, tags="manylinux_2_5_x86_64.manylinux_2_28_x86_64")
        assert found.platforms == ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
        assert not found.satisfied
        assert found.warnings == ("the content does not allow the tag manylinux_2_5_x86_64, which is dropped",)

    @pytest.mark.parametrize("tags", ["any", "linux_x86_64"])
    def test_a_tag_that_promised_nothing_goes_silently(self, tags: str) -> None:
        found = choice(OLD, tags=tags)
        assert (found.satisfied, found.warnings) == (False, ())
        assert tags not in found.platforms

    def test_an_older_musl_that_the_tag_names_is_kept(self) -> None:
        found = choice(MUSL, tags="musllinux_1_1_x86_64", libc=Libc.MUSL)
        assert found.platforms == ("musllinux_1_1_x86_64",)
        assert found.satisfied

    def test_an_older_tag_that_would_need_more_libraries_is_untrue(self, tmp_path: Path) -> None:
        host = MadeHost()
        host.put(tmp_path / "libexpat.so.1", library("libexpat.so.1"))
        image = member("pkg/_x.so", extension("libexpat.so.1"))
        found = choice(image, tags="manylinux_2_28_x86_64", host=host, lib_path=(tmp_path,))
        assert (found.satisfied, "manylinux_2_28_x86_64" in found.platforms) == (True, True)

    def test_static_programs_keep_the_tags_of_both_c_libraries(self) -> None:
        found = choice(STATIC, tags="manylinux_2_17_x86_64.musllinux_1_1_x86_64")
        assert {"manylinux_2_17_x86_64", "musllinux_1_1_x86_64"} <= set(found.platforms)
        assert found.satisfied
        assert "musllinux_1_1_x86_64" not in choice(OLD, tags="manylinux_2_17_x86_64.musllinux_1_1_x86_64").platforms


class TestWish:
    @pytest.mark.parametrize("plat", ["manylinux_2_28", "manylinux_2_28_x86_64"])
    def test_a_wish_is_granted_beside_the_best_tag(self, plat: str) -> None:
        found = choice(NEW, plat=plat)
        assert found.platforms == ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
        assert found.best == ("manylinux_2_17_x86_64",)

    def test_or_alone(self) -> None:
        found = choice(NEW, plat="manylinux_2_28", only_plat=True, tags="manylinux_2_17_x86_64")
        assert found.platforms == ("manylinux_2_28_x86_64",)
        assert choice(NEW, plat="manylinux2014", only_plat=True).platforms == ("manylinux2014_x86_64", "manylinux_2_17_x86_64")

    def test_a_wheel_that_has_it_already_is_satisfied(self) -> None:
        assert choice(NEW, plat="manylinux_2_28", tags="manylinux_2_28_x86_64").satisfied
        assert not choice(NEW, plat="manylinux_2_28", tags="manylinux_2_24_x86_64").satisfied

    def test_what_the_content_does_not_allow_is_refused_with_the_symbol(self) -> None:
        with pytest.raises(LinkageError) as caught:
            choice(NEW, plat="manylinux_2_12")
        assert caught.value.message == "the content does not allow manylinux_2_12_x86_64: pkg/_x.so wants memcpy@GLIBC_2.14 of libc.so.6"
        assert caught.value.where == ("small-1.0-cp311-cp311-linux_x86_64.whl",)
        assert caught.value.hint is not None

    def test_an_older_wish_may_need_more_libraries(self, tmp_path: Path) -> None:
        host = MadeHost()
        path = host.put(tmp_path / "libexpat.so.1", library("libexpat.so.1"))
        image = member("pkg/_x.so", extension("libexpat.so.1"))
        found = choice(image, plat="manylinux_2_5", host=host, lib_path=(tmp_path,))
        assert (found.best, found.external) == (("manylinux_2_5_x86_64",), (path,))

    @pytest.mark.parametrize("plat", ["manylinux_2_17_aarch64", "manylinux_1_0"])
    def test_an_unknown_tag_of_the_family_is_a_usage_error(self, plat: str) -> None:
        with pytest.raises(UsageError, match=f"--plat {plat} is not a tag for x86_64 and glibc"):
            choice(OLD, plat=plat)

    @pytest.mark.parametrize("plat", ["musllinux_1_2", "macosx_11_0_arm64", "win_amd64"])
    def test_a_tag_of_another_family_is_not_meant_for_this_wheel(self, plat: str) -> None:
        assert choice(OLD, plat=plat) == choice(OLD)

    def test_musl_grants_an_older_release_and_says_nothing_of_newer_ones(self) -> None:
        assert choice(MUSL, plat="musllinux_1_1", libc=Libc.MUSL).platforms == ("musllinux_1_1_x86_64",)
        assert choice(MUSL, plat="musllinux_1_2", libc=Libc.MUSL).platforms == ("musllinux_1_2_x86_64",)
        kept = choice(MUSL, plat="musllinux_1_2", tags="musllinux_1_1_x86_64", libc=Libc.MUSL)
        assert kept.platforms == ("musllinux_1_1_x86_64", "musllinux_1_2_x86_64")


class TestMissing:
    def test_one(self) -> None:
        with pytest.raises(LinkageError) as caught:
            choice(member("pkg/_x.so", extension("libgone.so.1")))
        assert caught.value.message == "a library was not found: libgone.so.1 (wanted by pkg/_x.so)"
        assert caught.value.hint == "install it, or use --lib-path, --sysroot, --exclude or --allow-missing"

    def test_many_are_counted_and_some_are_named(self) -> None:
        with pytest.raises(LinkageError) as caught:
            choice(member("pkg/_x.so", extension(*(f"libgone{index}.so.1" for index in range(7)))))
        assert caught.value.message.startswith("7 libraries were not found: libgone0.so.1 (wanted by pkg/_x.so); ")
        assert caught.value.message.endswith("libgone4.so.1 (wanted by pkg/_x.so); and 2 more")


@pytest.mark.parametrize(
    ("plat", "libc"),
    [(None, None), ("macosx_11_0_arm64", None), ("win32", None), ("win_amd64", None), ("manylinux1", Libc.GLIBC), ("musllinux_1_2", Libc.MUSL)],
)
def test_a_wish_speaks_of_one_family(plat: str | None, libc: Libc | None) -> None:
    assert libc_of(plat) is libc


@pytest.mark.parametrize("plat", ["linux_x86_64", "many", "any", "solaris"])
def test_a_wish_of_no_family_is_a_usage_error(plat: str) -> None:
    with pytest.raises(UsageError, match=f"--plat {plat} is no platform tag that can be promised"):
        libc_of(plat)


@pytest.mark.parametrize(
    ("library_name", "symbol", "needs_", "text"),
    [
        ("libc.so.6", "memcpy", "GLIBC_2.14", "x.so wants memcpy@GLIBC_2.14 of libc.so.6"),
        ("libc.so.6", None, "GLIBC_2.14", "x.so wants libc.so.6, GLIBC_2.14"),
        (None, "PyFPE_jbuf", "a Python built with fpectl", "x.so wants PyFPE_jbuf, a Python built with fpectl"),
        (None, None, "x86-64-v3, an instruction set", "x.so wants x86-64-v3, an instruction set"),
        ("libz.so.1", "inflate", "a symbol that some systems lack", "x.so wants inflate of libz.so.1, a symbol that some systems lack"),
    ],
)
def test_blockers_in_words(library_name: str | None, symbol: str | None, needs_: str, text: str) -> None:
    name = Identity(library_name) if library_name else None
    assert describe(Blocker(tag="t", member="x.so", library=name, symbol=symbol, needs=needs_)) == text
